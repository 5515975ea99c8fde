"""Layers in the arithmetic that the recipes state, with their tensors in the canonical layouts.

Flax has such layers, too. These have convolutions that are fast on a CPU, the padding and the batch
normalisation that the recipes pin, tensors under their canonical names, and no initialisers, as the
recipe draws the initial weights.
"""

from collections.abc import Callable, Sequence
from functools import cache, reduce
from math import prod
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array, lax

from gan_bench_jax.convolutions import (
    Padding,
    convolution,
    product,
    transposed_convolution,
)


class Dense(nnx.Module):
    """Features to features; the kernel is (in, out)."""

    def __init__(self, features: int, units: int, bias: bool = True) -> None:
        self.kernel = nnx.Param(jnp.zeros((features, units)))
        self.bias = nnx.Param(jnp.zeros(units)) if bias else None

    def __call__(self, inputs: Array) -> Array:
        """Return (n, units)."""
        return _with_bias(product(inputs, self.used_kernel()), self.bias)

    def used_kernel(self) -> Array:
        """Return the kernel as it is used."""
        return self.kernel[...]


class Conv(nnx.Module):
    """Square convolution; the kernel is (height, width, in, out)."""

    def __init__(
        self,
        entering: int,
        channels: int,
        size: int,
        stride: int = 1,
        padding: int | Literal["same", "valid"] = "same",
        bias: bool = True,
    ) -> None:
        self.stride, self.padding = stride, padding
        self.kernel = nnx.Param(jnp.zeros((size, size, entering, channels)))
        self.bias = nnx.Param(jnp.zeros(channels)) if bias else None

    def __call__(self, inputs: Array) -> Array:
        """Return (n, height, width, channels)."""
        kernel = self.used_kernel()
        padding = _padding(self.padding, len(kernel), self.stride, inputs.shape[1])
        return _with_bias(convolution(inputs, kernel, self.stride, padding), self.bias)

    def used_kernel(self) -> Array:
        """Return the kernel as it is used."""
        return self.kernel[...]


class ConvTranspose(nnx.Module):
    """Transposed square convolution; the kernel is (height, width, in, out)."""

    def __init__(
        self,
        entering: int,
        channels: int,
        size: int,
        stride: int = 1,
        padding: int | Literal["same"] = "same",
        bias: bool = True,
    ) -> None:
        self.stride, self.padding = stride, padding
        self.kernel = nnx.Param(jnp.zeros((size, size, entering, channels)))
        self.bias = nnx.Param(jnp.zeros(channels)) if bias else None

    def __call__(self, inputs: Array) -> Array:
        """Return (n, height, width, channels)."""
        kernel = self.kernel[...].swapaxes(2, 3)
        size, length = len(kernel), inputs.shape[1] * self.stride
        padding = _padding(self.padding, size, self.stride, length)
        if self.padding != "same":
            length = (inputs.shape[1] - 1) * self.stride - sum(padding) + size
        return _with_bias(
            transposed_convolution(inputs, kernel, self.stride, padding, length), self.bias
        )


class _Spectral(nnx.Module):
    """A layer with a kernel; see `gan_bench_recipes.layers.SpectralNormalisation`."""

    kernel: nnx.Param

    def _start(self) -> None:
        channels = self.kernel.shape[-1]
        self.u = nnx.BatchStat(jnp.full(channels, channels**-0.5))

    def used_kernel(self) -> Array:
        """Return the kernel, divided by the estimate of its largest factor."""
        return self.kernel[...] / jnp.linalg.norm(self._product())

    def iterate(self) -> None:
        """Make one power iteration."""
        direction = _normalised(self._product())
        matrix = self.kernel[...].reshape(-1, self.kernel.shape[-1])
        self.u[...] = _normalised((matrix * direction[:, None]).sum(0))

    def _product(self) -> Array:
        # Not a matrix product, as that would count among the multiply-adds of an image.
        matrix = self.kernel[...].reshape(-1, self.kernel.shape[-1])
        return (matrix * self.u[...]).sum(1)


class SpectralConv(_Spectral, Conv):
    """Convolution with spectral normalisation."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        Conv.__init__(self, *arguments, **options)
        self._start()


class SpectralDense(_Spectral, Dense):
    """A dense layer with spectral normalisation."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        Dense.__init__(self, *arguments, **options)
        self._start()


class SpectralEmbedding(_Spectral):
    """A vector for each class, with spectral normalisation."""

    def __init__(self, classes: int, size: int) -> None:
        self.embeddings = nnx.Param(jnp.zeros((classes, size)))
        self._start()

    @property
    def kernel(self) -> nnx.Param:
        """The vectors (classes, size)."""
        return self.embeddings

    def __call__(self, labels: Array) -> Array:
        """Return (n, size)."""
        return _rows(self.used_kernel(), labels)


