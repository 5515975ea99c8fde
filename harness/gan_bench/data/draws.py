"""What is random in a run's data: the order of training images, and the draws of its recipe."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import UsageError
from gan_bench.recipe import Distribution, Draw, Recipe
from gan_bench.streams import Stream, generator, stream_of


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


def step_draws(
    name: str,
    draw: Draw,
    *,
    seed: int,
    first_step: int,
    steps: int,
    batch_size: int,
    classes: int,
) -> NDArray[Any]:
    """Return a draw of the steps first_step, ..., first_step + steps - 1.

    Each name has its own stream, and each step its own part of it: the numbers do not depend on
    ``first_step``, ``steps`` and the other draws.

    Parameters
    ----------
    name, draw
        As in `Recipe.draws`.
    seed
        0 <= seed < 2**64.
    first_step, steps
        First step and number of steps, both >= 0.
    batch_size
        Elements of a batch.
    classes
        Classes of the data set.

    Returns
    -------
    float32 (steps, count, batch_size, *shape), or int64 in [0, classes).
    """
    shape = (draw.count, batch_size, *draw.shape)
    values = np.empty((steps, *shape), np.int64 if draw.distribution == "classes" else np.float32)
    for row in range(steps):
        random = generator(seed, stream_of(name), first_step + row)
        _fill(values[row], random, draw.distribution, classes)
    return values


def evaluation_latents(
    *, seed: int, count: int, latent_size: int, distribution: Distribution
) -> NDArray[np.float32]:
    """Return the latents that every evaluation point of a run samples from.

    The first rows do not depend on ``count``.

    Returns
    -------
    float32 (count, latent_size).
    """
    latents = np.empty((count, latent_size), dtype=np.float32)
    _fill(latents, generator(seed, Stream.EVALUATION_LATENTS), distribution, 1)
    return latents


def latent_batches(
    *, seed: int, count: int, batch: int, shape: tuple[int, ...], distribution: Distribution
) -> Iterator[NDArray[np.float32]]:
    """Yield the evaluation latents of a seed in batches: see `evaluation_latents`.

    The numbers do not depend on the size of the batches.

    Yields
    ------
    NDArray
        float32 (batch, *shape), the last with the rest.
    """
    random = generator(seed, Stream.EVALUATION_LATENTS)
    for start in range(0, count, batch):
        latents = np.empty((min(batch, count - start), *shape), dtype=np.float32)
        _fill(latents, random, distribution, 1)
        yield latents


def _fill(
    values: NDArray[Any], random: np.random.Generator, distribution: Distribution, classes: int
) -> None:
    match distribution:
        case "normal":
            random.standard_normal(out=values, dtype=np.float32)
        case "uniform":
            # Values in [0, 1) have 24 bits, so doubling and shifting are exact and never reach 1.
            random.random(out=values, dtype=np.float32)
            values *= 2
            values -= 1
        case "uniform01":
            random.random(out=values, dtype=np.float32)
        case "classes":
            values[...] = random.integers(0, classes, values.shape)
        case _:
            assert_never(distribution)


def check_classes(field: str, most: object, classes: int, dataset: str) -> None:
    """Check that a data set has no more classes than the field ``classes`` of a recipe allows.

    Raises
    ------
    UsageError
        It has. A recipe without such a field (None) is for any number.
    """
    if isinstance(most, int) and classes > most:
        raise UsageError(
            f"{field} is {most}, and {dataset} has {classes:,} classes; set it to {classes}."
        )


@dataclass(frozen=True)
class Inputs:
    """The batches, draws and labels that a trainer of a recipe gets."""

    recipe: Recipe
    seed: int
    images: NDArray[np.uint8]
    """uint8 (n, height, width, channels)."""
    labels: NDArray[np.int64]
    """int64 (n,)."""

    def __post_init__(self) -> None:
        """Raise `UsageError` if there are more classes than a conditional recipe is for."""
        if self.recipe.conditional:
            most = getattr(self.recipe, "classes", None)
            check_classes(f"{self.recipe.name}.classes", most, self.classes, "the data set")

    @property
    def classes(self) -> int:
        """One more than the highest label: 0 <= label < classes."""
        return int(self.labels.max()) + 1

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

    def draws(self, first_step: int, steps: int) -> dict[str, NDArray[Any]]:
        """Return the draws of some steps by name: see `step_draws`."""
        return {
            name: step_draws(
                name,
                draw,
                seed=self.seed,
                first_step=first_step,
                steps=steps,
                batch_size=self.recipe.batch_size,
                classes=self.classes,
            )
            for name, draw in self.recipe.draws().items()
        }

    def evaluation_latents(self, count: int | None = None) -> NDArray[np.float32]:
        """Return the first evaluation latents (default: a batch), float32 (count, latent_size)."""
        return evaluation_latents(
            seed=self.seed,
            count=self.recipe.batch_size if count is None else count,
            latent_size=self.recipe.latent_size,
            distribution=self.recipe.latent_distribution,
        )

    def evaluation_labels(self, count: int | None = None) -> tuple[NDArray[np.int64], ...]:
        """Return the labels of the evaluation latents, the classes in turn, as a last argument.

        If the recipe is not conditional, there is no such argument.
        """
        if not self.recipe.conditional:
            return ()
        rows = np.arange(self.recipe.batch_size if count is None else count, dtype=np.int64)
        return (rows % self.classes,)

    def first_images(self) -> NDArray[np.float32]:
        """Return the first batch of real images.

        float32 (batch_size, height, width, channels), in [-1, 1].
        """
        first = self.images[self.batches(0, 1)[0, 0]]
        return np.asarray(first.astype(np.float32) / np.float32(127.5) - 1)
