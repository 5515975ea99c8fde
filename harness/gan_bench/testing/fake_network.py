"""The fake GAN's networks as pure functions of their tensors, with gradients worked out by hand.

Generator: dense, batch normalisation, leaky ReLU, dense, tanh, a low-resolution picture resized to
the images' shape. Discriminator: the images at the same low resolution, dense, leaky ReLU, dropout,
dense.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Tensors = dict[str, Array]

STATISTICS = ("generator.1.moving_mean", "generator.1.moving_variance")


@dataclass(frozen=True)
class GeneratorPass:
    """A batch's way through the generator; rows are (n, hidden), pictures (n, pixels)."""

    latents: Array
    mean: Array
    variance: Array
    normalised: Array
    scale: Array
    slopes: Array
    activations: Array
    pictures: Array


@dataclass(frozen=True)
class DiscriminatorPass:
    """A batch's way through the discriminator; ``logits`` has shape (n,)."""

    pictures: Array
    slopes: Array
    mask: Array | None
    activations: Array
    logits: Array


def generate(
    tensors: Tensors, latents: Array, *, training: bool, slope: float, epsilon: float
) -> GeneratorPass:
    """Turn latents (n, z) into pictures (n, pixels) in [-1, 1].

    In training the batch's own mean and (biased) variance normalise it, else the moving ones.
    """
    raw = latents @ tensors["generator.0.kernel"]
    if training:
        mean, variance = raw.mean(axis=0), raw.var(axis=0)
    else:
        mean, variance = (tensors[name] for name in STATISTICS)
    scale = 1 / np.sqrt(variance + epsilon)
    normalised = (raw - mean) * scale
    shifted = normalised * tensors["generator.1.gamma"] + tensors["generator.1.beta"]
    slopes = leaky_slopes(shifted, slope)
    activations = shifted * slopes
    pictures = np.tanh(activations @ tensors["generator.2.kernel"] + tensors["generator.2.bias"])
    return GeneratorPass(latents, mean, variance, normalised, scale, slopes, activations, pictures)


def generator_gradients(tensors: Tensors, way: GeneratorPass, upstream: Array) -> Tensors:
    """Return the gradients of the trainable tensors, given d loss / d pictures (n, pixels)."""
    outer = upstream * (1 - way.pictures**2)
    shifted = (outer @ tensors["generator.2.kernel"].T) * way.slopes
    normalised = shifted * tensors["generator.1.gamma"]
    # Mean and variance depend on the batch too (Ioffe and Szegedy 2015, section 3).
    raw = way.scale * (
        normalised
        - normalised.mean(axis=0)
        - way.normalised * (normalised * way.normalised).mean(axis=0)
    )
    return {
        "generator.0.kernel": way.latents.T @ raw,
        "generator.1.gamma": (shifted * way.normalised).sum(axis=0),
        "generator.1.beta": shifted.sum(axis=0),
        "generator.2.kernel": way.activations.T @ outer,
        "generator.2.bias": outer.sum(axis=0),
    }


def discriminate(
    tensors: Tensors, pictures: Array, *, slope: float, mask: Array | None
) -> DiscriminatorPass:
    """Turn pictures (n, pixels) into logits; ``mask`` (n, hidden) is dropout's, None without."""
    raw = pictures @ tensors["discriminator.0.kernel"] + tensors["discriminator.0.bias"]
    slopes = leaky_slopes(raw, slope)
    activations = raw * slopes
    if mask is not None:
        activations = activations * mask
    logits = activations @ tensors["discriminator.1.kernel"] + tensors["discriminator.1.bias"]
    return DiscriminatorPass(pictures, slopes, mask, activations, logits[:, 0])


def discriminator_gradients(
    tensors: Tensors, way: DiscriminatorPass, upstream: Array
) -> tuple[Tensors, Array]:
    """Return the gradients of the tensors and d loss / d pictures, given d loss / d logits (n,)."""
    outer = upstream[:, None]
    raw = (outer @ tensors["discriminator.1.kernel"].T) * way.slopes
    if way.mask is not None:
        raw = raw * way.mask
    gradients: Tensors = {
        "discriminator.0.kernel": way.pictures.T @ raw,
        "discriminator.0.bias": raw.sum(axis=0),
        "discriminator.1.kernel": way.activations.T @ outer,
        "discriminator.1.bias": outer.sum(axis=0),
    }
    return gradients, raw @ tensors["discriminator.0.kernel"].T


def cross_entropy(logits: Array, real: bool) -> tuple[float, Array]:
    """Return the mean binary cross-entropy of logits (n,) and its gradient (n,)."""
    sign = -1 if real else 1
    loss = np.logaddexp(0, sign * logits).mean()
    return float(loss), sign * sigmoid(sign * logits) / len(logits)


def sigmoid(logits: Array) -> Array:
    """Return 1 / (1 + exp(-logits)) without overflow."""
    probabilities: Array = 0.5 * (1 + np.tanh(0.5 * logits))
    return probabilities


def leaky_slopes(values: Array, slope: float) -> Array:
    """Return leaky ReLU's derivative, in the dtype of ``values``."""
    return np.where(values > 0, values.dtype.type(1), values.dtype.type(slope))


def area_matrix(target: int, origin: int) -> NDArray[np.float64]:
    """Return the matrix (target, origin) that resizes a line of pixels by the areas they share."""
    edges = np.linspace(0, origin, target + 1)
    pixels = np.arange(origin)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(shared, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
