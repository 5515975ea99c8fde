"""What the plain TensorFlow scripts share: real images in batches, and initial weights."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf


def real_batches(images: np.ndarray, batch_size: int) -> Iterator[tf.Tensor]:
    """Return an iterator over shuffled batches without end, NHWC in [-1, 1]."""
    scaled = images.astype(np.float32) / 127.5 - 1
    dataset = (
        tf.data.Dataset.from_tensor_slices(scaled)
        .shuffle(len(scaled))
        .batch(batch_size, drop_remainder=True)
        .repeat()
        .prefetch(tf.data.AUTOTUNE)
    )
    return iter(dataset)


def normal(mean: float = 0.0) -> keras.Initializer:
    """Return an initialiser of its own: one that layers share draws the same numbers for each."""
    return keras.initializers.RandomNormal(mean, 0.02)
