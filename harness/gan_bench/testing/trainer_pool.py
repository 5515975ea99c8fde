"""The trainers that the checks use, some of them shared."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from gan_bench.contract import check_weights
from gan_bench.data.draws import Inputs
from gan_bench.plugins.frameworks import GlobalState, seeded
from gan_bench.recipe import Recipe, revalidated
from gan_bench.streams import Stream, generator
from gan_bench.testing.check_result import CheckFailed, CheckSkipped, attempt
from gan_bench.text import figure
from gan_bench.trainer import Trainer

STEPS: Final = 4
_IRREPRODUCIBLE = (
    "Two trainers built with the same arguments differ after training ({}): they draw random "
    "numbers that do not depend on the seed. The global generators of Python, NumPy and "
    "the frameworks are seeded; look for os.urandom, the time, "
    "numpy.random.default_rng() without a seed, and a generator that several trainers share."
)
PLANNED_STEPS: Final = 8
SAMPLES: Final = 7
Observed = dict[str, NDArray[Any]]
"""Copies of a trainer's results: weights by name, ``losses.<name>`` and ``samples``."""


def copies(arrays: Mapping[str, NDArray[Any]]) -> Observed:
    """Return copies of arrays by name."""
    return {name: np.array(array) for name, array in arrays.items()}


def part(arrays: Mapping[str, NDArray[Any]], steps: slice) -> Observed:
    """Return some steps of the draws of training."""
    return {name: array[steps] for name, array in arrays.items()}


HALF: Final = STEPS // 2
FIRST: Final = slice(HALF)
SECOND: Final = slice(HALF, STEPS)
"""The steps of each half."""
Losses = Mapping[str, NDArray[np.floating]]
"""What ``train`` returns."""


class OwnGenerators:
    """A trainer with global generators of its own, as it has in the process of a run."""

    _GO_ON = frozenset({"set_weights", "train", "load"})
    """The methods after which the global generators keep their state for the next call."""

    def __init__(self, build: Callable[[], Trainer], seed: int) -> None:
        with seeded(seed):
            self._trainer = build()
        self.generators = GlobalState.now()

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._trainer, name)
        if not callable(attribute) or isinstance(attribute, type):
            return attribute

        @wraps(attribute)
        def call(*arguments: Any, **options: Any) -> Any:
            self.generators.restore()
            result = attribute(*arguments, **options)
            if name in self._GO_ON:
                self.generators = GlobalState.now()
            return result

        return call


@contextmanager
def other_generators(trainer: Trainer, seed: int) -> Iterator[None]:
    """Give a trainer other numbers from the global generators, in this context."""
    own = cast(OwnGenerators, trainer)
    kept = own.generators
    with seeded(seed):
        pass
    own.generators = GlobalState.now()
    yield
    own.generators = kept


@dataclass(frozen=True)
class FirstRun:
    """A trainer after one call of ``train``."""

    trainer: Trainer
    given: Observed
    """The arrays (not copies) that it was built from and trained on."""
    draws: Observed
    """The same for the draws."""
    losses: Losses


@dataclass(frozen=True)
class InterruptedRun:
    """A trainer that saved after half of the steps and then trained the other half."""

    trainer: Trainer
    checkpoint: Path
    generators: dict[str, Any]
    """The global generators' state when it was saved, as JSON."""
    losses: Losses
    """Copies of the losses of the first half."""
    observed: Observed
    """The trainer's state after the last step."""


