"""Square convolutions and their gradients, in the form that is fast on the device.

A convolution makes small maps from large ones, a transposed convolution large maps from small ones.
Each has the other as the gradient of its maps, and both have the same gradient of the kernel.
Kernels are (height, width, large channels, small channels).

On a GPU all are XLA's own. On a CPU XLA is fast at matrix products, less so at plain convolutions,
and has slow loops for the other two, which are convolutions of dilated maps. There, a convolution
is one matrix product of patches and kernel, a transposed one a matrix product whose results are
added where they overlap, and the gradient of a kernel one matrix product for each of its pixels.
All make the multiplications that the recipe counts, and no more. A CPU works on a few images at a
time, so that what they need stays in its cache; where patches of an image would not, XLA's own
convolution is used.
"""

from collections.abc import Callable
from functools import partial
from math import prod

import jax
import jax.numpy as jnp
from jax import Array, lax

Padding = tuple[int, int]
"""Rows of zeros above and below the large maps, and columns left and right of them."""
_CACHE = 2**23
"""Bytes that the images which a CPU works on may need: what enters, what is made and products."""
_IMAGES = 8
"""Fewer images at a time are slower than XLA's own convolution."""


def product(first: Array, second: Array) -> Array:
    """Return the matrix product in the precision of the run."""
    return jnp.matmul(first, second)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolution(large: Array, kernel: Array, stride: int, padding: Padding) -> Array:
    """Return the small maps of a convolution, (n, height, width, small channels)."""
    options = {"stride": stride, "padding": padding}
    patches = _positions(large.shape[1], len(kernel), stride, padding) ** 2 * kernel[..., 0].size
    on_cpu, numbers = _by_patches, patches
    # XLA takes seconds to compile a small convolution in float64 on a CPU.
    if _at_a_time(large, patches) < _IMAGES and large.dtype != jnp.float64:
        on_cpu, numbers = _of_xla, large[0].size
    return lax.platform_dependent(
        large,
        kernel,
        cpu=partial(_in_pieces, partial(on_cpu, **options), numbers),
        default=partial(_of_xla, **options),
    )


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def transposed_convolution(
    small: Array, kernel: Array, stride: int, padding: Padding, length: int
) -> Array:
    """Return the large maps of a transposed convolution, (n, length, length, large channels)."""
    options = {"stride": stride, "padding": padding, "length": length}
    products = small[0, ..., 0].size * kernel[..., 0].size
    on_cpu, numbers = _transposed_by_sums, products
    if stride == 1 and _at_a_time(small, products) < _IMAGES and small.dtype != jnp.float64:
        on_cpu, numbers = _transposed_of_xla, small[0].size
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


def _at_a_time(maps: Array, numbers: int) -> int:
    """Return how many images to compute at a time, given how many numbers one of them needs."""
    return max(_CACHE // (numbers * maps.dtype.itemsize), 1)


def _pieces(maps: Array, numbers: int) -> Array:
    """Return maps as (pieces, images, ...), the most images that divide the batch."""
    most = max(_at_a_time(maps, numbers), 4)
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


def _of_xla(
    maps: Array,
    kernel: Array,
    *,
    stride: int,
    padding: Padding,
    dilation: int = 1,
) -> Array:
    return lax.conv_general_dilated(
        maps,
        kernel,
        (stride, stride),
        (padding, padding),
        lhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _by_patches(large: Array, kernel: Array, *, stride: int, padding: Padding) -> Array:
    patches, positions = _patches(large, len(kernel), stride, padding)
    channels = kernel.shape[3]
    return product(patches, kernel.reshape(-1, channels)).reshape(*positions, channels)


def _transposed_of_xla(
    small: Array, kernel: Array, *, stride: int, padding: Padding, length: int
) -> Array:
    before = len(kernel) - 1 - padding[0]
    after = length - (small.shape[1] - 1) * stride - 1 + padding[0]
    around = (before, after)
    flipped = lax.rev(kernel, (0, 1)).swapaxes(2, 3)
    return _of_xla(small, flipped, stride=1, padding=around, dilation=stride)


def _transposed_by_sums(
    small: Array, kernel: Array, *, stride: int, padding: Padding, length: int
) -> Array:
    """Multiply every small pixel by the kernel, and add what falls on the same large pixel."""
    images, side, _, entering = small.shape
    size, _, channels, _ = kernel.shape
    products = product(small.reshape(-1, entering), kernel.reshape(-1, entering).T)
    products = products.reshape(images, side, side, size, size, channels)
    # A padded large map consists of squares of stride x stride pixels; this many on each side.
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
        lambda kernel: _of_xla(large, kernel, stride=stride, padding=padding),
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
    gradients = small.reshape(-1, across).T
    if channels == 1:
        patches, _ = _patches(large, size, stride, padding)
        return product(gradients, patches).reshape(across, size, size, 1).transpose(1, 2, 3, 0)
    sliced, _ = _slices(large, size, stride, padding)
    pixels = lax.map(lambda index: product(gradients, sliced(index)), jnp.arange(size * size))
    return pixels.reshape(size, size, across, channels).swapaxes(2, 3)


def _slices(
    large: Array, size: int, stride: int, padding: Padding
) -> tuple[Callable[[Array | int], Array], tuple[int, int, int]]:
    """Return what slices large maps, and (n, height, width) of the small maps.

    The slice of the kernel's pixel of an index, (n x height x width, channels), has the numbers by
    which a convolution multiplies that pixel. As slices with a stride are slow, the maps are first
    cut into squares of stride x stride pixels, and sorted by row and column in the square.
    """
    images, length, _, channels = large.shape
    positions = _positions(length, size, stride, padding)
    squares = positions + (size - 1) // stride
    around = (padding[0], squares * stride - padding[0] - length, 0)
    padded = lax.pad(large, jnp.zeros((), large.dtype), ((0, 0, 0), around, around, (0, 0, 0)))
    cut = padded.reshape(images, squares, stride, squares, stride, channels)
    cut = cut.transpose(2, 4, 0, 1, 3, 5)

    def sliced(index: Array | int) -> Array:
        row, column = index // size, index % size
        start = (row % stride, column % stride, 0, row // stride, column // stride, 0)
        sizes = (1, 1, images, positions, positions, channels)
        return lax.dynamic_slice(cut, start, sizes).reshape(-1, channels)

    return sliced, (images, positions, positions)


def _patches(
    large: Array, size: int, stride: int, padding: Padding
) -> tuple[Array, tuple[int, int, int]]:
    """Return what enters each small pixel, one in a row, and (n, height, width) of these."""
    sliced, positions = _slices(large, size, stride, padding)
    return jnp.concatenate([sliced(index) for index in range(size * size)], 1), positions


def _positions(length: int, size: int, stride: int, padding: Padding) -> int:
    """Return the height of the small maps."""
    return (length + sum(padding) - size) // stride + 1
