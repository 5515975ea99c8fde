"""The augmentations of `gan_bench_recipes.augmentation` in TensorFlow: conventions are there."""

import tensorflow as tf

from gan_bench_recipes.augmentation import pixels


def translated(images: tf.Tensor, shifts: tf.Tensor, share: float) -> tf.Tensor:
    """Return images NHWC, each moved as its ``shifts`` (n, 2) say."""
    side = images.shape[1]
    most = pixels(side, share)
    moves = tf.minimum(tf.floor(shifts * (2 * most + 1)), 2 * most) - most
    places = tf.range(side, dtype=images.dtype)
    # Row i is made of row i - move: a product with a matrix that has a 1 there. Its gradient is a
    # product, too, while that of a gather adds in any order on a GPU.
    rows, columns = (
        tf.cast(places[:, None] - places == move[:, None, None], images.dtype)
        for move in tf.unstack(moves, axis=1)
    )
    return tf.einsum("nij,njkc->nikc", rows, tf.einsum("nkl,njlc->njkc", columns, images))


def cut_out(images: tf.Tensor, cuts: tf.Tensor, share: float) -> tf.Tensor:
    """Return images NHWC, each with a square of 0 as its ``cuts`` (n, 2) say."""
    side = images.shape[1]
    length = pixels(side, share)
    middles = side + 1 - length % 2
    starts = tf.minimum(tf.floor(cuts * middles), middles - 1) - length // 2
    places = tf.range(side, dtype=images.dtype)
    rows, columns = (
        tf.cast((places >= start[:, None]) & (places < start[:, None] + length), images.dtype)
        for start in tf.unstack(starts, axis=1)
    )
    return images * (1 - rows[:, :, None, None] * columns[:, None, :, None])
