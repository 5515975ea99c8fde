"""The losses of `gan_bench_recipes.losses` in JAX: equations and conventions are there."""

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

Discriminator = nnx.Module
"""Images NHWC, and labels if it takes any, to logits (batch,)."""


def cross_entropy(logits: Array, real: bool) -> Array:
    """Return the binary cross-entropy of sigmoid(logits) with the target 1 or 0, batch mean."""
    return jax.nn.softplus(-logits if real else logits).mean()


def least_squares(logits: Array, real: bool) -> Array:
    """Return half the squared distance of the logits from the target 1 or 0, batch mean."""
    return jnp.square(logits - float(real)).mean() / 2


def hinge(logits: Array, real: bool) -> Array:
    """Return how far the logits are from 1 and above, or -1 and below, batch mean."""
    return jax.nn.relu(1 - logits if real else 1 + logits).mean()


def wasserstein(logits: Array, real: bool) -> Array:
    """Return the batch mean of the logits, negative if real."""
    return -logits.mean() if real else logits.mean()


def relativistic(logits: Array, others: Array) -> Array:
    """Return the cross-entropy for the first of each pair as the real one, batch mean."""
    return cross_entropy(logits - others, True)


def gradient_penalty(
    discriminator: Discriminator, real: Array, fakes: Array, mix: Array, *labels: Array
) -> Array:
    """Return the penalty of gradients unlike 1 at mixed images; ``mix`` is (batch,)."""
    mix = mix.reshape(-1, *(1 for _ in real.shape[1:]))
    _, gradients = _with_gradients(discriminator, mix * real + (1 - mix) * fakes, *labels)
    return jnp.square(_norms(gradients) - 1).mean()


def zero_centred_penalty(
    discriminator: Discriminator, images: Array, *labels: Array
) -> tuple[Array, Array]:
    """Return the logits of the images and the penalty: r1 of real images, r2 of fakes."""
    logits, gradients = _with_gradients(discriminator, images, *labels)
    return logits, jnp.square(gradients).sum(1).mean() / 2


def _with_gradients(
    discriminator: Discriminator, images: Array, *labels: Array
) -> tuple[Array, Array]:
    """Return the logits (batch,) and their gradients (batch, pixels), both differentiable."""

    # The discriminator is an argument: it may have a state that changes, such as dropout's.
    def summed(images: Array, discriminator: Discriminator) -> tuple[Array, Array]:
        logits = discriminator(images, *labels)
        return logits.sum(), logits

    images = jax.lax.stop_gradient(images)
    gradients, logits = nnx.grad(summed, has_aux=True)(images, discriminator)
    return logits, gradients.reshape(len(images), -1)


def _norms(rows: Array) -> Array:
    """Return each row's Euclidean norm, with a derivative of 0, not NaN, for rows of zeros."""
    squares = jnp.square(rows).sum(1)
    zero = squares == 0
    return jnp.where(zero, 0, jnp.sqrt(jnp.where(zero, 1, squares)))
