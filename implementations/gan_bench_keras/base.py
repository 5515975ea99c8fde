"""What the recipes share in Keras: data on the device, canonical weights, the loop, state."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gan_bench.errors import UsageError
from gan_bench.recipe import Recipe
from gan_bench.trainer import Losses, Unsupported, Weights
from gan_bench_keras.layers import Dropout
from gan_bench_keras.placement import device_name, floatx

# Samples are made in batches of one size, the last padded: kernels of other sizes round otherwise.
_SAMPLE_BATCH = 128

# Keras keeps the kernel of a transposed convolution as (height, width, out, in). The permutation
# to the canonical (height, width, in, out) is its own inverse.
_TRANSPOSED_KERNEL = (0, 1, 3, 2)


class KerasTrainer(ABC):
    """A trainer of two networks; a subclass says how they are built and what one update does.

    The uint8 images stay on the device, where a step gathers its batches by index. A step is one
    graph, traced when the trainer is built (sampling when it first samples); the losses stay on the
    device, too, and are fetched once at the end of `train`.
    """

    framework: ClassVar[str] = "keras"
    recipe_class: ClassVar[type[Recipe]]

    generator: keras.Model
    discriminator: keras.Model
    generator_optimiser: keras.Optimizer
    discriminator_optimiser: keras.Optimizer

    def __init__(
        self,
        recipe: Recipe,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        *,
        device: str,
        planned_steps: int,
        seed: int,
    ) -> None:
        if keras.backend.backend() != "tensorflow":
            raise Unsupported(
                f"the keras implementations need Keras on TensorFlow, and KERAS_BACKEND is "
                f"{keras.backend.backend()}"
            )
        if os.environ.get("GAN_BENCH_DETERMINISTIC") == "1":
            tf.config.experimental.enable_op_determinism()
        # A worker's environment turns it off in NVIDIA's libraries; XLA has products of its own.
        tf.config.experimental.enable_tensor_float_32_execution(False)
        self.recipe = recipe
        self.planned_steps = planned_steps
        self.seed = seed
        self.dtype = tf.as_dtype(recipe.dtype)
        self.device = device_name(device)
        with tf.device(self.device), floatx(recipe.dtype):
            # A variable, not a constant: TensorFlow gathers uint8 on a GPU from variables only.
            self.images = tf.Variable(images, trainable=False)
            self.build_networks()
            self.build_optimisers()
        self._step  # noqa: B018 - traced now: not a part of training

    @abstractmethod
    def build_networks(self) -> None:
        """Set ``generator`` (latents -> NHWC) and ``discriminator`` (NHWC -> logits (n,))."""

    @abstractmethod
    def build_optimisers(self) -> None:
        """Set ``generator_optimiser`` and ``discriminator_optimiser``."""

    @abstractmethod
    def update(self, real: list[tf.Tensor], latents: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Make one step and return its `Losses`, in their order; traced once.

        Parameters
        ----------
        real
            Batches of real images, NHWC in [-1, 1].
        latents
            (draws, batch, latent).
        """

    def train(self, batches: NDArray[np.int64], latents: NDArray[np.float32]) -> Losses:
        """Train one step for each row and return when the device is idle again."""
        with tf.device(self.device):
            indices, draws = tf.constant(batches), tf.constant(latents)
            losses = [self._step(indices[step], draws[step]) for step in range(len(batches))]
            return Losses(*tf.stack(losses).numpy().T.copy())

    def sample(
        self, latents: NDArray[np.float32], labels: NDArray[np.int64] | None = None
    ) -> NDArray[np.uint8]:
        """Return G(latents) as uint8 NHWC, in inference mode."""
        padded = np.pad(latents, ((0, -len(latents) % _SAMPLE_BATCH), (0, 0)))
        with tf.device(self.device):
            images = [
                self._sample(tf.constant(chunk)).numpy()
                for chunk in padded.reshape(-1, _SAMPLE_BATCH, latents.shape[1])
            ]
        return np.concatenate(images)[: len(latents)]

    def forward(
        self, latents: NDArray[np.float32], images: NDArray[np.float32], training: bool
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Return G(latents) as float NHWC and D(images) as logits, leaving no state behind."""
        networks = (self.generator, self.discriminator)
        kept = [[variable.numpy() for variable in network.variables] for network in networks]
        with tf.device(self.device):
            made, logits = self._forward[training](tf.constant(latents), tf.constant(images))
        for network, values in zip(networks, kept, strict=True):
            for variable, value in zip(network.variables, values, strict=True):
                variable.assign(value)
        return made.numpy(), logits.numpy()

    def set_weights(self, weights: Weights) -> None:
        """Replace every tensor of both networks; optimiser state is left as it is."""
        variables = {name: (variable, axes) for name, variable, axes in self._canonical_variables()}
        if variables.keys() != weights.keys():
            raise UsageError(
                f"{type(self).__name__} has other tensors than these weights: only one has "
                f"{', '.join(sorted(variables.keys() ^ weights.keys()))}."
            )
        for name, (variable, axes) in variables.items():
            shape = tuple(variable.shape[axis] for axis in axes)
            if shape != weights[name].shape:
                raise UsageError(f"{name} has the shape {shape}, not {weights[name].shape}.")
            variable.assign(np.transpose(weights[name], axes))

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of every tensor of both networks, on the host."""
        return {
            name: np.ascontiguousarray(np.transpose(variable.numpy(), axes))
            for name, variable, axes in self._canonical_variables()
        }

    def save(self, path: Path) -> None:
        """Write networks and optimisers below the folder ``path``."""
        np.savez(
            path / "state.npz", **{name: value.numpy() for name, value in self._state().items()}
        )

    def load(self, path: Path) -> None:
        """Restore what ``save`` wrote."""
        with np.load(path / "state.npz", allow_pickle=False) as state:
            for name, variable in self._state().items():
                variable.assign(state[name])

    @staticmethod
    def compiles(device: str) -> bool:
        """Tell whether XLA compiles steps on a device: Keras' own choice, ``"auto"``.

        On a CPU the convolutions of its graphs are slower than TensorFlow's.
        """
        return device.startswith("/GPU")

    @cached_property
    def _step(self) -> Callable[..., tf.Tensor]:
        recipe = self.recipe
        return self._traced(
            self._one_step,
            tf.TensorSpec((recipe.real_batches_per_step, recipe.batch_size), tf.int64),
            tf.TensorSpec(
                (recipe.draws_per_step, recipe.batch_size, recipe.latent_size), tf.float32
            ),
            compiled=self.compiles(self.device),
        )

    @cached_property
    def _sample(self) -> Callable[..., tf.Tensor]:
        return self._traced(
            lambda latents: _to_bytes(self.generator(self._cast(latents), training=False)),
            tf.TensorSpec((_SAMPLE_BATCH, self.recipe.latent_size), tf.float32),
        )

    @cached_property
    def _forward(self) -> dict[bool, Callable[..., tuple[tf.Tensor, tf.Tensor]]]:
        return {
            training: self._traced(
                partial(self._outputs, training=training),
                tf.TensorSpec((None, self.recipe.latent_size), tf.float32),
                tf.TensorSpec((None, *self.images.shape[1:]), tf.float32),
            )
            for training in (False, True)
        }

    def _traced(
        self, function: Callable[..., Any], *inputs: tf.TensorSpec, compiled: bool = False
    ) -> Callable[..., Any]:
        with tf.device(self.device), floatx(self.recipe.dtype):
            return tf.function(
                function, input_signature=inputs, autograph=False, jit_compile=compiled
            ).get_concrete_function()

    def multiply_adds(self) -> dict[str, int]:
        """Return those of a forward pass of one image, from the layers' kernels and maps."""
        return {
            name: sum(_multiply_adds(layer) for layer in network.layers)
            for name, network in self._networks().items()
        }

    def _one_step(self, batches: tf.Tensor, latents: tf.Tensor) -> tf.Tensor:
        real = [self._gather(batch) for batch in tf.unstack(batches)]
        return tf.stack(self.update(real, self._cast(latents)))

    def _outputs(
        self, latents: tf.Tensor, images: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with self._without_dropout():
            made = self.generator(self._cast(latents), training=training)
            logits = self.discriminator(self._cast(images), training=training)
        return made, logits

    @contextmanager
    def _without_dropout(self) -> Iterator[None]:
        networks = self._networks().values()
        found = [layer for net in networks for layer in net.layers if isinstance(layer, Dropout)]
        for layer in found:
            layer.active = False
        try:
            yield
        finally:
            for layer in found:
                layer.active = True

    def _gather(self, indices: tf.Tensor) -> tf.Tensor:
        return self._cast(tf.gather(self.images, indices)) / 127.5 - 1.0

    def _cast(self, values: tf.Tensor) -> tf.Tensor:
        return tf.cast(values, self.dtype)

    def _networks(self) -> dict[str, keras.Model]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def _state(self) -> dict[str, keras.Variable]:
        parts = {
            **self._networks(),
            "generator_optimiser": self.generator_optimiser,
            "discriminator_optimiser": self.discriminator_optimiser,
        }
        return {
            f"{name}.{index}": variable
            for name, part in parts.items()
            for index, variable in enumerate(part.variables)
        }

    def _canonical_variables(
        self,
    ) -> Iterator[tuple[str, keras.Variable, tuple[int, ...]]]:
        for name, network in self._networks().items():
            layers = [layer for layer in network.layers if layer.weights]
            for index, layer in enumerate(layers):
                for variable in layer.weights:
                    axes = tuple(range(len(variable.shape)))
                    if isinstance(layer, keras.layers.Conv2DTranspose) and len(axes) == 4:
                        axes = _TRANSPOSED_KERNEL
                    yield f"{name}.{index}.{variable.name}", variable, axes


def cross_entropy(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Return the binary cross-entropy of sigmoid(logits) with the target 1 or 0, batch mean."""
    # Not sigmoid_cross_entropy_with_logits: its gradient is a sum of several terms, the order of
    # which TensorFlow's AddN leaves to the threads' timing.
    return tf.reduce_mean(tf.nn.softplus(-logits if real else logits))


def descend(
    tape: tf.GradientTape, loss: tf.Tensor, network: keras.Model, optimiser: keras.Optimizer
) -> None:
    """Make one step down the gradient of the network's own parameters, computing no other."""
    optimiser.apply(differentiate(tape, loss, network), network.trainable_variables)


def differentiate(tape: tf.GradientTape, loss: tf.Tensor, network: keras.Model) -> list[tf.Tensor]:
    """Return the gradient of the network's own parameters, computing no other."""
    return tape.gradient(loss, [parameter.value for parameter in network.trainable_variables])


def _multiply_adds(layer: keras.Layer) -> int:
    if not hasattr(layer, "kernel"):
        return 0
    # A kernel meets each position of the output, a transposed one each position of the input.
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    _, *positions, _ = (layer.input if transposed else layer.output).shape
    return prod(layer.kernel.shape) * prod(positions)


def _to_bytes(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.round((images + 1.0) * 127.5), 0.0, 255.0), tf.uint8)
