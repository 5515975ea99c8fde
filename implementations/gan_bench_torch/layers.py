"""Layers in the arithmetic that the recipes state, where PyTorch's own differ or have no name."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation over all axes but the second.

    Its moving statistics take in a new batch with ``new_weight``, and the ``variance`` that is
    stated; ``epsilon`` is added to the variance.
    """

    def __init__(
        self,
        channels: int,
        *,
        new_weight: float,
        epsilon: float,
        variance: Literal["biased", "unbiased"],
    ) -> None:
        super().__init__(channels, eps=epsilon, momentum=new_weight)
        self.biased = variance == "biased"

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalise (n, channels, ...), in training mode with the batch's own statistics."""
        if not (self.training and self.biased):
            return self._normalised(inputs, self.running_mean, self.running_var, self.momentum)
        # PyTorch's kernel takes in the unbiased variance only: here into buffers of its own.
        mean, variance = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        outputs = self._normalised(inputs, mean, variance, 1.0)
        count = inputs.numel() // inputs.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * ((count - 1) / count), self.momentum)
        return outputs

    def _normalised(self, inputs: Tensor, mean: Tensor, variance: Tensor, weight: float) -> Tensor:
        return functional.batch_norm(
            inputs, mean, variance, self.weight, self.bias, self.training, weight, self.eps
        )


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's padding "same": what is odd is padded below and right."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return ceil(length / stride) rows and columns."""
        (size, _), (stride, _), length = self.kernel_size, self.stride, inputs.shape[-1]
        total = max((-(-length // stride) - 1) * stride + size - length, 0)
        before, odd = divmod(total, 2)
        if odd:
            inputs = functional.pad(inputs, (before, before + 1, before, before + 1))
            before = 0
        return functional.conv2d(inputs, self.weight, self.bias, self.stride, before)


class SameConvTranspose2d(nn.ConvTranspose2d):
    """Transposed convolution with TensorFlow's padding "same", the gradient of `SameConv2d`."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return length x stride rows and columns."""
        (size, _), (stride, _), length = self.kernel_size, self.stride, inputs.shape[-1]
        before, odd = divmod(size - stride, 2)
        outputs = functional.conv_transpose2d(inputs, self.weight, self.bias, self.stride, before)
        # A view would send what follows down PyTorch's slow paths.
        return outputs[..., : length * stride, : length * stride].clone() if odd else outputs


class _Spectral(nn.Module):
    """A layer with a kernel; see `gan_bench_recipes.layers.SpectralNormalisation`."""

    weight: Tensor
    _u: Tensor

    def _start(self) -> None:
        self.register_buffer("_u", functional.normalize(torch.ones(len(self._matrix())), dim=0))

    def normalised(self) -> Tensor:
        """Return the kernel, divided by the estimate of its largest factor."""
        return self.weight / torch.linalg.vector_norm(self._product())

    @torch.no_grad()
    def iterate(self) -> None:
        """Make one power iteration."""
        direction = functional.normalize(self._product(), dim=0)
        self._u.copy_(functional.normalize((self._matrix() * direction).sum(1), dim=0))

    def _product(self) -> Tensor:
        # Not a matrix product, as that would count among the multiply-adds of an image.
        return (self._matrix() * self._u[:, None]).sum(0)

    def _matrix(self) -> Tensor:
        return self.weight.flatten(1)  # (out, ...)


class SpectralConv2d(_Spectral, nn.Conv2d):
    """Convolution with spectral normalisation."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._start()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (n, channels, height, width)."""
        return functional.conv2d(inputs, self.normalised(), self.bias, self.stride, self.padding)


class SpectralLinear(_Spectral, nn.Linear):
    """A dense layer with spectral normalisation."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._start()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (n, units)."""
        return functional.linear(inputs, self.normalised(), self.bias)


class SpectralEmbedding(_Spectral, nn.Embedding):
    """A vector for each class, with spectral normalisation."""

    def __init__(self, classes: int, size: int) -> None:
        super().__init__(classes, size)
        self._start()

    def _matrix(self) -> Tensor:
        return self.weight.t()  # (size, classes)

    def forward(self, labels: Tensor) -> Tensor:
        """Return (n, size)."""
        return _rows(self.normalised(), labels)


class Embedding(nn.Embedding):
    """Features, with a vector of their class behind them."""

    def forward(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return (n, features + size)."""
        return torch.cat([inputs, _rows(self.weight, labels)], 1)


class Projection(nn.Module):
    """Logits of features: a dense layer plus the inner product with a vector of their class."""

    def __init__(self, classes: int, features: int) -> None:
        super().__init__()
        self.dense = SpectralLinear(features, 1)
        self.embedding = SpectralEmbedding(classes, features)

    def forward(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return (n,)."""
        return self.dense(inputs).flatten() + (inputs * self.embedding(labels)).sum(1)


class Labelled(nn.Sequential):
    """Layers one after the other, of which those with classes get the labels, too."""

    def forward(self, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return what the last layer makes."""
        for layer in self:
            takes_labels = isinstance(layer, Embedding | Projection)
            inputs = layer(inputs, labels) if takes_labels else layer(inputs)
        return inputs


def _rows(table: Tensor, labels: Tensor) -> Tensor:
    """Return the rows of the labels; unlike an index, its gradient adds in a fixed order."""
    one_hot = labels[:, None] == torch.arange(len(table), device=labels.device)
    return (one_hot[:, :, None].to(table.dtype) * table).sum(1)


def iterate(network: nn.Module) -> None:
    """Make one power iteration of each layer with spectral normalisation."""
    for layer in network.modules():
        if isinstance(layer, _Spectral):
            layer.iterate()


class Residual(nn.Module):
    """The sum of two paths from the same maps; one without layers passes them on."""

    def __init__(self, branch: Sequence[nn.Module], shortcut: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        # The first layers must not work in place: both paths take the same maps.
        self.branch, self.shortcut = nn.Sequential(*branch), nn.Sequential(*shortcut)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the sum."""
        return self.branch(inputs) + self.shortcut(inputs)


class SumOverPixels(nn.Module):
    """The sum of each channel."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (n, channels)."""
        return inputs.sum((2, 3))


class PointToMap(nn.ConvTranspose2d):
    """Transposed convolution of 1 x 1 maps, as the matrix product that it is (and faster)."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return maps of the kernel's size."""
        kernel = self.weight.permute(0, 2, 3, 1)  # (in, height, width, out)
        outputs = inputs.flatten(1) @ kernel.flatten(1)
        return outputs.view(-1, *kernel.shape[1:]).permute(0, 3, 1, 2)


class MapToPoint(nn.Conv2d):
    """Convolution by a kernel of the map's size, as the matrix product that it is."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return 1 x 1 maps."""
        kernel = self.weight.permute(0, 2, 3, 1)  # (out, height, width, in)
        outputs = inputs.permute(0, 2, 3, 1).flatten(1) @ kernel.flatten(1).t()
        return outputs[:, :, None, None]


class Unflatten(nn.Module):
    """Features in NHWC order to NCHW maps."""

    def __init__(self, height: int, width: int, channels: int) -> None:
        super().__init__()
        self.shape = height, width, channels

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (n, channels, height, width)."""
        return inputs.reshape(-1, *self.shape).permute(0, 3, 1, 2)


class Flatten(nn.Module):
    """NCHW maps to features in NHWC order."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return (n, height x width x channels)."""
        return inputs.permute(0, 2, 3, 1).flatten(1)


class Dropout(nn.Module):
    """Dropout that scales what it keeps, its masks from 16 random bits an element.

    `torch.nn.Dropout` draws on one core, and a whole random number for each element. The share
    that is dropped is a multiple of 2^-16, within 2^-17 of the rate; the scale is of that share.
    """

    def __init__(self, rate: float, random: torch.Generator) -> None:
        super().__init__()
        self.dropped = round(rate * 2**16)
        self.scale = 2**16 / (2**16 - self.dropped)
        self.random = random

    def forward(self, inputs: Tensor) -> Tensor:
        """Return NCHW maps with some elements 0 and the others scaled, in training mode."""
        if not self.training or self.dropped == 0:
            return inputs
        count, channels, height, width = inputs.shape
        words = torch.empty(-(-inputs.numel() // 4), dtype=torch.int64, device=inputs.device)
        words.random_(-(2**63), None, generator=self.random)
        bits = words.view(torch.int16)[: inputs.numel()].view(count, height, width, channels)
        kept = bits >= self.dropped - 2**15
        return inputs * kept.permute(0, 3, 1, 2).to(inputs.dtype).mul_(self.scale)


def leaky_relu(slope: float) -> nn.LeakyReLU:
    """Return LeakyReLU with the slope rounded to float32, as TensorFlow keeps it in any dtype."""
    return nn.LeakyReLU(float(np.float32(slope)), inplace=True)
