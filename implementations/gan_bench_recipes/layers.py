"""Layers as data, from which a recipe derives initial weights, parameter counts and cost."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod, sqrt
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
"""(height, width, channels) of a feature map, or (features,)."""

Padding = int | Literal["same", "valid"]
"""Rows and columns of zeros on each side, or Keras' names."""


class Initialiser(Protocol):
    """How a tensor starts."""

    def draw(self, random: np.random.Generator, shape: Shape) -> NDArray[np.float64]:
        """Return a tensor of ``shape``."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same value everywhere."""

    value: float

    def draw(self, random: np.random.Generator, shape: Shape) -> NDArray[np.float64]:
        """Return a tensor of ``shape``."""
        return np.full(shape, self.value)


@dataclass(frozen=True)
class Normal:
    """N(mean, deviation^2)."""

    mean: float
    deviation: float

    def draw(self, random: np.random.Generator, shape: Shape) -> NDArray[np.float64]:
        """Return a tensor of ``shape``."""
        return random.normal(self.mean, self.deviation, shape)


@dataclass(frozen=True)
class GlorotUniform:
    """U(-ga, ga), a = sqrt(6 / (fan in + fan out)) (Glorot and Bengio 2010, equation 16)."""

    gain: float = 1.0
    """g: 1 in the paper and in Keras."""

    def draw(self, random: np.random.Generator, shape: Shape) -> NDArray[np.float64]:
        """Return a kernel of ``shape`` (..., in, out)."""
        fans = prod(shape[:-2]) * (shape[-2] + shape[-1])
        limit = self.gain * sqrt(6 / fans)
        return random.uniform(-limit, limit, shape)


@dataclass(frozen=True)
class FanIn:
    """N(0, g^2 / fan in) (He et al. 2015, section 2.2)."""

    gain: float
    """g: sqrt(2 / (1 + a^2)) before a leaky ReLU of slope a in the paper."""

    def draw(self, random: np.random.Generator, shape: Shape) -> NDArray[np.float64]:
        """Return a kernel of ``shape`` (..., in, out)."""
        return random.normal(0.0, self.gain / sqrt(prod(shape[:-1])), shape)


@dataclass(frozen=True)
class Tensor:
    """A tensor of a layer, in the canonical layout."""

    name: str
    shape: Shape
    initial: Initialiser
    trained: bool = True


class Layer(Protocol):
    """What every layer knows, given the shape of what enters it."""

    def output_shape(self, entering: Shape) -> Shape:
        """Return the shape of what leaves it."""
        ...

    def tensors(self, entering: Shape) -> tuple[Tensor, ...]:
        """Return its tensors in canonical order."""
        ...

    def multiply_adds(self, entering: Shape) -> int:
        """Return those of its matrix product or convolution, forward, for one image."""
        ...


class _WithoutTensors:
    def tensors(self, entering: Shape) -> tuple[Tensor, ...]:
        """Return none."""
        return ()

    def multiply_adds(self, entering: Shape) -> int:
        """Return 0."""
        return 0


class _WithKernel:
    kernel: Initialiser
    bias: Initialiser | None

    def _tensors(self, kernel_shape: Shape) -> tuple[Tensor, ...]:
        kernel = Tensor("kernel", kernel_shape, self.kernel)
        if self.bias is None:
            return (kernel,)
        return kernel, Tensor("bias", kernel_shape[-1:], self.bias)


@dataclass(frozen=True)
class Dense(_WithKernel):
    """Features to features."""

    units: int
    kernel: Initialiser
    bias: Initialiser | None = None

    def output_shape(self, entering: Shape) -> Shape:
        """Return (units,)."""
        return (self.units,)

    def tensors(self, entering: Shape) -> tuple[Tensor, ...]:
        """Return the kernel (in, out), and the bias if there is one."""
        return self._tensors((*entering, self.units))

    def multiply_adds(self, entering: Shape) -> int:
        """Return in x out."""
        return entering[0] * self.units


