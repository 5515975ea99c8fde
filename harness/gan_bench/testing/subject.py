"""What the checks examine: a trainer class, and the trainers that several of them share."""

from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gan_bench.recipe import Recipe
from gan_bench.streams import Stream, generator
from gan_bench.testing.check_result import CheckFailed, CheckSkipped
from gan_bench.trainer import Losses, Trainer

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


HALF: Final = STEPS // 2
LOSSES: Final = ("generator", "discriminator", "d_real", "d_fake")


@dataclass(frozen=True)
class FirstRun:
    """A trainer after one call of ``train``, undisturbed."""

    trainer: Trainer
    given: Observed
    """The very arrays that it was built from and trained on."""
    losses: Losses


@dataclass(frozen=True)
class Halfway:
    """A trainer that saved after half the steps and then went on to the last."""

    trainer: Trainer
    checkpoint: Path
    losses: Losses
    """Copies of those of the first half."""
    observed: Observed
    """The trainer's state after the last step."""


@dataclass(frozen=True)
class Subject(Draws):
    """A trainer class and its trainers, as checks find them.

    Some frameworks take seconds to build a trainer. Checks that would all start from the same one
    therefore share it, where what one of them does to it cannot reach another.
    """

    @cached_property
    def untrained(self) -> Trainer:
        """A trainer that no check trains, with any weights."""
        return self.build()

    @cached_property
    def _own_start(self) -> Observed:
        return weights_of(self.untrained) if self.initial is None else self.initial

    def untrained_with(self, weights: Observed | None = None) -> Trainer:
        """Return `untrained` with these weights, or with those that training starts from."""
        self.untrained.set_weights(copies(self._own_start if weights is None else weights))
        return self.untrained

    @cached_property
    def first_run(self) -> FirstRun:
        """A fresh trainer after one call of ``STEPS`` steps, for no check to disturb."""
        given: Observed = {
            "images": self.images.copy(),
            "labels": self.labels.copy(),
            "batches": self.batches(),
            "latents": self.latents(),
        }
        trainer = self.start(given["images"], given["labels"])
        return FirstRun(trainer, given, trainer.train(given["batches"], given["latents"]))

    @cached_property
    def reference(self) -> Observed:
        """The state after `first_run`."""
        return self.observe(self.first_run.trainer, self.first_run.losses)

    @cached_property
    def twin(self) -> "Subject":
        """The same subject with runs of its own."""
        return replace(self)

    def used_trainer(self) -> Trainer:
        """Return a trainer that has trained somehow, to do with it what one likes."""
        self.twin.reference  # noqa: B018 - observed before anything else happens to it
        return self.twin.first_run.trainer

    @cached_property
    def repeats(self) -> bool:
        """Whether the device gives the same bits twice; on the CPU it has to."""
        return self.device == "cpu" or difference(self.reference, self.twin.reference) is None

    @cached_property
    def precise(self) -> "Subject":
        """The subject for the whole of a short run, small and in float64 where it can be."""
        short = replace(self, planned_steps=STEPS)
        for changes in ({"dtype": "float64"}, {}):
            try:
                recipe = revalidated(self.recipe.smaller(), **changes)
                precise = replace(short, recipe=recipe)
                if precise.reference:
                    return precise
            except (Exception, SystemExit):  # noqa: BLE001 - it shows where the dtype is checked
                continue
        return short

    @cached_property
    def halfway(self) -> Halfway:
        """A trainer that saved after half the steps and went on, and what it saved."""
        trainer = self.start()
        batches, latents = self.batches(), self.latents()
        first = trainer.train(batches[:HALF], latents[:HALF])
        kept = deepcopy(first)
        checkpoint = Path(mkdtemp(dir=self.scratch))
        with empty_folder() as folder:
            trainer.save(folder)
            copytree(folder, checkpoint, symlinks=True, dirs_exist_ok=True)
        second = trainer.train(batches[HALF:], latents[HALF:])
        return Halfway(trainer, checkpoint, kept, self.observe(trainer, first, second))

    def load(self, trainer: Trainer) -> None:
        """Load into a trainer what `halfway` saved, from a folder that is gone afterwards."""
        # Not from the folder that it was saved to: a run's checkpoints are renamed.
        with empty_folder() as folder:
            copytree(self.halfway.checkpoint, folder, symlinks=True, dirs_exist_ok=True)
            trainer.load(folder)

    def continued(self, trainer: Trainer) -> Observed:
        """Load into a trainer what `halfway` saved, and observe it after the last step."""
        self.load(trainer)
        second = trainer.train(self.batches()[HALF:], self.latents()[HALF:])
        return self.observe(trainer, self.halfway.losses, second)

    @cached_property
    def rewound(self) -> Observed:
        """The state after `halfway`'s trainer has trained on something else and `continued`."""
        trainer = self.halfway.trainer
        trainer.train(self.batches(3)[::-1].copy(), self.latents(3)[::-1].copy())
        return self.continued(trainer)

    @cached_property
    def rewinds(self) -> bool:
        """Whether a trainer, by loading, can be brought back to where it saved."""
        try:
            return difference(self.reference, self.rewound) is None
        except (Exception, SystemExit):  # noqa: BLE001 - it shows where loading is checked
            return False

    def trained_halfway(self) -> tuple[Trainer, Losses]:
        """Return a trainer after half the steps, and copies of their losses.

        It is one that has been rewound, if that ends in the bits of one that has not.
        """
        if self.rewinds:
            self.load(self.halfway.trainer)
            return self.halfway.trainer, self.halfway.losses
        trainer = self.start()
        return trainer, trainer.train(self.batches()[:HALF], self.latents()[:HALF])

    def weights_after(self, batches: NDArray[np.int64], latents: NDArray[np.float32]) -> Observed:
        """Return the weights after training on draws that are others in the second half only."""
        if self.rewinds:
            trainer, _ = self.trained_halfway()
            trainer.train(batches[HALF:], latents[HALF:])
        else:
            # In one call, as the reference: in two, what `train` makes of a call would show too.
            trainer = self.start()
            trainer.train(batches, latents)
        return weights_of(trainer)

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
    return copies(trainer.weights())


@contextmanager
def empty_folder() -> Iterator[Path]:
    """Yield an empty folder in a temporary one, to which strays and relative paths go too."""
    with TemporaryDirectory() as name, chdir(name):
        folder = Path(name).resolve() / "checkpoint"
        folder.mkdir()
        yield folder


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
