"""The losses of `gan_bench_recipes.losses` in TensorFlow: equations and conventions are there."""

from collections.abc import Callable

import tensorflow as tf

Discriminator = Callable[..., tf.Tensor]
"""Images NHWC, or a list of images and labels, to logits (batch,); it takes ``training``."""


def cross_entropy(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Return the binary cross-entropy of sigmoid(logits) with the target 1 or 0, batch mean."""
    # Not sigmoid_cross_entropy_with_logits: its gradient is a sum of several terms, the order of
    # which TensorFlow's AddN leaves to the threads' timing.
    return tf.reduce_mean(tf.nn.softplus(-logits if real else logits))


def least_squares(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Return half the squared distance of the logits from the target 1 or 0, batch mean."""
    return tf.reduce_mean(tf.square(logits - float(real))) / 2


def hinge(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Return how far the logits are from 1 and above, or -1 and below, batch mean."""
    return tf.reduce_mean(tf.nn.relu(1 - logits if real else 1 + logits))


def wasserstein(logits: tf.Tensor, real: bool) -> tf.Tensor:
    """Return the batch mean of the logits, negative if real."""
    return -tf.reduce_mean(logits) if real else tf.reduce_mean(logits)


def relativistic(logits: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy for the first of each pair as the real one, batch mean."""
    return cross_entropy(logits - others, True)


def gradient_penalty(
    discriminator: Discriminator,
    real: tf.Tensor,
    fakes: tf.Tensor,
    mix: tf.Tensor,
    *labels: tf.Tensor,
) -> tf.Tensor:
    """Return the penalty of gradients unlike 1 at mixed images; ``mix`` is (batch,)."""
    mix = tf.reshape(mix, (-1, *(1 for _ in real.shape[1:])))
    _, gradients = _with_gradients(discriminator, mix * real + (1 - mix) * fakes, *labels)
    return tf.reduce_mean(tf.square(_norms(gradients) - 1))


def zero_centred_penalty(
    discriminator: Discriminator, images: tf.Tensor, *labels: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the logits of the images and the penalty: r1 of real images, r2 of fakes."""
    logits, gradients = _with_gradients(discriminator, images, *labels)
    return logits, tf.reduce_mean(tf.reduce_sum(tf.square(gradients), 1)) / 2


def _with_gradients(
    discriminator: Discriminator, images: tf.Tensor, *labels: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the logits (batch,) and their gradients (batch, pixels), both differentiable."""
    images = tf.stop_gradient(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        logits = discriminator([images, *labels] if labels else images, training=True)
    gradients = tape.gradient(logits, images)
    return logits, tf.reshape(gradients, (tf.shape(gradients)[0], -1))


def _norms(rows: tf.Tensor) -> tf.Tensor:
    """Return each row's Euclidean norm, with a derivative of 0, not NaN, for rows of zeros."""
    squares = tf.reduce_sum(tf.square(rows), 1)
    zero = squares == 0
    norms = tf.sqrt(tf.where(zero, tf.ones_like(squares), squares))
    return tf.where(zero, tf.zeros_like(squares), norms)
