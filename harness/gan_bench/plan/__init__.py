"""What to run: budget, run and plan, as frozen and validated values."""

import hashlib
import json
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import FailFast, Field, model_validator

from gan_bench import data
from gan_bench.plugins.registry import RecipeFacts
from gan_bench.system.models import Frozen, Stored
from gan_bench.text import told_apart
from gan_bench.trainer import Precision

SPEC_SCHEMA_VERSION: Final = 1
LONGEST_CHUNK_STEPS: Final = {"cpu": 50, "cuda": 250}
"""Limits the memory for a chunk's draws and the time between two progress lines. On a GPU it is
longer, so that the device is seldom idle between two; the worker ends it after about two seconds.
"""
FEWEST_CHUNKS = 4
"""The first chunk is warm-up, so measuring throughput takes more than one."""


class Budget(Frozen):
    """How long a run trains, in one unit."""

    unit: Literal["images", "epochs", "steps", "recipe"]
    """``recipe``: the recipe's own number of epochs."""
    amount: int | float | None = Field(default=None, gt=0)
    """A whole number, except of epochs."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.unit != "recipe" and self.amount is None:
            raise ValueError(f"a budget in {self.unit} needs an amount")
        if self.unit != "epochs" and isinstance(self.amount, float):
            raise ValueError(f"a budget in {self.unit} is a whole number")
        return self

    def images(self, *, images_per_step: int, train_images: int, recipe_epochs: int) -> int:
        """Return the number of training images; the last step may exceed it slightly."""
        if self.unit == "recipe" or self.amount is None:
            return recipe_epochs * train_images
        each = {"images": 1, "epochs": train_images, "steps": images_per_step}[self.unit]
        return max(1, round(self.amount * each))

    def steps(self, *, images_per_step: int, train_images: int, recipe_epochs: int) -> int:
        """Return the number of training steps, rounded up."""
        images = self.images(
            images_per_step=images_per_step,
            train_images=train_images,
            recipe_epochs=recipe_epochs,
        )
        return -(-images // images_per_step)

    def __str__(self) -> str:
        """Return e.g. ``4,000 images``."""
        if self.unit == "recipe" or self.amount is None:
            return "the recipe's own epochs"
        return f"{self.amount:,} {self.unit.removesuffix('s') if self.amount == 1 else self.unit}"


def chunk_steps(steps: int, evaluations: int, device: str = "cpu") -> int:
    """Return the number of steps that are trained and timed as one chunk.

    A chunk also ends at each evaluation point.
    """
    longest = LONGEST_CHUNK_STEPS[device_kind(device)]
    return max(1, min(longest, steps // max(FEWEST_CHUNKS, evaluations - 1)))


def evaluation_steps(steps: int, evaluations: int) -> tuple[int, ...]:
    """Return the steps after which a snapshot is taken.

    They are spread evenly over the budget, rounded to a CPU's chunks and so the same on any device,
    and include the untrained generator (0) and the end (``steps``). There are fewer than
    ``evaluations`` only if the run has too few steps. Calling this with the number of returned
    steps returns the same steps.
    """
    chunk = chunk_steps(steps, evaluations)
    points = {0, steps}
    for i in range(1, evaluations - 1):
        points.add(min(steps, round(i * steps / (evaluations - 1) / chunk) * chunk))
    return tuple(sorted(points))


class RunSpec(RecipeFacts, Stored):
    """One implementation, data set, seed and budget: everything that determines a run's results.

    The results folder and the limits of a run are not part of it.
    """

    KIND: ClassVar[str] = "run specification"
    REMEDY: ClassVar[str] = "restore it with `gan-bench doctor --repair`, or train again"
    NOT_IN_RUN_ID: ClassVar[frozenset[str]] = frozenset(
        {
            *("preset", "python", "budget", "cannot_make", "train_splits", "conventions"),
            *("parameters", "multiply_adds_per_step", "image_shape", "losses", "conditional"),
            "recipe_defaults",
        }
    )
    """Fields that follow from the others, or do not change a run's results."""

    schema_version: Literal[1] = SPEC_SCHEMA_VERSION
    recipe_values: dict[str, Any]
    recipe_defaults: dict[str, Any] | None = None
    """The recipe's defaults of the fields that have other values in this run.

    None for own loops and in earlier versions' plans, which did not record them.
    """
    dataset: str
    """Name for `gan_bench.data.load`; a folder of images has its absolute path in it."""
    data_sha256: str
    train_images: int
    """Number of images in `train_splits`."""
    image_shape: tuple[int, int, int] | None = None
    """(height, width, channels) of the data set's images."""
    preset: str | None = None
    budget: Budget
    steps: int = Field(ge=1)
    seed: int = Field(ge=0, lt=2**63)
    chunk_steps: int = Field(ge=1)
    evaluation_steps: tuple[int, ...]
    samples: int = Field(ge=2)
    """Number of images in each snapshot."""
    device: str
    gpu: str | None = None
    """Name and memory of the card, so that no run is reused or continued on another one.

    None on the CPU, for a scheduler, which chooses the card later, and in earlier versions' plans.
    """
    threads: int = Field(ge=1)
    deterministic: bool = False
    precision: Precision = "ieee"
    on_divergence: Literal["stop", "continue"] = "stop"
    own_loop: bool = False
    """Whether a script of the user's own trained it, see `gan_bench.track`: with its own data
    pipeline, initial weights and global generators, so that it is paired with no other run."""
    python: str | None = None
    """The framework's own interpreter, if the plan names one."""
    versions: dict[str, str]
    """Versions of Python, gan-bench, NumPy and the framework's packages."""

    @property
    def dataset_label(self) -> str:
        """The data set's name for readers, without the path of a folder."""
        return data.label(self.dataset)

    @property
    def budget_images(self) -> int:
        """The number of training images in the budget; the last step may exceed it slightly."""
        epochs = self.recipe_values.get("epochs")
        if self.budget.unit == "recipe" and not isinstance(epochs, int):
            return self.steps * self.images_per_step
        return self.budget.images(
            images_per_step=self.images_per_step,
            train_images=self.train_images,
            recipe_epochs=epochs if isinstance(epochs, int) else 0,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that determines a run's results as JSON values, without paths."""
        identity = self.model_dump(mode="json", exclude=set(self.NOT_IN_RUN_ID))
        if self.gpu is None:
            identity.pop("gpu")  # runs on the CPU, and those planned before, keep their ids
        identity["dataset"] = self.dataset_label
        if self.precision == "ieee":  # as of all runs before there was a choice
            identity.pop("precision")
        if not self.own_loop:
            identity.pop("own_loop")
        identity["implementation"].pop("path")
        identity["implementation"].pop("distribution")
        return identity

    @property
    def run_id(self) -> str:
        """A readable, unique file name: implementation, data set, seed and a hash of `identity`.

        For a folder of images, its name, options and content count, so it may be moved.
        """
        identity = json.dumps(self.identity, sort_keys=True)
        digest = hashlib.sha256(identity.encode()).hexdigest()
        dataset = data.slug(self.dataset)
        return f"{self.implementation.file_name}-{dataset}-s{self.seed}-{digest[:10]}"

    def load_dataset(self) -> data.Dataset:
        """Load the data set, and check that it is the one that was planned.

        Raises
        ------
        UsageError
            The data set cannot be loaded, or has changed since the run was planned.
        """
        return data.load_unchanged(self.dataset, self.data_sha256)


class Plan(Stored):
    """The matrix of runs, in the order in which they run."""

    KIND: ClassVar[str] = "plan"
    REMEDY: ClassVar[str] = "its pending runs are not shown; the same command writes it again"
    LARGEST_BYTES: ClassVar[int] = 1 << 30
    """A plan of 10,000 runs takes 30 MB."""

    schema_version: Literal[1] = SPEC_SCHEMA_VERSION
    command: str
    created_at: str
    runs: Annotated[tuple[RunSpec, ...], FailFast()]  # an error of each item takes much memory
    left_out: Annotated[tuple[str, ...], FailFast()] = ()
    """One sentence for each implementation that has no runs because it cannot be described."""
    most_seeds: int | None = None
    """Seeds that an implementation may have, at most, where the runs show which of them get more
    (``--until-certain``); None where the seeds were chosen before any run."""

    @property
    def implementations(self) -> tuple[str, ...]:
        """The names of the implementations, in the order of their first runs."""
        return tuple(dict.fromkeys(spec.implementation.name for spec in self.runs))

    @property
    def labels(self) -> dict[str, str]:
        """The name of each run's implementation by run id, with the values that tell runs apart."""
        versions: dict[str, dict[str, dict[str, str]]] = {}
        for spec in self.runs:
            facts = {name: f"{name}={value}" for name, value in spec.recipe_values.items()}
            versions.setdefault(spec.implementation.name, {})[spec.run_id] = facts
        return {
            run_id: label
            for name, facts in versions.items()
            for run_id, label in zip(facts, told_apart(name, list(facts.values())), strict=True)
        }

    @property
    def plan_id(self) -> str:
        """A hash of the runs' ids: equal matrices have equal ids."""
        ids = "\n".join(run.run_id for run in self.runs)
        return hashlib.sha256(ids.encode()).hexdigest()[:12]


class Place(Frozen):
    """The part of where runs are executed on which their specifications depend."""

    device: str
    threads: int
    gpu: str | None = None
    """The card, if it is known before the runs start."""
    grace_s: float = 10
    """Seconds between a scheduler's signal to stop and its kill."""


IDENTITY: Final = (
    *("implementation", "source_sha256", "steps", "images_per_step"),
    *("deterministic", "on_divergence", "evaluation_steps", "samples", "own_loop"),
    *("versions", "recipe_values"),
)
"""Fields of `RunSpec` that say what was trained and how: runs that differ in one of them are not
seeds of one implementation. They are in this module because both `analysis.identity` and the parity
certificates in `results` use them."""
SETTING: Final = (
    *("data_sha256", "train_splits", "budget"),
    *("device", "gpu", "threads", "precision"),
)
"""Fields that say on which data, for how long, where and in which arithmetic a run trained. Only
the kind of device and the card count: the number of a GPU is accidental."""
NOTED: Final = (
    *("schema_version", "seed", "dataset", "preset", "python"),
    *("train_images", "image_shape", "conventions", "cannot_make"),
    *("parameters", "multiply_adds_per_step", "losses", "conditional", "chunk_steps"),
    "recipe_defaults",
)
"""The other fields: seed, names, paths, and values that follow from the fields above."""
TRAINING_STEP: Final = ("source_sha256", "versions", "recipe_values", "device", "image_shape")
"""Fields on which one training step depends, beside the trainer's class."""


def device_kind(device: str) -> Literal["cpu", "cuda"]:
    """Return ``cpu``, or ``cuda`` for any GPU."""
    return "cpu" if device == "cpu" else "cuda"
