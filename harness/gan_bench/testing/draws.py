"""What the suite's trainers are built from and trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gan_bench.recipe import Recipe
from gan_bench.streams import Stream, generator
from gan_bench.trainer import Trainer

STEPS: Final = 4
PLANNED_STEPS: Final = 8
SAMPLES: Final = 7

Observed = dict[str, NDArray[Any]]
"""Copies of what a trainer shows: weights by name, ``losses.<name>`` and ``samples``."""


@dataclass(frozen=True)
class Draws:
    """A trainer class with a recipe, small images, and draws of its own."""

    trainer_class: type[Trainer]
    recipe: Recipe
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    device: str
    seed: int
    scratch: Path
    """A folder for checkpoints, as long as the subject is examined."""
    planned_steps: int = PLANNED_STEPS

    def build(
        self,
        device: str | None = None,
        images: NDArray[np.uint8] | None = None,
        labels: NDArray[np.int64] | None = None,
    ) -> Trainer:
        """Build a trainer that starts from weights of its own."""
        return self.trainer_class(
            self.recipe,
            self.images.copy() if images is None else images,
            self.labels.copy() if labels is None else labels,
            device=self.device if device is None else device,
            planned_steps=self.planned_steps,
            seed=self.seed,
        )

    def start(
        self, images: NDArray[np.uint8] | None = None, labels: NDArray[np.int64] | None = None
    ) -> Trainer:
        """Build a trainer that starts from the recipe's initial weights, where it has them."""
        trainer = self.build(images=images, labels=labels)
        if self.initial is not None:
            trainer.set_weights(copies(self.initial))
        return trainer

    @cached_property
    def initial(self) -> Observed | None:
        """A copy of the recipe's initial weights, where it has them."""
        weights = self.recipe.initial_weights(self.seed)
        return None if weights is None else copies(weights)

    def batches(self, steps: int = STEPS) -> NDArray[np.int64]:
        """Draw indices (steps, p, batch_size) into the first half of the images."""
        shape = (steps, self.recipe.real_batches_per_step, self.recipe.batch_size)
        numbers = generator(self.seed, Stream.CONFORMANCE, 1)
        return numbers.integers(0, max(1, len(self.images) // 2), shape, dtype=np.int64)

    def latents(self, steps: int = STEPS) -> NDArray[np.float32]:
        """Draw latents (steps, draws, batch_size, z) for training."""
        recipe = self.recipe
        return self.noise(2, steps, recipe.draws_per_step, recipe.batch_size)

    def evaluation_latents(self, count: int = SAMPLES) -> NDArray[np.float32]:
        """Draw latents (count, z) for sampling."""
        return self.noise(3, count)

    def noise(self, index: int, *shape: int) -> NDArray[np.float32]:
        """Draw latents of the recipe's size and distribution from the stream's ``index``."""
        numbers = generator(self.seed, Stream.CONFORMANCE, index)
        full = (*shape, self.recipe.latent_size)
        if self.recipe.latent_distribution == "uniform":
            return numbers.random(full, dtype=np.float32) * 2 - 1
        return numbers.standard_normal(full, dtype=np.float32)


def copies(arrays: Mapping[str, NDArray[Any]]) -> Observed:
    """Return copies of arrays by name."""
    return {name: np.array(array) for name, array in arrays.items()}
