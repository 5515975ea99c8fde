"""keras-upsampling-sgd against its recipe, step by step."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
tf = pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra: keras)")
keras = pytest.importorskip("keras", reason="Keras is not installed (extra: keras)")

from gan_bench.errors import UsageError  # noqa: E402
from gan_bench.trainer import Unsupported  # noqa: E402
from gan_bench_keras.upsampling_sgd import UpsamplingSgd  # noqa: E402
from gan_bench_recipes import upsampling_sgd as recipes  # noqa: E402

pytestmark = pytest.mark.keras

SMALL = {
    "batch_size": 8,
    "generator_channels": 8,
    "discriminator_channels": 4,
    "dense_units": 32,
}


def trainer(device="cpu", **values):
    recipe = recipes.UpsamplingSgd(**(SMALL | values))
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)
    made = UpsamplingSgd(
        recipe, images, np.zeros(50, np.int64), device=device, planned_steps=10, seed=0
    )
    made.set_weights(recipe.initial_weights(0))
    return made


def inputs(steps, batch=8):
    random = np.random.default_rng(1)
    batches = random.integers(0, 50, (steps, 1, batch))
    latents = random.uniform(-1, 1, (steps, 2, batch, 100)).astype(np.float32)
    return batches, {"latents": latents}


class Reference:
    """The recipe once more: TensorFlow's functions, hand-written statistics, losses and SGD."""

    def __init__(self, weights, nesterov):
        self.weights = {name: tf.constant(tensor, tf.float64) for name, tensor in weights.items()}
        self.velocities = {name: 0.0 for name in self.weights}
        self.nesterov = nesterov

    def affine(self, name, x):
        return x @ self.weights[f"{name}.kernel"] + self.weights[f"{name}.bias"]

    def convolve(self, name, x, padding):
        kernel = self.weights[f"{name}.kernel"]
        return tf.nn.conv2d(x, kernel, 1, padding) + self.weights[f"{name}.bias"]

    def normalise(self, name, x):
        mean = tf.reduce_mean(x, 0)
        variance = tf.reduce_mean((x - mean) ** 2, 0)
        for moving, new in (("moving_mean", mean), ("moving_variance", variance)):
            key = f"{name}.{moving}"
            self.weights[key] = 0.99 * self.weights[key] + 0.01 * new
        standard = (x - mean) / tf.sqrt(variance + 1e-3)
        return standard * self.weights[f"{name}.gamma"] + self.weights[f"{name}.beta"]

    def generator(self, z):
        x = tf.tanh(self.affine("generator.0", z))
        x = tf.tanh(self.normalise("generator.2", self.affine("generator.1", x)))
        x = tf.reshape(x, (-1, 7, 7, 16))
        x = tf.repeat(tf.repeat(x, 2, 1), 2, 2)
        x = tf.tanh(self.convolve("generator.3", x, "SAME"))
        x = tf.repeat(tf.repeat(x, 2, 1), 2, 2)
        return tf.tanh(self.convolve("generator.4", x, "SAME"))

    def discriminator(self, x):
        x = tf.tanh(self.convolve("discriminator.0", x, "SAME"))
        x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        x = tf.tanh(self.convolve("discriminator.1", x, "VALID"))
        x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        x = tf.tanh(self.affine("discriminator.2", tf.reshape(x, (len(x), -1))))
        return tf.sigmoid(self.affine("discriminator.3", x)[:, 0])

    def sgd(self, network, loss):
        names = [n for n in self.weights if n.startswith(network) and "moving" not in n]
        with tf.GradientTape() as tape:
            tape.watch([self.weights[name] for name in names])
            value = loss()
        before = {name: self.weights[name] for name in names}
        for name, gradient in zip(names, tape.gradient(value, list(before.values())), strict=True):
            velocity = self.velocities[name] = 0.9 * self.velocities[name] - 5e-4 * gradient
            change = 0.9 * velocity - 5e-4 * gradient if self.nesterov else velocity
            self.weights[name] = before[name] + change
        return float(value)

    def step(self, real, latents):
        report = {}
        fakes = self.generator(latents[0])

        def discriminator_loss():
            on_real, on_fake = self.discriminator(real), self.discriminator(fakes)
            report.update(d_real=np.mean(on_real), d_fake=np.mean(on_fake))
            return -tf.reduce_mean(tf.math.log(tf.concat([on_real, 1 - on_fake], 0)))

        def generator_loss():
            return -tf.reduce_mean(tf.math.log(self.discriminator(self.generator(latents[1]))))

        report["discriminator"] = self.sgd("discriminator", discriminator_loss)
        report["generator"] = self.sgd("generator", generator_loss)
        return report


@pytest.mark.parametrize("nesterov", [True, False])
def test_three_steps_equal_an_independent_computation_in_float64(nesterov):
    tested = trainer(dtype="float64", nesterov=nesterov)
    reference = Reference(tested.weights(), nesterov)
    batches, draws = inputs(3)
    latents = draws["latents"]
    losses = tested.train(batches, {"latents": latents})
    for step in range(3):
        real = tested.images.numpy()[batches[step, 0]].astype(np.float64) / 127.5 - 1
        expected = reference.step(real, latents[step].astype(np.float64))
        for name, value in expected.items():
            assert losses[name][step] == pytest.approx(value, rel=1e-6)
    for name, tensor in tested.weights().items():
        expected = reference.weights[name].numpy()
        np.testing.assert_allclose(tensor, expected, rtol=1e-9, atol=1e-12, err_msg=name)


def test_weights_of_another_recipe_are_refused_by_name():
    tested = trainer()
    weights = tested.weights()
    with pytest.raises(UsageError, match=r"discriminator\.9\.kernel"):
        tested.set_weights(weights | {"discriminator.9.kernel": np.zeros(1)})
    with pytest.raises(UsageError, match=r"generator\.0\.kernel has the shape"):
        tested.set_weights(weights | {"generator.0.kernel": np.zeros((100, 1))})


def test_the_update_is_traced_once_for_chunks_of_any_length(monkeypatch):
    tested, traced = trainer(), []
    monkeypatch.setattr(tested, "update", lambda *_: traced.append(1))
    tested.train(*inputs(1))
    losses = tested.train(*inputs(3))
    assert losses["generator"].shape == (3,)
    assert not traced


def test_keras_keeps_its_own_float_type():
    trainer(dtype="float64")
    assert keras.config.floatx() == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_an_absent_gpu_is_unsupported():
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    with pytest.raises(Unsupported, match="cuda:0"):
        trainer(device="cuda:0")


def test_another_keras_backend_is_unsupported(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(Unsupported, match="KERAS_BACKEND is jax"):
        trainer()