@dataclass(frozen=True, eq=False)
class TrainerPool:
    """Trainers of one class and recipe for the checks, which share them if that is safe.

    Some frameworks take seconds to build a trainer, so checks that need the same state share one.
    A check may do the following with the trainer that it gets:

    ====================  =============================================  =========================
    from                  state of the trainer                           a check may
    ====================  =============================================  =========================
    ``build()``           new, with its own initial weights              do anything
    ``fresh()``           new, with the recipe's initial weights         do anything
    ``used()``            trained for all steps                          do anything
    ``halfway()``         trained for half of the steps                  do anything
    ``with_weights(w)``   shared, never trained, holds the weights w     set weights, sample,
                                                                         ``forward``, save
    ``untrained``         the same, holds any weights                    read its weights
    ``first_run``         shared, trained for all steps in one call      sample
    ``interrupted``       shared, saved after half of the steps          nothing: see ``load()``
    ====================  =============================================  =========================

    ``reference`` is the state of ``first_run``'s trainer, recorded before anything else happens.
    ``repeat``, ``small``, ``double`` and ``without_dropout`` are pools with trainers of their own.
    """

    trainer_class: type[Trainer]
    recipe: Recipe
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    device: str
    seed: int
    scratch: Path
    """A folder for checkpoints."""
    planned_steps: int = PLANNED_STEPS

    def build(
        self,
        device: str | None = None,
        images: NDArray[np.uint8] | None = None,
        labels: NDArray[np.int64] | None = None,
    ) -> Trainer:
        """Build a trainer with its own initial weights."""
        trainer = OwnGenerators(
            lambda: self.trainer_class(
                self.recipe,
                self.images.copy() if images is None else images,
                self.labels.copy() if labels is None else labels,
                device=self.device if device is None else device,
                planned_steps=self.planned_steps,
                seed=self.seed,
            ),
            self.seed,
        )
        return cast(Trainer, trainer)

    def fresh(
        self, images: NDArray[np.uint8] | None = None, labels: NDArray[np.int64] | None = None
    ) -> Trainer:
        """Build a trainer with the recipe's initial weights, if the recipe has any."""
        trainer = self.build(images=images, labels=labels)
        if self.initial is not None:
            trainer.set_weights(copies(self.initial))
        return trainer

    @cached_property
    def initial(self) -> Observed | None:
        """A copy of the recipe's initial weights, None if the recipe has none."""
        weights = self.recipe.initial_weights(self.seed)
        return None if weights is None else copies(weights)

    def batches(self, steps: int = STEPS) -> NDArray[np.int64]:
        """Return random indices (steps, p, batch_size) into the first half of the images."""
        shape = (steps, self.recipe.real_batches_per_step, self.recipe.batch_size)
        numbers = generator(self.seed, Stream.CONFORMANCE, 1)
        return numbers.integers(0, max(1, len(self.images) // 2), shape, dtype=np.int64)

    @cached_property
    def inputs(self) -> Inputs:
        """The batches and draws of the recipe, as the harness makes them."""
        return Inputs(self.recipe, self.seed, self.images, self.labels)

    def draws(self, steps: int = STEPS) -> Observed:
        """Return the draws that the recipe declares, for training."""
        return self.inputs.draws(0, steps)

    def evaluation_latents(self, count: int = SAMPLES) -> NDArray[np.float32]:
        """Return random latents (count, z) for sampling."""
        return self.inputs.evaluation_latents(count)

    def sample(self, trainer: Trainer, count: int = SAMPLES) -> NDArray[np.uint8]:
        """Sample from the first evaluation latents, with labels if the recipe is conditional."""
        labels = self.inputs.evaluation_labels(count)
        return trainer.sample(self.evaluation_latents(count), *labels)

    @cached_property
    def untrained(self) -> Trainer:
        """A trainer that no check trains; its weights are arbitrary."""
        return self.build()

    @cached_property
    def _own_start(self) -> Observed:
        return weights_of(self.untrained) if self.initial is None else self.initial

    def with_weights(self, weights: Observed | None = None) -> Trainer:
        """Return `untrained` with these weights (default: those that training starts from)."""
        self.untrained.set_weights(copies(self._own_start if weights is None else weights))
        return self.untrained

    @cached_property
    def first_run(self) -> FirstRun:
        """A fresh trainer after one call of ``train`` with ``STEPS`` steps."""
        given: Observed = {
            "images": self.images.copy(),
            "labels": self.labels.copy(),
            "batches": self.batches(),
        }
        draws = self.draws()
        trainer = self.fresh(given["images"], given["labels"])
        return FirstRun(trainer, given, draws, trainer.train(given["batches"], draws))

    @cached_property
    def reference(self) -> Observed:
        """The state of the trainer after `first_run`."""
        return self.observe(self.first_run.trainer, self.first_run.losses)

    @cached_property
    def repeat(self) -> "TrainerPool":
        """A pool with the same settings and its own trainers."""
        return replace(self)

    def used(self) -> Trainer:
        """Return a trainer that has trained for ``STEPS`` steps or more."""
        self.repeat.reference  # noqa: B018 - records the state before a check changes it
        return self.repeat.first_run.trainer

    @cached_property
    def deterministic(self) -> bool:
        """Whether the device gives the same bits twice; the CPU must."""
        return self.device == "cpu" or difference(self.reference, self.repeat.reference) is None

    @cached_property
    def small(self) -> "TrainerPool":
        """A pool for a short run of the recipe's small form in float64.

        If that cannot be trained, it has the recipe's own dtype, or else the recipe as it is;
        `check_field` for ``dtype`` reports why.
        """
        return (
            attempt(lambda: self._short(dtype="float64"))
            or attempt(self._short)
            or replace(self, planned_steps=STEPS)
        )

    @cached_property
    def double(self) -> "TrainerPool":
        """A pool with the recipe in float64, or this one if that cannot be trained."""
        return attempt(lambda: self._in_double(self.recipe)) or self

    @cached_property
    def without_dropout(self) -> "TrainerPool":
        """A pool with the recipe without dropout, in float64 if that can be trained."""
        calm = self.recipe.without_dropout()
        return attempt(lambda: self._in_double(calm)) or attempt(lambda: self._like(calm)) or self

    def _in_double(self, recipe: Recipe) -> "TrainerPool | None":
        # Also where hyperparameters without a dtype fix it.
        pool = self._like(recipe.model_copy(update={"dtype": "float64"}))
        weights = weights_of(pool.untrained).values()
        return pool if all(tensor.dtype == np.float64 for tensor in weights) else None

    def _short(self, **changes: object) -> "TrainerPool":
        smaller = revalidated(self.recipe.smaller(), **changes)
        return replace(self, planned_steps=STEPS)._like(smaller)

    def _like(self, recipe: Recipe) -> "TrainerPool":
        _, height, width, channels = self.images.shape
        pool = replace(self, recipe=recipe.for_images((height, width, channels)))
        pool.reference  # noqa: B018 - trains, and raises if it cannot
        return pool

    @cached_property
    def interrupted(self) -> InterruptedRun:
        """A trainer that saved after half of the steps and then trained the rest."""
        trainer = self.fresh()
        batches, draws = self.batches(), self.draws()
        first = trainer.train(batches[FIRST], part(draws, FIRST))
        kept = deepcopy(first)
        checkpoint = Path(mkdtemp(dir=self.scratch))
        with empty_folder() as folder:
            trainer.save(folder)
            copytree(folder, checkpoint, symlinks=True, dirs_exist_ok=True)
        generators = json.loads(json.dumps(cast(OwnGenerators, trainer).generators.values))
        second = trainer.train(batches[SECOND], part(draws, SECOND))
        observed = self.observe(trainer, first, second)
        return InterruptedRun(trainer, checkpoint, generators, kept, observed)

    def load(self, trainer: Trainer) -> None:
        """Load the checkpoint of `interrupted` from a folder that is removed afterwards."""
        # Not the folder that it was saved to, because a run renames its checkpoints.
        with empty_folder() as folder:
            copytree(self.interrupted.checkpoint, folder, symlinks=True, dirs_exist_ok=True)
            trainer.load(folder)
        generators = GlobalState(self.interrupted.generators)
        generators.restore()
        cast(OwnGenerators, trainer).generators = GlobalState.now()

    def continued(self, trainer: Trainer) -> Observed:
        """Load the checkpoint of `interrupted`, train to the last step, and observe."""
        self.load(trainer)
        second = trainer.train(self.batches()[SECOND], part(self.draws(), SECOND))
        return self.observe(trainer, self.interrupted.losses, second)

    @cached_property
    def reloaded(self) -> Observed:
        """The state of `interrupted`'s trainer after training on other data and `continued`."""
        trainer = self.interrupted.trainer
        trainer.train(
            self.batches(3)[::-1].copy(), copies(part(self.draws(3), slice(None, None, -1)))
        )
        return self.continued(trainer)

    @cached_property
    def reloads(self) -> bool:
        """Whether loading restores a used trainer bit for bit.

        If loading fails, the checks of ``load`` report why.
        """
        return attempt(lambda: difference(self.reference, self.reloaded) is None) or False

    def halfway(self) -> tuple[Trainer, Losses]:
        """Return a trainer after half of the steps, and copies of their losses.

        If reloading is exact, this is the trainer of `interrupted`, because building one is slow.
        """
        if self.reloads:
            self.load(self.interrupted.trainer)
            return self.interrupted.trainer, self.interrupted.losses
        trainer = self.fresh()
        return trainer, trainer.train(self.batches()[FIRST], part(self.draws(), FIRST))

    def weights_after(self, batches: NDArray[np.int64], draws: Observed) -> Observed:
        """Return the weights after training; only the second half may differ from `reference`."""
        if self.reloads:
            trainer, _ = self.halfway()
            trainer.train(batches[SECOND], part(draws, SECOND))
        else:
            # In one call like `reference`, because splitting it could change the weights, too.
            trainer = self.fresh()
            trainer.train(batches, draws)
        return weights_of(trainer)

    def observe(self, trainer: Trainer, *losses: Losses) -> Observed:
        """Copy the trainer's weights and samples, and the losses of consecutive calls as one."""
        return {
            **(self.joined_losses(*losses) if losses else {}),
            **weights_of(trainer),
            "samples": np.array(self.sample(trainer)),
        }

    def joined_losses(self, *pieces: Losses) -> Observed:
        """Join the losses of consecutive calls to one array each, by ``losses.<name>``."""
        return {
            f"losses.{name}": np.concatenate([np.atleast_1d(piece[name]) for piece in pieces])
            for name in self.recipe.losses
            if all(piece.get(name) is not None for piece in pieces)
        }

    @cached_property
    def irreproducible(self) -> str | None:
        """How a trainer that is built now differs from the first one, None if it does not."""
        return difference(self.reference, replace(self).reference)

    def expect_same(self, first: Observed, second: Observed, finding: str) -> None:
        """Raise unless both are equal bit for bit; skip if the device is not deterministic."""
        gap = difference(first, second)
        if gap is None:
            return
        if not self.deterministic:
            raise CheckSkipped(f"{self.device} does not give the same bits twice ({gap}).")
        if self.irreproducible is not None:
            raise CheckFailed(f"{_IRREPRODUCIBLE.format(self.irreproducible)}")
        raise CheckFailed(f"{finding}: {gap}.")

    def expect_other(self, first: Observed, second: Observed, finding: str) -> None:
        """Raise if nothing differs; skip if the device is not deterministic."""
        if difference(first, second) is None:
            raise CheckFailed(finding)
        if not self.deterministic:
            raise CheckSkipped(f"{self.device} does not give the same bits twice.")


def weights_of(trainer: Trainer) -> Observed:
    """Return copies of the trainer's weights; raise `ContractError` if they are no weights."""
    return copies(check_weights(trainer.weights()))


@contextmanager
def empty_folder() -> Iterator[Path]:
    """Yield an empty folder in a temporary working directory, which collects stray files."""
    with TemporaryDirectory() as name, chdir(name):
        folder = Path(name).resolve() / "checkpoint"
        folder.mkdir()
        yield folder


def difference(first: Mapping[str, NDArray[Any]], second: Mapping[str, NDArray[Any]]) -> str | None:
    """Return how two mappings of arrays differ, in a few words, or None if no bit differs."""
    if first.keys() != second.keys():
        return f"only one has {', '.join(sorted(first.keys() ^ second.keys()))}"
    for name, a in first.items():
        b = second[name]
        if a.shape != b.shape or a.dtype != b.dtype:
            return f"{name} is {a.dtype} {a.shape} and {b.dtype} {b.shape}"
        if a.tobytes() != b.tobytes():
            gap = np.abs(a.astype(np.float64) - b.astype(np.float64)).max()
            return f"{name} differs by up to {figure(gap, 2, whole=True)}"
    return None