@dataclass(frozen=True)
class Convolution(_WithKernel):
    """A square convolution; at padded borders its multiply-adds count in full."""

    channels: int
    size: int
    stride: int
    padding: Padding
    kernel: Initialiser
    bias: Initialiser | None = None

    def output_shape(self, entering: Shape) -> Shape:
        """Return (height, width, channels)."""
        return (*(self._length(n) for n in entering[:2]), self.channels)

    def tensors(self, entering: Shape) -> tuple[Tensor, ...]:
        """Return the kernel (height, width, in, out), and the bias if there is one."""
        return self._tensors((self.size, self.size, entering[2], self.channels))

    def multiply_adds(self, entering: Shape) -> int:
        """Return one kernel's worth for each position of the output."""
        height, width, channels = self.output_shape(entering)
        return height * width * self.size**2 * entering[2] * channels

    def _length(self, entering: int) -> int:
        if self.padding == "same":
            return -(-entering // self.stride)
        padding = 0 if self.padding == "valid" else self.padding
        return (entering + 2 * padding - self.size) // self.stride + 1


@dataclass(frozen=True)
class TransposedConvolution(_WithKernel):
    """The gradient of a square convolution; what falls into the padding counts in full."""

    channels: int
    size: int
    stride: int
    padding: Padding
    kernel: Initialiser
    bias: Initialiser | None = None

    def output_shape(self, entering: Shape) -> Shape:
        """Return (height, width, channels)."""
        return (*(self._length(n) for n in entering[:2]), self.channels)

    def tensors(self, entering: Shape) -> tuple[Tensor, ...]:
        """Return the kernel (height, width, in, out), and the bias if there is one."""
        return self._tensors((self.size, self.size, entering[2], self.channels))

    def multiply_adds(self, entering: Shape) -> int:
        """Return one kernel's worth for each position of the input."""
        return prod(entering) * self.size**2 * self.channels

    def _length(self, entering: int) -> int:
        if self.padding == "same":
            return entering * self.stride
        padding = 0 if self.padding == "valid" else self.padding
        return (entering - 1) * self.stride - 2 * padding + self.size


@dataclass(frozen=True)
class BatchNormalisation:
    """Over all axes but the last, with moving statistics that start at N(0, 1)'s."""

    gamma: Initialiser

    def output_shape(self, entering: Shape) -> Shape:
        """Return the shape unchanged."""
        return entering

    def tensors(self, entering: Shape) -> tuple[Tensor, ...]:
        """Return gamma, beta and the moving statistics, each (channels,)."""
        shape = entering[-1:]
        return (
            Tensor("gamma", shape, self.gamma),
            Tensor("beta", shape, Constant(0.0)),
            Tensor("moving_mean", shape, Constant(0.0), trained=False),
            Tensor("moving_variance", shape, Constant(1.0), trained=False),
        )

    def multiply_adds(self, entering: Shape) -> int:
        """Return 0: only matrix products and convolutions count."""
        return 0


@dataclass(frozen=True)
class Embedding:
    """Features, with a vector of their class behind them."""

    classes: int
    size: int
    embeddings: Initialiser

    def output_shape(self, entering: Shape) -> Shape:
        """Return (features + size,)."""
        return (entering[0] + self.size,)

    def tensors(self, entering: Shape) -> tuple[Tensor, ...]:
        """Return the vectors (classes, size)."""
        return (Tensor("embeddings", (self.classes, self.size), self.embeddings),)

    def multiply_adds(self, entering: Shape) -> int:
        """Return 0: a vector is looked up."""
        return 0


@dataclass(frozen=True)
class Projection:
    """The inner product of features and a vector of their class."""

    classes: int
    embeddings: Initialiser

    def output_shape(self, entering: Shape) -> Shape:
        """Return (1,)."""
        return (1,)

    def tensors(self, entering: Shape) -> tuple[Tensor, ...]:
        """Return the vectors (classes, features)."""
        return (Tensor("embeddings", (self.classes, *entering), self.embeddings),)

    def multiply_adds(self, entering: Shape) -> int:
        """Return 0: only matrix products and convolutions count."""
        return 0


@dataclass(frozen=True)
class UnitVector:
    """A random direction, of length 1."""

    def draw(self, random: np.random.Generator, shape: Shape) -> NDArray[np.float64]:
        """Return a vector of ``shape``."""
        vector = random.normal(size=shape)
        return vector / np.linalg.norm(vector)


@dataclass(frozen=True)
class SpectralNormalisation:
    """A layer whose kernel is divided by an estimate of its largest factor.

    K is the kernel as a matrix (..., out), or a projection's vectors (classes, features), and u
    (out,) or (features,) a vector of length 1. The layer computes
    with K / |K u|; a power iteration is v = K u / |K u|, then u = K^T v / |K^T v|. Gradients pass
    through |K u|, not through u (Miyato et al. 2018, algorithm 1).
    """

    layer: Dense | Convolution | Projection

    def output_shape(self, entering: Shape) -> Shape:
        """Return that of the layer."""
        return self.layer.output_shape(entering)

    def tensors(self, entering: Shape) -> tuple[Tensor, ...]:
        """Return those of the layer, and u."""
        kernel, *others = self.layer.tensors(entering)
        vector = Tensor("u", kernel.shape[-1:], UnitVector(), trained=False)
        return kernel, *others, vector

    def multiply_adds(self, entering: Shape) -> int:
        """Return those of the layer; |K u| is left out, as it is of no image."""
        return self.layer.multiply_adds(entering)


@dataclass(frozen=True)
class UpSampling(_WithoutTensors):
    """Each pixel repeated ``factor`` times in height and width."""

    factor: int

    def output_shape(self, entering: Shape) -> Shape:
        """Return (height, width, channels)."""
        return (entering[0] * self.factor, entering[1] * self.factor, entering[2])


@dataclass(frozen=True)
class MaxPooling(_WithoutTensors):
    """The largest of each square of ``size`` pixels; a remainder is dropped."""

    size: int

    def output_shape(self, entering: Shape) -> Shape:
        """Return (height, width, channels)."""
        return (entering[0] // self.size, entering[1] // self.size, entering[2])


@dataclass(frozen=True)
class AveragePooling(_WithoutTensors):
    """The mean of each square of ``size`` pixels, of sides that ``size`` divides."""

    size: int

    def output_shape(self, entering: Shape) -> Shape:
        """Return (height, width, channels)."""
        return (entering[0] // self.size, entering[1] // self.size, entering[2])


@dataclass(frozen=True)
class SumOverPixels(_WithoutTensors):
    """The sum of each channel."""

    def output_shape(self, entering: Shape) -> Shape:
        """Return (channels,)."""
        return entering[-1:]


@dataclass(frozen=True)
class Reshape(_WithoutTensors):
    """The same numbers in another shape, in NHWC order; (-1,) flattens."""

    shape: Shape

    def output_shape(self, entering: Shape) -> Shape:
        """Return the shape."""
        return (prod(entering),) if self.shape == (-1,) else self.shape


@dataclass(frozen=True)
class Residual:
    """The sum of two paths from the same maps; one without layers passes them on."""

    branch: tuple[Layer, ...]
    shortcut: tuple[Layer, ...] = ()

    def output_shape(self, entering: Shape) -> Shape:
        """Return the shape of the sum."""
        for layer in self.branch:
            entering = layer.output_shape(entering)
        return entering


@dataclass(frozen=True)
class Network:
    """Layers in the order in which data passes them; activations are left out."""

    entering: Shape
    layers: tuple[Layer | Residual, ...]

    def output_shape(self) -> Shape:
        """Return the shape of what leaves the last layer."""
        shape = self.entering
        for layer in self.layers:
            shape = layer.output_shape(shape)
        return shape

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Yield (``<i>.<tensor>``, tensor), ``<i>`` counting the layers that have tensors.

        A branch comes before its shortcut.
        """
        with_tensors = [found for layer, shape in self._walk() if (found := layer.tensors(shape))]
        for index, tensors in enumerate(with_tensors):
            for tensor in tensors:
                yield f"{index}.{tensor.name}", tensor

    def parameter_count(self) -> int:
        """Return the trained parameters."""
        return sum(prod(tensor.shape) for _, tensor in self.tensors() if tensor.trained)

    def forward(self) -> int:
        """Return the multiply-adds of a forward pass of one image.

        A gradient of every layer's kernel costs as much, and so does one of every layer's input.
        """
        return sum(layer.multiply_adds(shape) for layer, shape in self._walk())

    def gradients(self) -> int:
        """Return the multiply-adds of all kernels' gradients, towards the network's input none."""
        first, *_ = self._paths()
        return 2 * self.forward() - sum(path[0] for path in first if path)

    def gradient_towards_input(self) -> int:
        """Return the multiply-adds of the gradient of the network's input alone."""
        return self.forward()

    def gradients_through_gradient(self) -> int:
        """Return those of all kernels' gradients of a function of the gradient towards the input.

        The activations are linear in pieces; others need a further pass, back through the forward
        pass.
        """
        *_, last = self._paths()
        return 2 * self.forward() - sum(path[-1] for path in last if path)

    def _paths(self) -> list[list[list[int]]]:
        """Return the multiply-adds of the kernels of each layer that has any, or of its paths."""
        shape, found = self.entering, []
        for layer in self.layers:
            paths = (layer.branch, layer.shortcut) if isinstance(layer, Residual) else ((layer,),)
            costs = [
                [
                    cost
                    for one, at in Network(shape, path)._walk()
                    if (cost := one.multiply_adds(at))
                ]
                for path in paths
            ]
            shape = layer.output_shape(shape)
            found += [costs] if any(costs) else []
        return found

    def _walk(self) -> Iterator[tuple[Layer, Shape]]:
        shape = self.entering
        for layer in self.layers:
            if isinstance(layer, Residual):
                for path in (layer.branch, layer.shortcut):
                    yield from Network(shape, path)._walk()
            else:
                yield layer, shape
            shape = layer.output_shape(shape)
