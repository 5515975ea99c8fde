"""Augmentations against figures worked out by hand and the NumPy reference, in every framework."""

import importlib

import numpy as np
import pytest

from gan_bench_recipes import augmentation as reference
from recipes import EACH_FRAMEWORK

SHARES = (0, 0.125, 0.3, 0.5, 1)
AT_THE_ENDS = [0, 1 - 2.0**-24]
"""The smallest and the largest number that a draw in [0, 1) has."""


def squares(count, side, channels):
    return np.random.default_rng(0).uniform(-1, 1, (count, side, side, channels))


def numbers(count):
    """Return numbers in [0, 1) of both axes, the ends among them."""
    random = np.random.default_rng(1).random((count, 2), np.float32).astype(float)
    random[:2] = np.transpose([AT_THE_ENDS, AT_THE_ENDS[::-1]])
    return random


class Torch:
    """PyTorch's augmentations of NumPy arrays NHWC."""

    def __init__(self):
        self.torch = pytest.importorskip("torch")

    def with_gradient(self, function, images, given, share, towards):
        """Return what a function makes, and the gradient of its product with ``towards``."""
        entering = self.torch.tensor(images).permute(0, 3, 1, 2).requires_grad_()
        made = function(entering, self.torch.tensor(given), share)
        (made * self.torch.tensor(towards).permute(0, 3, 1, 2)).sum().backward()
        return (one.permute(0, 2, 3, 1).numpy() for one in (made.detach(), entering.grad))


class Keras:
    """TensorFlow's augmentations of NumPy arrays, in a graph."""

    def __init__(self):
        self.tf = pytest.importorskip("tensorflow")

    def with_gradient(self, function, images, given, share, towards):
        """Return what a function makes, and the gradient of its product with ``towards``."""
        entering = self.tf.constant(images)

        @self.tf.function(autograph=False)
        def both():
            with self.tf.GradientTape() as tape:
                tape.watch(entering)
                made = function(entering, self.tf.constant(given), share)
            return made, tape.gradient(made, entering, towards)

        return (one.numpy() for one in both())


class Jax:
    """JAX's augmentations of NumPy arrays, compiled."""

    def __init__(self):
        self.jax = pytest.importorskip("jax")
        importlib.import_module("gan_bench_jax.base")  # switches float64 on

    def with_gradient(self, function, images, given, share, towards):
        """Return what a function makes, and the gradient of its product with ``towards``."""

        @self.jax.jit
        def both(images):
            made, backwards = self.jax.vjp(lambda images: function(images, given, share), images)
            return made, backwards(self.jax.numpy.asarray(towards))[0]

        return map(np.asarray, both(images))


@pytest.fixture(params=EACH_FRAMEWORK)
def framework(request):
    adapter = {"torch": Torch, "keras": Keras, "jax": Jax}[request.param]()
    adapter.module = importlib.import_module(f"gan_bench_{request.param}.augmentation")
    return adapter


def test_a_translation_worked_out_by_hand():
    image = np.arange(1.0, 17).reshape(1, 4, 4, 1)
    # A quarter of 4 is one pixel: a third of the numbers each for -1, 0 and 1.
    moved = reference.translated(image, np.array([[0.9, 0.4]]), 0.25)
    assert moved[0, :, :, 0].tolist() == [[0, 0, 0, 0], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
    moved = reference.translated(image, np.array([[0.5, 0.1]]), 0.25)
    assert moved[0, 0, :, 0].tolist() == [2, 3, 4, 0]


def test_a_cutout_worked_out_by_hand():
    image = np.ones((1, 4, 4, 1))
    # Half of 4 is 2, with a middle at 0 to 4: each for a fifth of the numbers.
    assert reference.cut_out(image, np.array([[0.5, 0.5]]), 0.5)[0, :, :, 0].tolist() == [
        [1, 1, 1, 1],
        [1, 0, 0, 1],
        [1, 0, 0, 1],
        [1, 1, 1, 1],
    ]
    # Rows -1 and 0, columns 3 and 4: one pixel is inside.
    assert reference.cut_out(image, np.array([[0.1, 0.9]]), 0.5)[0, :, :, 0].tolist() == [
        [1, 1, 1, 0],
        *[[1, 1, 1, 1]] * 3,
    ]


def test_every_move_and_every_middle_is_equally_likely():
    side, many = 28, np.stack([(np.arange(29 * 9 * 4) + 0.5) / (29 * 9 * 4)] * 2, 1)
    image = np.zeros((1, side, side, 1))
    image[0, 14, 14] = 1
    images = np.repeat(image, len(many), 0)
    _, rows, *_ = np.nonzero(reference.translated(images, many, 0.125))
    assert np.unique(rows, return_counts=True)[0].tolist() == [*range(10, 19)]
    assert set(np.unique(rows, return_counts=True)[1]) == {29 * 4}
    cut = reference.cut_out(np.ones((len(many), side, side, 1)), many, 0.5)
    # Seven pixels at least, and up to 14, of both axes.
    sides, counts = np.unique((cut == 0).sum((1, 2, 3)), return_counts=True)
    assert sides.tolist() == [length**2 for length in range(7, 15)]
    assert counts.tolist() == [2 * 36] * 7 + [15 * 36]


@pytest.mark.parametrize("name", ["translated", "cut_out"])
def test_images_and_gradients_are_the_references(framework, name):
    function = getattr(framework.module, name)
    for side, channels in ((28, 1), (9, 3)):
        images, towards = squares(2 * 16, side, channels).reshape(2, 16, side, side, channels)
        given = numbers(16)
        for share in SHARES:
            expected = getattr(reference, name)(images, given, share)
            made, gradient = framework.with_gradient(function, images, given, share, towards)
            np.testing.assert_array_equal(made, expected)
            # Both are linear: <towards, A x> = <gradient, x>, for each image alone.
            products = (towards * made).sum((1, 2, 3)), (gradient * images).sum((1, 2, 3))
            np.testing.assert_allclose(*products, rtol=1e-12, atol=1e-12)


def test_float32_keeps_every_pixel_and_the_ends_of_the_range(framework):
    images = squares(2, 28, 1).astype(np.float32)
    for name in ("translated", "cut_out"):
        given = numbers(2).astype(np.float32)
        function = getattr(framework.module, name)
        made, _ = framework.with_gradient(function, images, given, 0.125, images)
        assert made.dtype == np.float32
        expected = getattr(reference, name)(images.astype(float), given.astype(float), 0.125)
        np.testing.assert_array_equal(made, expected)
