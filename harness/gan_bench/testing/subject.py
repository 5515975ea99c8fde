"""What the checks examine: a trainer class with a recipe, small images and draws of their own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gan_bench.recipe import Recipe
from gan_bench.streams import Stream, generator
from gan_bench.testing.results import CheckFailed, CheckSkipped
from gan_bench.trainer import Losses, Trainer

STEPS: Final = 4
PLANNED_STEPS: Final = 8
SAMPLES: Final = 7

LOSSES: Final = ("generator", "discriminator", "d_real", "d_fake")

Observed = dict[str, NDArray[Any]]
"""Copies of what a trainer shows: weights by name, ``losses.<name>`` and ``samples``."""


@dataclass(frozen=True)
class Subject:
    """A trainer class, what its trainers are built from, and what is drawn for them."""

    trainer_class: type[Trainer]
    recipe: Recipe
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    device: str
    seed: int
    planned_steps: int = PLANNED_STEPS

    def build(self, device: str | None = None) -> Trainer:
        """Build a trainer that starts from weights of its own."""
        return self.trainer_class(
            self.recipe,
            self.images.copy(),
            self.labels.copy(),
            device=self.device if device is None else device,
            planned_steps=self.planned_steps,
            seed=self.seed,
        )

    def start(self) -> Trainer:
        """Build a trainer that starts from the recipe's initial weights, where it has them."""
        trainer = self.build()
        weights = self.recipe.initial_weights(self.seed)
        if weights is not None:
            trainer.set_weights(weights)
        return trainer

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

    @cached_property
    def reference(self) -> Observed:
        """A fresh trainer's state after one call of ``STEPS`` steps, undisturbed."""
        trainer = self.start()
        return self.observe(trainer, trainer.train(self.batches(), self.latents()))

    @cached_property
    def repeats(self) -> bool:
        """Whether the device gives the same bits twice; on the CPU it has to."""
        return self.device == "cpu" or difference(self.reference, self.again()) is None

    @cached_property
    def precise(self) -> "Subject":
        """The subject for the whole of a short run, in float64 where the trainer can."""
        short = replace(self, planned_steps=STEPS)
        try:
            precise = replace(short, recipe=revalidated(self.recipe, dtype="float64"))
            return precise if precise.reference else short
        except (Exception, SystemExit):  # noqa: BLE001 - it shows where the dtype is checked
            return short

    def again(self) -> Observed:
        """Observe another trainer as `reference` does."""
        return replace(self).reference

    def observe(self, trainer: Trainer, *losses: Losses) -> Observed:
        """Copy the trainer's weights and samples, and the losses of consecutive calls as one."""
        return {
            **(joined_losses(*losses) if losses else {}),
            **weights_of(trainer),
            "samples": np.array(trainer.sample(self.evaluation_latents())),
        }

    def expect_same(self, first: Observed, second: Observed, finding: str) -> None:
        """Raise unless both are equal to the bit, where the device gives the same bits twice."""
        gap = difference(first, second)
        if gap is None:
            return
        if not self.repeats:
            raise CheckSkipped(f"{self.device} does not give the same bits twice ({gap}).")
        raise CheckFailed(f"{finding}: {gap}.")

    def expect_other(self, first: Observed, second: Observed, finding: str) -> None:
        """Raise unless something differs, where the device gives the same bits twice."""
        if difference(first, second) is None:
            raise CheckFailed(finding)
        if not self.repeats:
            raise CheckSkipped(f"{self.device} does not give the same bits twice.")


def revalidated(recipe: Recipe, **changes: object) -> Recipe:
    """Return the recipe with other values, validated as if written so."""
    return type(recipe).model_validate(recipe.model_dump() | changes)


def weights_of(trainer: Trainer) -> Observed:
    """Return the trainer's weights, copied here whatever the trainer does."""
    return {name: np.array(tensor) for name, tensor in trainer.weights().items()}


def joined_losses(*pieces: Losses) -> Observed:
    """Return the losses of consecutive calls as one array each, by ``losses.<name>``."""
    joined: Observed = {}
    for name in LOSSES:
        arrays = [getattr(piece, name) for piece in pieces]
        if all(array is not None for array in arrays):
            joined[f"losses.{name}"] = np.concatenate([np.atleast_1d(array) for array in arrays])
    return joined


def difference(first: Mapping[str, NDArray[Any]], second: Mapping[str, NDArray[Any]]) -> str | None:
    """Return how two mappings of arrays differ, in a few words, or None if no bit differs."""
    if first.keys() != second.keys():
        return f"only one has {', '.join(sorted(first.keys() ^ second.keys()))}"
    for name, one in first.items():
        other = second[name]
        if one.shape != other.shape or one.dtype != other.dtype:
            kinds = f"{one.dtype} {one.shape} and {other.dtype} {other.shape}"
            return f"{name} is {kinds}"
        if one.tobytes() != other.tobytes():
            gap = np.abs(one.astype(np.float64) - other.astype(np.float64)).max()
            return f"{name} differs by up to {gap:.2g}"
    return None
