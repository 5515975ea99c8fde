"""The augmentations of `gan_bench_recipes.augmentation` in JAX: conventions are there."""

import jax.numpy as jnp
from jax import Array

from gan_bench_recipes.augmentation import pixels


def translated(images: Array, shifts: Array, share: float) -> Array:
    """Return images NHWC, each moved as its ``shifts`` (n, 2) say."""
    side = images.shape[1]
    most = pixels(side, share)
    moves = jnp.minimum(jnp.floor(shifts * (2 * most + 1)), 2 * most) - most
    places = jnp.arange(side, dtype=images.dtype)
    # Row i is made of row i - move: a product with a matrix that has a 1 there. Its gradient is a
    # product, too, while that of a gather adds in any order on a GPU.
    rows, columns = (
        (places[:, None] - places == move[:, None, None]).astype(images.dtype) for move in moves.T
    )
    return jnp.einsum("nij,njkc->nikc", rows, jnp.einsum("nkl,njlc->njkc", columns, images))


def cut_out(images: Array, cuts: Array, share: float) -> Array:
    """Return images NHWC, each with a square of 0 as its ``cuts`` (n, 2) say."""
    side = images.shape[1]
    length = pixels(side, share)
    middles = side + 1 - length % 2
    starts = jnp.minimum(jnp.floor(cuts * middles), middles - 1) - length // 2
    places = jnp.arange(side, dtype=images.dtype)
    rows, columns = (
        ((places >= start[:, None]) & (places < start[:, None] + length)).astype(images.dtype)
        for start in starts.T
    )
    return images * (1 - rows[:, :, None, None] * columns[:, None, :, None])
