"""Layers in the arithmetic that the recipes state, where Keras' own differ."""

from collections.abc import Sequence
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf

from gan_bench_keras.names import layers


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


class _Spectral(keras.layers.Layer):
    """A layer with a kernel; see `gan_bench_recipes.layers.SpectralNormalisation`."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the vector besides the layer's own tensors."""
        super().build(input_shape)
        self.vector_u = self.add_weight(
            name="vector_u",
            shape=self.kernel.shape[-1:],
            initializer=keras.initializers.RandomNormal(),
            trainable=False,
        )

    def normalised(self) -> tf.Tensor:
        """Return the kernel, divided by the estimate of its largest factor."""
        return self.kernel.value / tf.norm(self._product())

    def iterate(self) -> None:
        """Make one power iteration."""
        direction = tf.math.l2_normalize(self._product())
        matrix = tf.reshape(self.kernel.value, (-1, self.kernel.shape[-1]))
        vector = tf.reduce_sum(matrix * direction[:, None], 0)
        self.vector_u.assign(tf.math.l2_normalize(vector))

    def _product(self) -> tf.Tensor:
        matrix = tf.reshape(self.kernel.value, (-1, self.kernel.shape[-1]))
        return tf.reduce_sum(matrix * self.vector_u.value, 1)


class SpectralConv2D(_Spectral, keras.layers.Conv2D):
    """Convolution with spectral normalisation."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return (n, height, width, channels)."""
        outputs = tf.nn.conv2d(inputs, self.normalised(), self.strides, self.padding.upper())
        return outputs if self.bias is None else outputs + self.bias.value


class SpectralDense(_Spectral, keras.layers.Dense):
    """A dense layer with spectral normalisation."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return (n, units)."""
        outputs = tf.matmul(inputs, self.normalised())
        return outputs if self.bias is None else outputs + self.bias.value


class _Embeddings(keras.layers.Layer):
    """A vector for each class."""

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self.shape = classes, size

    def build(self, input_shape: Any) -> None:
        """Make the vectors."""
        self.embeddings = self.add_weight(name="embeddings", shape=self.shape)


class SpectralEmbedding(_Spectral, _Embeddings):
    """A vector for each class, with spectral normalisation."""

    @property
    def kernel(self) -> keras.Variable:
        """The vectors (classes, size)."""
        return self.embeddings

    def call(self, labels: tf.Tensor) -> tf.Tensor:
        """Return (n, size)."""
        return _rows(self.normalised(), labels)


class Embedding(_Embeddings):
    """Features, with a vector of their class behind them."""

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return (n, features + size) of features and labels."""
        features, labels = inputs
        return tf.concat([features, _rows(self.embeddings.value, labels)], 1)


class Projection(keras.layers.Layer):
    """Logits of features: a dense layer plus the inner product with a vector of their class."""

    def __init__(self, classes: int, features: int) -> None:
        super().__init__()
        self.dense = SpectralDense(1)
        self.embedding = SpectralEmbedding(classes, features)

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        """Build both parts."""
        of_features, of_labels = input_shape
        self.dense.build(of_features)
        self.embedding.build(of_labels)

    def call(self, inputs: list[tf.Tensor]) -> tf.Tensor:
        """Return (n,) of features and labels."""
        features, labels = inputs
        projected = tf.reduce_sum(features * self.embedding(labels), 1)
        return tf.squeeze(self.dense(features), 1) + projected


def labelled(entering: tuple[int, ...], parts: Sequence[keras.Layer]) -> keras.Model:
    """Return layers one after the other, of which those with classes get the labels, too."""
    outputs, labels = inputs = [keras.Input(entering), keras.Input((), dtype="int64")]
    for layer in parts:
        takes_labels = isinstance(layer, Embedding | Projection)
        outputs = layer([outputs, labels] if takes_labels else outputs)
    return keras.Model(inputs, outputs)


def _rows(table: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return the rows of the labels; unlike an index, its gradient adds in a fixed order."""
    one_hot = tf.one_hot(labels, table.shape[0], dtype=table.dtype)
    return tf.reduce_sum(one_hot[:, :, None] * table, 1)


def iterate(network: keras.Layer) -> None:
    """Make one power iteration of each layer with spectral normalisation."""
    for layer in layers(network):
        if isinstance(layer, _Spectral):
            layer.iterate()


class Residual(keras.layers.Layer):
    """The sum of two paths from the same maps; one without layers passes them on."""

    def __init__(self, branch: Sequence[keras.Layer], shortcut: Sequence[keras.Layer] = ()) -> None:
        super().__init__()
        self.branch = keras.Sequential(branch)
        self.shortcut = keras.Sequential(shortcut) if shortcut else None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build both paths."""
        for path in (self.branch, self.shortcut):
            if path is not None:
                path.build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Return the sum."""
        passed = inputs if self.shortcut is None else self.shortcut(inputs, training=training)
        return self.branch(inputs, training=training) + passed


class SumOverPixels(keras.layers.Layer):
    """The sum of each channel."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Return (n, channels)."""
        return tf.reduce_sum(inputs, (1, 2))


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
