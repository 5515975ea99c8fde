"""Writes the sampler of a Keras trainer as an ONNX file.

Apart from the trainers' base, whose source is part of a run's identity.
"""

from pathlib import Path

import tensorflow as tf

from gan_bench.trainer import Unsupported
from gan_bench_keras.base import KerasTrainer

_OPSET = 18


def export_onnx(trainer: object, path: Path) -> None:
    """Write the network that samples; see `gan_bench.trainer.Trainer`.

    Its images are float32 NHWC.

    Raises
    ------
    Unsupported
        The trainer is no `KerasTrainer`.
    ModuleNotFoundError
        ``tf2onnx`` or ``onnx`` is not installed.
    """
    import tf2onnx

    if not isinstance(trainer, KerasTrainer):
        raise Unsupported(f"{type(trainer).__name__} is no KerasTrainer and has no export_onnx")
    recipe = trainer.recipe
    sampler = trainer._networks()[recipe.sampler]
    inputs = [tf.TensorSpec((None, recipe.latent_size), tf.float32, name="latents")]
    inputs += [tf.TensorSpec((None,), tf.int64, name="labels")] if recipe.conditional else []

    def images(latents: tf.Tensor, *labels: tf.Tensor) -> dict[str, tf.Tensor]:
        made = sampler(trainer._entering(latents, *labels), training=False)
        return {"images": tf.cast(made, tf.float32)}

    with tf.device(trainer.device):
        traced = tf.function(images, input_signature=inputs, autograph=False)
        tf2onnx.convert.from_function(
            traced, input_signature=inputs, opset=_OPSET, output_path=str(path)
        )
