"""The random draws of a run: the order of training images, and the latents."""

from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from gan_bench.recipe import Recipe
from gan_bench.streams import Stream, generator


def batches(
    *,
    seed: int,
    first_step: int,
    steps: int,
    real_batches_per_step: int,
    batch_size: int,
    images: int,
) -> NDArray[np.int64]:
    """Return the batches of the steps first_step, ..., first_step + steps - 1.

    The stream is the concatenation of one permutation of the images for each epoch 0, 1, 2, ...,
    cut into consecutive batches. Batches are always full, and one may span two epochs. Every image
    is used once before any is used again. A step's batches do not depend on ``first_step`` and
    ``steps``, and earlier epochs are not computed.

    Parameters
    ----------
    seed
        0 <= seed < 2**64.
    first_step, steps
        First step and number of steps, both >= 0.
    real_batches_per_step
        Batches that a step consumes, >= 1.
    batch_size
        Images in a batch, >= 1; may exceed ``images``.
    images
        Images in the training split, >= 1.

    Returns
    -------
    int64 (steps, real_batches_per_step, batch_size), indices 0 <= i < images.
    """
    images_per_step = real_batches_per_step * batch_size
    start = first_step * images_per_step
    stop = start + steps * images_per_step
    indices = np.empty(stop - start, dtype=np.int64)
    position = start
    while position < stop:
        epoch, offset = divmod(position, images)
        taken = min(images - offset, stop - position)
        order = generator(seed, Stream.BATCHES, epoch).permutation(images)
        indices[position - start : position - start + taken] = order[offset : offset + taken]
        position += taken
    return indices.reshape(steps, real_batches_per_step, batch_size)


LatentDistribution = Literal["normal", "uniform"]
"""N(0, I), or uniform in [-1, 1)."""


def training_latents(
    *,
    seed: int,
    first_step: int,
    steps: int,
    draws: int,
    batch_size: int,
    latent_size: int,
    distribution: LatentDistribution,
) -> NDArray[np.float32]:
    """Return the latents of the steps first_step, ..., first_step + steps - 1.

    Each step has its own stream: its latents do not depend on ``first_step`` and ``steps``.

    Parameters
    ----------
    seed
        0 <= seed < 2**64.
    first_step, steps
        First step and number of steps, both >= 0.
    draws
        Batches of latents that a step consumes.
    batch_size, latent_size
        Shape of one batch of latents.
    distribution
        ``normal`` or ``uniform``.

    Returns
    -------
    float32 (steps, draws, batch_size, latent_size).
    """
    latents = np.empty((steps, draws, batch_size, latent_size), dtype=np.float32)
    for row in range(steps):
        random = generator(seed, Stream.TRAINING_LATENTS, first_step + row)
        _fill(latents[row], random, distribution)
    return latents


def evaluation_latents(
    *, seed: int, count: int, latent_size: int, distribution: LatentDistribution
) -> NDArray[np.float32]:
    """Return the latents that every evaluation point of a run samples from.

    The first rows do not depend on ``count``.

    Returns
    -------
    float32 (count, latent_size).
    """
    latents = np.empty((count, latent_size), dtype=np.float32)
    _fill(latents, generator(seed, Stream.EVALUATION_LATENTS), distribution)
    return latents


def _fill(
    latents: NDArray[np.float32], random: np.random.Generator, distribution: LatentDistribution
) -> None:
    match distribution:
        case "normal":
            random.standard_normal(out=latents, dtype=np.float32)
        case "uniform":
            # Values in [0, 1) have 24 bits, so doubling and shifting are exact and never reach 1.
            random.random(out=latents, dtype=np.float32)
            latents *= 2
            latents -= 1
        case _:
            assert_never(distribution)


@dataclass(frozen=True)
class Inputs:
    """The batches and latents that the harness draws for a recipe."""

    recipe: Recipe
    seed: int
    images: NDArray[np.uint8]
    """uint8 (n, height, width, channels)."""

    def batches(self, first_step: int, steps: int) -> NDArray[np.int64]:
        """Return the batches of some steps, int64 (steps, real_batches_per_step, batch_size)."""
        return batches(
            seed=self.seed,
            first_step=first_step,
            steps=steps,
            real_batches_per_step=self.recipe.real_batches_per_step,
            batch_size=self.recipe.batch_size,
            images=len(self.images),
        )

    def latents(self, first_step: int, steps: int) -> NDArray[np.float32]:
        """Return the latents of some steps, float32 (steps, draws, batch_size, latent_size)."""
        return training_latents(
            seed=self.seed,
            first_step=first_step,
            steps=steps,
            draws=self.recipe.draws_per_step,
            batch_size=self.recipe.batch_size,
            latent_size=self.recipe.latent_size,
            distribution=self.recipe.latent_distribution,
        )

    def evaluation_latents(self, count: int | None = None) -> NDArray[np.float32]:
        """Return the first evaluation latents (default: a batch), float32 (count, latent_size)."""
        return evaluation_latents(
            seed=self.seed,
            count=self.recipe.batch_size if count is None else count,
            latent_size=self.recipe.latent_size,
            distribution=self.recipe.latent_distribution,
        )

    def first_images(self) -> NDArray[np.float32]:
        """Return the first batch of real images.

        float32 (batch_size, height, width, channels), in [-1, 1].
        """
        first = self.images[self.batches(0, 1)[0, 0]]
        return np.asarray(first.astype(np.float32) / np.float32(127.5) - 1)