class Embedding(nnx.Module):
    """Features, with a vector of their class behind them."""

    def __init__(self, classes: int, size: int) -> None:
        self.embeddings = nnx.Param(jnp.zeros((classes, size)))

    def __call__(self, inputs: Array, labels: Array) -> Array:
        """Return (n, features + size)."""
        return jnp.concatenate([inputs, _rows(self.embeddings[...], labels)], 1)


class Projection(nnx.Module):
    """Logits of features: a dense layer plus the inner product with a vector of their class."""

    def __init__(self, classes: int, features: int) -> None:
        self.dense = SpectralDense(features, 1)
        self.embedding = SpectralEmbedding(classes, features)

    def __call__(self, inputs: Array, labels: Array) -> Array:
        """Return (n,)."""
        return self.dense(inputs).reshape(-1) + (inputs * self.embedding(labels)).sum(1)


class Labelled(nnx.Sequential):
    """Layers one after the other, of which those with classes get the labels, too."""

    def __call__(self, inputs: Array, labels: Array) -> Array:
        """Return what the last layer makes."""
        for layer in self.layers:
            takes_labels = isinstance(layer, Embedding | Projection)
            inputs = layer(inputs, labels) if takes_labels else layer(inputs)
        return inputs


def _rows(table: Array, labels: Array) -> Array:
    """Return the rows of the labels; unlike an index, its gradient adds in a fixed order."""
    one_hot = jax.nn.one_hot(labels, len(table), dtype=table.dtype)
    return (one_hot[:, :, None] * table).sum(1)


def iterate(network: nnx.Module) -> None:
    """Make one power iteration of each layer with spectral normalisation."""
    for _, layer in nnx.iter_graph(network):
        if isinstance(layer, _Spectral):
            layer.iterate()


class Residual(nnx.Module):
    """The sum of two paths from the same maps; one without layers passes them on."""

    def __init__(
        self,
        branch: Sequence[Callable[[Array], Array]],
        shortcut: Sequence[Callable[[Array], Array]] = (),
    ) -> None:
        self.branch, self.shortcut = nnx.Sequential(*branch), nnx.Sequential(*shortcut)

    def __call__(self, inputs: Array) -> Array:
        """Return the sum."""
        return self.branch(inputs) + self.shortcut(inputs)


class AveragePooling(nnx.Module):
    """The mean of each square of ``size`` pixels, of sides that ``size`` divides."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, inputs: Array) -> Array:
        """Return (n, height, width, channels)."""
        count, height, width, channels = inputs.shape
        across = (height // self.size, self.size, width // self.size, self.size)
        return inputs.reshape(count, *across, channels).mean((2, 4))


def sum_over_pixels(inputs: Array) -> Array:
    """Return the sum of each channel, (n, channels)."""
    return inputs.sum((1, 2))


class PointToMap(nnx.Module):
    """Transposed convolution of 1 x 1 maps, as the matrix product that it is."""

    def __init__(self, entering: int, channels: int, size: int) -> None:
        self.kernel = nnx.Param(jnp.zeros((size, size, entering, channels)))

    def __call__(self, inputs: Array) -> Array:
        """Return maps of the kernel's size."""
        size, _, entering, channels = self.kernel.shape
        kernel = self.kernel[...].transpose(2, 0, 1, 3).reshape(entering, -1)
        return product(inputs, kernel).reshape(-1, size, size, channels)


class MapToPoint(nnx.Module):
    """Convolution by a kernel of the map's size, as the matrix product that it is."""

    def __init__(self, entering: int, channels: int, size: int) -> None:
        self.kernel = nnx.Param(jnp.zeros((size, size, entering, channels)))

    def __call__(self, inputs: Array) -> Array:
        """Return (n, channels)."""
        kernel = self.kernel[...]
        return product(inputs.reshape(len(inputs), -1), kernel.reshape(-1, kernel.shape[3]))


