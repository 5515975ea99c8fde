"""Layers in the arithmetic that the recipes state, where Keras' own differ."""

from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf


class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation over all axes but the last.

    Its moving statistics take in a new batch with ``new_weight``, and the ``variance`` that is
    stated; ``epsilon`` is added to the variance.
    """

    def __init__(
        self, *, new_weight: float, epsilon: float, variance: Literal["biased", "unbiased"]
    ) -> None:
        super().__init__(axis=-1, momentum=1 - new_weight, epsilon=epsilon)
        self.new_weight = new_weight
        self.unbiased = variance == "unbiased"

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Normalise (n, ..., channels), in training mode with the batch's own statistics."""
        mean, variance = self.moving_mean.value, self.moving_variance.value
        if training:
            mean, variance = tf.nn.moments(inputs, list(range(len(inputs.shape) - 1)))
            self._take_in(self.moving_mean, mean)
            self._take_in(self.moving_variance, variance * self._correction(inputs))
        return tf.nn.batch_normalization(
            inputs, mean, variance, self.beta.value, self.gamma.value, self.epsilon
        )

    def _correction(self, inputs: tf.Tensor) -> Any:
        if not self.unbiased:
            return 1.0
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], inputs.dtype)
        return count / (count - 1)

    def _take_in(self, moving: keras.Variable, new: tf.Tensor) -> None:
        moving.assign_add((new - moving.value) * self.new_weight)


class PointToMap(keras.layers.Conv2DTranspose):
    """Transposed convolution of 1 x 1 maps, as the matrix product that it is (and faster)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return maps of the kernel's size."""
        height, width, filters, channels = self.kernel.shape
        kernel = tf.reshape(self.kernel.value, (height * width * filters, channels))
        outputs = tf.matmul(tf.reshape(inputs, (-1, channels)), kernel, transpose_b=True)
        return tf.reshape(outputs, (-1, height, width, filters))


class MapToPoint(keras.layers.Conv2D):
    """Convolution by a kernel of the map's size, as the matrix product that it is."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return 1 x 1 maps."""
        height, width, channels, filters = self.kernel.shape
        kernel = tf.reshape(self.kernel.value, (height * width * channels, filters))
        outputs = tf.matmul(tf.reshape(inputs, (-1, height * width * channels)), kernel)
        return tf.reshape(outputs, (-1, 1, 1, filters))


class Dropout(keras.layers.Dropout):
    """Dropout with masks of its own for each seed and layer."""

    def __init__(self, rate: float, seed: int, layer: int) -> None:
        # Keras' masks depend on the seed and a counter alone: seeds of neighbours would share them.
        (own,) = np.random.SeedSequence((seed, layer)).generate_state(1, np.uint64)
        super().__init__(rate, seed=int(own) >> 1)
