"""Square convolutions and their gradients, in the form that is fast on the device.

A convolution makes small maps from large ones, a transposed convolution large maps from small ones.
Each has the other as the gradient of its maps, and both have the same gradient of the kernel.
Kernels are (height, width, large channels, small channels).

On a GPU all are XLA's own. On a CPU XLA is fast at plain convolutions only: the other two are
convolutions of dilated maps, for which it has slow loops. There, a transposed convolution with a
stride is one matrix product and a sum of shifted maps, and the gradient of a kernel is one matrix
product for each pixel of the kernel. Both make the multiplications that the recipe counts, and no
more. A CPU works on a few images at a time, so that their maps stay in its cache.
"""

from collections.abc import Callable
from functools import partial
from math import prod

import jax
import jax.numpy as jnp
from jax import Array, lax

Padding = tuple[int, int]
"""Rows of zeros above and below the large maps, and columns left and right of them."""
_BYTES_AT_A_TIME = 2**23
"""What the images that a CPU works on may need, inputs, outputs and products together."""


def product(first: Array, second: Array) -> Array:
    """Return the matrix product in the dtype's own precision."""
    return jnp.matmul(first, second, precision=lax.Precision.HIGHEST)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolution(large: Array, kernel: Array, stride: int, padding: Padding) -> Array:
    """Return the small maps of a convolution, (n, height, width, small channels)."""
    options = {"stride": stride, "padding": (padding, padding)}
    return lax.platform_dependent(
        large,
        kernel,
        cpu=partial(_in_pieces, partial(_plain, **options), large[0].size),
        default=partial(_of_xla, **options),
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def transposed_convolution(
    small: Array, kernel: Array, stride: int, padding: Padding, length: int
) -> Array:
    """Return the large maps of a transposed convolution, (n, length, length, large channels)."""
    options = {"stride": stride, "padding": padding, "length": length}
    on_cpu, numbers = _transposed_by_sums, small[0, ..., 0].size * kernel[..., 0].size
    if stride == 1:
        on_cpu, numbers = partial(_transposed_of_xla, convolve=_plain), small[0].size
    return lax.platform_dependent(
        small,
        kernel,
        cpu=partial(_in_pieces, partial(on_cpu, **options), numbers),
        default=partial(_transposed_of_xla, **options),
    )


def kernel_gradient(large: Array, small: Array, size: int, stride: int, padding: Padding) -> Array:
    """Return the kernel's gradient from the maps that entered and the gradient of those made."""
    options = {"size": size, "stride": stride, "padding": padding}
    return lax.platform_dependent(
        large,
        small,
        cpu=partial(_sum_of_pieces, partial(_gradient_by_pixel, **options)),
        default=partial(_gradient_of_xla, **options),
    )


def _convolution_forward(
    large: Array, kernel: Array, stride: int, padding: Padding
) -> tuple[Array, tuple[Array, Array]]:
    return convolution(large, kernel, stride, padding), (large, kernel)


def _convolution_backward(
    stride: int, padding: Padding, kept: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    large, kernel = kept
    return (
        transposed_convolution(gradient, kernel, stride, padding, large.shape[1]),
        kernel_gradient(large, gradient, len(kernel), stride, padding),
    )


def _transposed_forward(
    small: Array, kernel: Array, stride: int, padding: Padding, length: int
) -> tuple[Array, tuple[Array, Array]]:
    return transposed_convolution(small, kernel, stride, padding, length), (small, kernel)


def _transposed_backward(
    stride: int, padding: Padding, length: int, kept: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    small, kernel = kept
    return (
        convolution(gradient, kernel, stride, padding),
        kernel_gradient(gradient, small, len(kernel), stride, padding),
    )


convolution.defvjp(_convolution_forward, _convolution_backward)
transposed_convolution.defvjp(_transposed_forward, _transposed_backward)


def _pieces(maps: Array, numbers: int) -> Array:
    """Return maps as (pieces, images, ...); an image needs so many numbers in all."""
    most = _BYTES_AT_A_TIME // (numbers * maps.dtype.itemsize)
    images = next((count for count in range(most, 3, -1) if len(maps) % count == 0), len(maps))
    return maps.reshape(-1, images, *maps.shape[1:])


def _in_pieces(
    make: Callable[[Array, Array], Array], numbers: int, maps: Array, kernel: Array
) -> Array:
    made = jax.eval_shape(make, maps, kernel)
    numbers += prod(made.shape[1:])
    return lax.map(lambda piece: make(piece, kernel), _pieces(maps, numbers)).reshape(made.shape)


def _sum_of_pieces(make: Callable[[Array, Array], Array], large: Array, small: Array) -> Array:
    numbers = large[0].size + small[0].size
    pieces = _pieces(large, numbers), _pieces(small, numbers)
    like = jax.eval_shape(make, *(piece[0] for piece in pieces))
    sums = jnp.zeros(like.shape, like.dtype)
    return lax.scan(lambda sums, piece: (sums + make(*piece), None), sums, pieces)[0]


def _plain(large: Array, kernel: Array, *, stride: int, padding: tuple[Padding, Padding]) -> Array:
    # XLA takes seconds to compile a small convolution in float64 on a CPU.
    made = _by_pixel if large.dtype == jnp.float64 else _of_xla
    return made(large, kernel, stride=stride, padding=padding)


def _of_xla(
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
    seen_by, positions = _seen(large, (rows, columns), stride, padding)
    pixels = kernel.reshape(rows * columns, -1, channels)
    sums = jnp.zeros((prod(positions), channels), large.dtype)
    sums = lax.fori_loop(
        0, len(pixels), lambda index, sums: sums + product(seen_by(index), pixels[index]), sums
    )
    return sums.reshape(*positions, channels)


def _transposed_of_xla(
    small: Array,
    kernel: Array,
    *,
    stride: int,
    padding: Padding,
    length: int,
    convolve: Callable[..., Array] = _of_xla,
) -> Array:
    before = len(kernel) - 1 - padding[0]
    after = length - (small.shape[1] - 1) * stride - 1 + padding[0]
    around = (before, after)
    flipped = lax.rev(kernel, (0, 1)).swapaxes(2, 3)
    dilation = {} if stride == 1 else {"dilation": stride}
    return convolve(small, flipped, stride=1, padding=(around, around), **dilation)


def _transposed_by_sums(
    small: Array, kernel: Array, *, stride: int, padding: Padding, length: int
) -> Array:
    """Multiply every small pixel by the kernel, and add what falls on the same large pixel."""
    images, side, _, entering = small.shape
    size, _, channels, _ = kernel.shape
    products = product(small.reshape(-1, entering), kernel.reshape(-1, entering).T)
    products = products.reshape(images, side, side, size, size, channels)
    # With its padding, a large map is squares of stride x stride pixels, so many on each side.
    squares = max(side + (size - 1) // stride, -(-(padding[0] + length) // stride))

    def of_squares(row: int, column: int) -> Array:
        """Return the pixels of this row and column of each square."""
        pixels = jnp.zeros((images, squares, squares, channels), small.dtype)
        for i in range(row, size, stride):  # the kernel's rows and columns that fall on them
            for j in range(column, size, stride):
                shifts = [(n // stride, squares - side - n // stride, 0) for n in (i, j)]
                falling, zero = products[:, :, :, i, j], jnp.zeros((), small.dtype)
                pixels += lax.pad(falling, zero, ((0, 0, 0), *shifts, (0, 0, 0)))
        return pixels

    rows = [jnp.stack([of_squares(i, j) for j in range(stride)], 3) for i in range(stride)]
    maps = jnp.stack(rows, 2).reshape(images, squares * stride, squares * stride, channels)
    inside = slice(padding[0], padding[0] + length)
    return maps[:, inside, inside]


def _gradient_of_xla(
    large: Array, small: Array, *, size: int, stride: int, padding: Padding
) -> Array:
    kernel = jax.ShapeDtypeStruct((size, size, large.shape[3], small.shape[3]), large.dtype)
    transposed = jax.linear_transpose(
        lambda kernel: _of_xla(large, kernel, stride=stride, padding=(padding, padding)),
        kernel,
    )
    (gradient,) = transposed(small)
    return gradient


def _gradient_by_pixel(
    large: Array, small: Array, *, size: int, stride: int, padding: Padding
) -> Array:
    channels, across = large.shape[3], small.shape[3]
    if stride == 1 and across < channels:
        # The same sums with the maps exchanged: those with fewer channels are faster to slice.
        around = (size - 1 - padding[0], size - 1 - padding[1])
        turned = _gradient_by_pixel(small, large, size=size, stride=1, padding=around)
        return lax.rev(turned, (0, 1)).swapaxes(2, 3)
    seen_by, _ = _seen(large, (size, size), stride, (padding, padding))
    gradients = small.reshape(-1, across).T
    if channels == 1:
        slices = jnp.concatenate([seen_by(index) for index in range(size * size)], 1)
        return product(gradients, slices).reshape(across, size, size, 1).transpose(1, 2, 3, 0)
    pixels = lax.map(lambda index: product(gradients, seen_by(index)), jnp.arange(size * size))
    return pixels.reshape(size, size, across, channels).swapaxes(2, 3)


def _seen(
    large: Array, size: tuple[int, int], stride: int, padding: tuple[Padding, Padding]
) -> tuple[Callable[[Array | int], Array], tuple[int, int, int]]:
    """Return what slices large maps, and (n, rows, columns) of the small maps.

    The slice of a pixel of the kernel, (n x rows x columns, channels), has the numbers by which a
    convolution multiplies it. As slices with a stride are slow, the maps are first cut into squares
    of stride x stride pixels, and sorted by the pixel's row and column in its square.
    """
    images, *lengths, channels = large.shape
    around, counts, positions = [(0, 0, 0)], [], []
    for length, side, (before, after) in zip(lengths, size, padding, strict=True):
        positions.append((length + before + after - side) // stride + 1)
        counts.append(positions[-1] + (side - 1) // stride)
        around.append((before, counts[-1] * stride - before - length, 0))
    padded = lax.pad(large, jnp.zeros((), large.dtype), (*around, (0, 0, 0)))
    squares = padded.reshape(images, counts[0], stride, counts[1], stride, channels)
    sorted_pixels = squares.transpose(2, 4, 0, 1, 3, 5)

    def seen_by(index: Array | int) -> Array:
        row, column = index // size[1], index % size[1]
        start = (row % stride, column % stride, 0, row // stride, column // stride, 0)
        sizes = (1, 1, images, *positions, channels)
        return lax.dynamic_slice(sorted_pixels, start, sizes).reshape(-1, channels)

    return seen_by, (images, *positions)
