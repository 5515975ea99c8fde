"""Square convolutions and their gradients, in the form that is fast on the device.

A convolution takes large maps to small ones; a transposed one, its gradient, takes small maps to
large ones. Kernels are (height, width, large channels, small channels).

On a GPU all are XLA's own. On a CPU XLA computes plain convolutions fast and dilated ones, which
are the gradients of those with a stride, in slow loops. There, `spread` is one plain convolution
for each place within a stride, and `kernel_gradient` one matrix product for each of the kernel's
pixels. Both do no more multiplications than the recipe counts. A CPU works on few images at a time,
of which the maps stay in its cache.
"""

from collections.abc import Callable
from functools import partial
from math import prod

import jax
import jax.numpy as jnp
from jax import Array, lax

Padding = tuple[int, int]
"""Rows of zeros above and below the large maps, and columns left and right of them."""
_IMAGES = range(16, 3, -1)
"""Images at a time on a CPU: the first of these numbers that divides the batch."""


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def correlate(large: Array, kernel: Array, stride: int, padding: Padding) -> Array:
    """Return the small maps of a convolution, (n, height, width, small channels)."""
    options = {"stride": stride, "padding": (padding, padding)}
    return lax.platform_dependent(
        large,
        kernel,
        cpu=partial(_in_pieces, partial(_plain, **options)),
        default=partial(_convolution, **options),
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def spread(small: Array, kernel: Array, stride: int, padding: Padding, length: int) -> Array:
    """Return the large maps of a transposed convolution, (n, length, length, large channels)."""
    options = {"stride": stride, "padding": padding, "length": length}
    return lax.platform_dependent(
        small,
        kernel,
        cpu=partial(_in_pieces, partial(_spread_by_place, **options)),
        default=partial(_spread_dilated, **options),
    )


def kernel_gradient(large: Array, small: Array, size: int, stride: int, padding: Padding) -> Array:
    """Return the gradient of the kernel, given that of the small (or of the large) maps."""
    options = {"size": size, "stride": stride, "padding": padding}
    return lax.platform_dependent(
        large,
        small,
        cpu=partial(_sum_of_pieces, partial(_gradient_by_pixel, **options)),
        default=partial(_gradient_dilated, **options),
    )


def _correlate_forward(
    large: Array, kernel: Array, stride: int, padding: Padding
) -> tuple[Array, tuple[Array, Array]]:
    return correlate(large, kernel, stride, padding), (large, kernel)


def _correlate_backward(
    stride: int, padding: Padding, kept: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    large, kernel = kept
    return (
        spread(gradient, kernel, stride, padding, large.shape[1]),
        kernel_gradient(large, gradient, len(kernel), stride, padding),
    )


def _spread_forward(
    small: Array, kernel: Array, stride: int, padding: Padding, length: int
) -> tuple[Array, tuple[Array, Array]]:
    return spread(small, kernel, stride, padding, length), (small, kernel)


def _spread_backward(
    stride: int, padding: Padding, length: int, kept: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    small, kernel = kept
    return (
        correlate(gradient, kernel, stride, padding),
        kernel_gradient(gradient, small, len(kernel), stride, padding),
    )


correlate.defvjp(_correlate_forward, _correlate_backward)
spread.defvjp(_spread_forward, _spread_backward)


def _pieces(maps: Array) -> Array:
    """Return maps as (pieces, images, height, width, channels)."""
    images = next((count for count in _IMAGES if len(maps) % count == 0), len(maps))
    return maps.reshape(-1, images, *maps.shape[1:])


def _in_pieces(make: Callable[[Array, Array], Array], maps: Array, kernel: Array) -> Array:
    made = lax.map(lambda piece: make(piece, kernel), _pieces(maps))
    return made.reshape(-1, *made.shape[2:])


def _sum_of_pieces(make: Callable[[Array, Array], Array], large: Array, small: Array) -> Array:
    pieces = _pieces(large), _pieces(small)
    like = jax.eval_shape(make, *(piece[0] for piece in pieces))
    sums = jnp.zeros(like.shape, like.dtype)
    return lax.scan(lambda sums, piece: (sums + make(*piece), None), sums, pieces)[0]


def _plain(large: Array, kernel: Array, *, stride: int, padding: tuple[Padding, Padding]) -> Array:
    # XLA takes seconds to compile a small convolution in float64 on a CPU.
    made = _by_pixel if large.dtype == jnp.float64 else _convolution
    return made(large, kernel, stride=stride, padding=padding)


def _convolution(
    maps: Array,
    kernel: Array,
    *,
    stride: int,
    padding: tuple[Padding, Padding],
    dilation: int = 1,
) -> Array:
    return lax.conv_general_dilated(
        maps,
        kernel,
        (stride, stride),
        padding,
        lhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        precision=lax.Precision.HIGHEST,
    )


def _by_pixel(
    large: Array, kernel: Array, *, stride: int, padding: tuple[Padding, Padding]
) -> Array:
    rows, columns, _, channels = kernel.shape
    met, positions = _met(large, (rows, columns), stride, padding)
    pixels = kernel.reshape(rows * columns, -1, channels)
    sums = jnp.zeros((prod(positions), channels), large.dtype)
    sums = lax.fori_loop(
        0, len(pixels), lambda index, sums: sums + _product(met(index), pixels[index]), sums
    )
    return sums.reshape(*positions, channels)


def _spread_dilated(
    small: Array, kernel: Array, *, stride: int, padding: Padding, length: int
) -> Array:
    before = len(kernel) - 1 - padding[0]
    after = length - (small.shape[1] - 1) * stride - 1 + padding[0]
    around = (before, after)
    flipped = lax.rev(kernel, (0, 1)).swapaxes(2, 3)
    return _convolution(small, flipped, stride=1, padding=(around, around), dilation=stride)


def _spread_by_place(
    small: Array, kernel: Array, *, stride: int, padding: Padding, length: int
) -> Array:
    if len(kernel) < stride:  # nothing reaches some of the places
        return _spread_dilated(small, kernel, stride=stride, padding=padding, length=length)
    # Row stride * m + place of the large maps gets row m + offset of the small ones through the
    # kernel's row i, for each i with stride * offset = place + padding - i.
    count, entering = -(-length // stride), small.shape[1]
    first = [(place + padding[0]) % stride for place in range(stride)]
    taps = [len(range(i, len(kernel), stride)) for i in first]
    around = []
    for place in range(stride):
        highest = (place + padding[0] - first[place]) // stride
        lowest = highest - taps[place] + 1
        around.append((-lowest, count - 1 + highest - (entering - 1)))
    flipped = lax.rev(kernel, (0, 1)).swapaxes(2, 3)
    last = len(kernel) - 1
    rows = []
    for row in range(stride):
        columns = []
        for column in range(stride):
            # The kernel's rows first, first + stride, ... are these of the flipped kernel.
            starts = [(last - first[place]) % stride for place in (row, column)]
            part = flipped[starts[0] :: stride, starts[1] :: stride]
            columns.append(_plain(small, part, stride=1, padding=(around[row], around[column])))
        rows.append(jnp.stack(columns, 3))
    places = jnp.stack(rows, 2)  # (n, count, stride, count, stride, channels)
    maps = places.reshape(len(small), count * stride, count * stride, kernel.shape[2])
    return maps[:, :length, :length]


def _gradient_dilated(
    large: Array, small: Array, *, size: int, stride: int, padding: Padding
) -> Array:
    kernel = jax.ShapeDtypeStruct((size, size, large.shape[3], small.shape[3]), large.dtype)
    transposed = jax.linear_transpose(
        lambda kernel: _convolution(large, kernel, stride=stride, padding=(padding, padding)),
        kernel,
    )
    (gradient,) = transposed(small)
    return gradient


def _gradient_by_pixel(
    large: Array, small: Array, *, size: int, stride: int, padding: Padding
) -> Array:
    channels, across = large.shape[3], small.shape[3]
    if stride == 1 and across < channels:
        # The same sums, with the narrow maps where a slice is taken for each pixel.
        around = (size - 1 - padding[0], size - 1 - padding[1])
        turned = _gradient_by_pixel(small, large, size=size, stride=1, padding=around)
        return lax.rev(turned, (0, 1)).swapaxes(2, 3)
    met, _ = _met(large, (size, size), stride, (padding, padding))
    gradients = small.reshape(-1, across).T
    if channels == 1:
        slices = jnp.concatenate([met(index) for index in range(size * size)], 1)
        return _product(gradients, slices).reshape(across, size, size, 1).transpose(1, 2, 3, 0)
    pixels = lax.map(lambda index: _product(gradients, met(index)), jnp.arange(size * size))
    return pixels.reshape(size, size, across, channels).swapaxes(2, 3)


def _met(
    large: Array, size: tuple[int, int], stride: int, padding: tuple[Padding, Padding]
) -> tuple[Callable[[Array | int], Array], tuple[int, int, int]]:
    """Return what a kernel's pixel meets, (positions, channels), and (n, rows, columns) of these.

    Slices with a stride are slow, too. So the maps become (place in a stride, place in a stride, n,
    rows, columns, channels).
    """
    images, *lengths, channels = large.shape
    around, counts, positions = [(0, 0, 0)], [], []
    for length, side, (before, after) in zip(lengths, size, padding, strict=True):
        positions.append((length + before + after - side) // stride + 1)
        counts.append(positions[-1] + (side - 1) // stride)
        around.append((before, counts[-1] * stride - before - length, 0))
    padded = lax.pad(large, jnp.zeros((), large.dtype), (*around, (0, 0, 0)))
    places = padded.reshape(images, counts[0], stride, counts[1], stride, channels)
    places = places.transpose(2, 4, 0, 1, 3, 5)

    def met(index: Array | int) -> Array:
        row, column = index // size[1], index % size[1]
        start = (row % stride, column % stride, 0, row // stride, column // stride, 0)
        return lax.dynamic_slice(places, start, (1, 1, images, *positions, channels)).reshape(
            -1, channels
        )

    return met, (images, *positions)


def _product(first: Array, second: Array) -> Array:
    return jnp.matmul(first, second, precision=lax.Precision.HIGHEST)
