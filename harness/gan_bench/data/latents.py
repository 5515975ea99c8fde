"""What the generator is fed: pure functions of seed and step."""

from typing import Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from gan_bench.streams import Stream, generator

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

    Each step has a stream of its own: its latents do not depend on the window asked for.

    Parameters
    ----------
    seed
        0 <= seed < 2**64.
    first_step, steps
        The window, both >= 0.
    draws
        Batches of latents that a step consumes.
    batch_size, latent_size
        The shape of one draw.
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

    The first rows are the same for any count: fewer samples are a part of more.

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
            # [0, 1) has 24 bits here, so that doubling and shifting are exact and never reach 1.
            random.random(out=latents, dtype=np.float32)
            latents *= 2
            latents -= 1
        case _:
            assert_never(distribution)