class BatchNorm(nnx.Module):
    """Batch normalisation over all axes but the last."""

    def __init__(
        self,
        channels: int,
        *,
        new_weight: float,
        epsilon: float,
        variance: Literal["biased", "unbiased"],
    ) -> None:
        self.new_weight, self.epsilon, self.variance = new_weight, epsilon, variance
        self.use_running_average = False
        self.gamma = nnx.Param(jnp.ones(channels))
        self.beta = nnx.Param(jnp.zeros(channels))
        self.moving_mean = nnx.BatchStat(jnp.zeros(channels))
        self.moving_variance = nnx.BatchStat(jnp.ones(channels))

    def __call__(self, inputs: Array) -> Array:
        """Normalise (n, ..., channels), in training mode with the batch's own statistics."""
        mean, variance = self.moving_mean[...], self.moving_variance[...]
        if not self.use_running_average:
            axes, count = tuple(range(inputs.ndim - 1)), prod(inputs.shape[:-1])
            mean = inputs.mean(axes)
            variance = jnp.square(inputs - mean).mean(axes)
            correction = count / max(count - 1, 1) if self.variance == "unbiased" else 1.0
            self._take_in(self.moving_mean, mean)
            self._take_in(self.moving_variance, variance * correction)
        scale = self.gamma[...] * lax.rsqrt(variance + self.epsilon)
        return (inputs - mean) * scale + self.beta[...]

    def _take_in(self, moving: nnx.BatchStat, new: Array) -> None:
        moving[...] += (new - moving[...]) * self.new_weight


class Dropout(nnx.Module):
    """Dropout that scales what it keeps, its masks from 16 random bits an element.

    `flax.nnx.Dropout` draws a uniform number for each element, in float64 as `gan_bench_jax.base`
    switches that on. The share that is dropped is a multiple of 2^-16, within 2^-17 of the rate;
    the scale is of that share.
    """

    def __init__(self, rate: float, random: nnx.Rngs) -> None:
        self.dropped = round(rate * 2**16)
        self.scale = 2**16 / (2**16 - self.dropped)
        self.deterministic = False
        self.random = random.dropout.fork()  # a stream of its own for each layer

    def __call__(self, inputs: Array) -> Array:
        """Return maps with some elements 0 and the others scaled, unless ``deterministic``."""
        if self.deterministic or self.dropped == 0:
            return inputs
        words = jax.random.bits(self.random(), (-(-inputs.size // 4),), jnp.uint64)
        # Shifts are faster than a bitcast, which XLA computes with a division for each element.
        bits = jnp.concatenate([(words >> shift).astype(jnp.uint16) for shift in (0, 16, 32, 48)])
        kept = (bits >= self.dropped)[: inputs.size].reshape(inputs.shape)
        return jnp.where(kept, inputs * self.scale, 0)


class Reshape(nnx.Module):
    """The same numbers in another shape, in NHWC order; (-1,) flattens and () drops one of 1."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def __call__(self, inputs: Array) -> Array:
        """Return (n, *shape)."""
        return inputs.reshape(len(inputs), *self.shape)


class UpSampling(nnx.Module):
    """Each pixel repeated ``factor`` times in height and width."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, inputs: Array) -> Array:
        """Return (n, height, width, channels)."""
        return inputs.repeat(self.factor, 1).repeat(self.factor, 2)


class MaxPooling(nnx.Module):
    """The largest of each square of ``size`` pixels, of sides that ``size`` divides.

    Of equal pixels the first has the gradient, as in PyTorch and TensorFlow; JAX' own maximum
    divides it among them.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def __call__(self, inputs: Array) -> Array:
        """Return (n, height, width, channels)."""
        count, height, width, channels = inputs.shape
        across = (height // self.size, self.size, width // self.size, self.size)
        squares = inputs.reshape(count, *across, channels)
        pixels = [squares[:, :, i, :, j] for i in range(self.size) for j in range(self.size)]
        # What is no number is larger than all, as in PyTorch.
        return reduce(lambda a, b: jnp.where((b > a) | jnp.isnan(b), b, a), pixels)


@cache  # the same function for the same slope: equal networks share their executables
def leaky_relu(slope: float) -> Callable[[Array], Array]:
    """Return LeakyReLU with the slope rounded to float32, as TensorFlow keeps it in any dtype.

    Its derivative at 0 is the slope, as in PyTorch and TensorFlow; that of JAX's own is 1.
    """
    rounded = float(np.float32(slope))
    return lambda inputs: jnp.where(inputs > 0, inputs, rounded * inputs)


def _normalised(vector: Array) -> Array:
    return vector / jnp.linalg.norm(vector)


def _with_bias(outputs: Array, bias: nnx.Param | None) -> Array:
    return outputs if bias is None else outputs + bias[...]


def _padding(
    padding: int | Literal["same", "valid"], size: int, stride: int, length: int
) -> Padding:
    """Return the padding of large maps of ``length``; of "same", what is odd is after them."""
    if padding == "valid":
        return 0, 0
    if padding != "same":
        return padding, padding
    total = max((-(-length // stride) - 1) * stride + size - length, 0)
    return total // 2, total - total // 2
