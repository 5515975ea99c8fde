"""What is to be run: implementation, budget, run, as frozen and validated values."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from gan_bench import data
from gan_bench.plugins.registry import Implementation
from gan_bench.system.files import write_atomically
from gan_bench.system.models import Frozen

SPEC_SCHEMA_VERSION: Final = 1


class Budget(Frozen):
    """How long a run trains, in one unit."""

    unit: Literal["images", "epochs", "steps", "recipe"]
    """``recipe`` stands for the recipe's own number of epochs."""
    amount: int | None = Field(default=None, ge=1)

    def steps(self, *, images_per_step: int, train_images: int, recipe_epochs: int) -> int:
        """Return the steps of a run; a part of a step counts as a whole one."""
        if self.unit == "recipe":
            images = recipe_epochs * train_images
        elif self.amount is None:
            raise ValueError(f"a budget in {self.unit} needs an amount")
        elif self.unit == "steps":
            return self.amount
        elif self.unit == "epochs":
            images = self.amount * train_images
        else:
            images = self.amount
        return -(-images // images_per_step)

    def __str__(self) -> str:
        """Return e.g. ``4,000 images``."""
        if self.unit == "recipe" or self.amount is None:
            return "the recipe's own epochs"
        return f"{self.amount:,} {self.unit}"


class RunSpec(Frozen):
    """One implementation, data set, seed and budget: all that a run's bits depend on.

    Where and under which limits the run is launched is not in here.
    """

    schema_version: Literal[1] = SPEC_SCHEMA_VERSION
    implementation: Implementation
    source_sha256: str
    """Over the source files of the implementation and its recipe."""
    recipe_values: dict[str, Any]
    conventions: dict[str, str] = Field(default_factory=dict)
    """What is pinned and no recipe value, by what it concerns."""
    dataset: str
    """As `gan_bench.data.load` takes it; a folder's with its absolute path."""
    data_sha256: str
    train_splits: tuple[data.SplitName, ...] = ("train",)
    """The data set's splits that are trained on, one after the other, by the recipe."""
    train_images: int
    """In these splits together."""
    image_shape: tuple[int, int, int] | None = None
    """(height, width, channels) of the data set's images."""
    preset: str | None = None
    budget: Budget
    steps: int = Field(ge=1)
    images_per_step: int = Field(ge=1)
    parameters: dict[str, int] | None = None
    """Trainable parameters of the generator and the discriminator, by the recipe."""
    multiply_adds_per_step: int | None = None
    """Of a training step's matrix products and convolutions, by the recipe."""
    seed: int = Field(ge=0, lt=2**63)
    chunk_steps: int = Field(ge=1)
    evaluation_steps: tuple[int, ...]
    samples: int = Field(ge=2)
    device: str
    threads: int = Field(ge=1)
    deterministic: bool = False
    on_divergence: Literal["stop", "continue"] = "stop"
    cannot_make: str | None = None
    """Why the recipe cannot make images of the data set's shape; the run is then unsupported."""
    python: str | None = None
    """The framework's own interpreter, where the plan names one."""
    versions: dict[str, str]
    """Of Python, gan-bench, NumPy and the framework's packages."""

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all, and the folder that it is to lie in."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, self.model_dump_json(indent=1).encode() + b"\n")

    @property
    def dataset_label(self) -> str:
        """The data set's name for readers, which says nothing of where a folder lies."""
        return data.label(self.dataset)

    @property
    def identity(self) -> dict[str, Any]:
        """All that a run's bits depend on, as JSON values; where files lie is not in it."""
        derived = {
            *("preset", "python", "budget", "cannot_make", "train_splits", "conventions"),
            *("parameters", "multiply_adds_per_step", "image_shape"),
        }
        identity = self.model_dump(mode="json", exclude=derived)
        identity["dataset"] = self.dataset_label
        identity["implementation"].pop("path")
        identity["implementation"].pop("distribution")
        return identity

    @property
    def run_id(self) -> str:
        """Readable and unique: implementation, data set, seed and a hash of all that matters.

        Safe as a file's name. Of a folder of images, its own name, the options and the content
        matter: it may be moved.
        """
        identity = json.dumps(self.identity, sort_keys=True)
        digest = hashlib.sha256(identity.encode()).hexdigest()
        dataset = data.slug(self.dataset)
        return f"{self.implementation.name}-{dataset}-s{self.seed}-{digest[:10]}"


class Plan(Frozen):
    """The matrix of runs, in the order in which they run."""

    schema_version: Literal[1] = SPEC_SCHEMA_VERSION
    command: str
    created_at: str
    runs: tuple[RunSpec, ...]
    left_out: tuple[str, ...] = ()
    """A sentence for each implementation that could not be described, and so has no runs."""

    @property
    def plan_id(self) -> str:
        """A hash of the runs' ids: the same matrix has the same id."""
        ids = "\n".join(run.run_id for run in self.runs)
        return hashlib.sha256(ids.encode()).hexdigest()[:12]


class Place(Frozen):
    """Where runs will be, as far as a run's specification depends on it."""

    device: str
    threads: int
    grace_s: float = 10
    """Seconds from a scheduler's request to end to the end itself: for a chunk and a checkpoint."""


IDENTITY: Final = (
    *("implementation", "source_sha256", "steps", "images_per_step"),
    *("deterministic", "on_divergence", "chunk_steps", "evaluation_steps", "samples"),
    *("versions", "recipe_values"),
)
"""Fields of `RunSpec` that say what was trained and how. Where one of them differs, two runs are
not seeds of the same thing. They are listed here, below both of their users: `analysis.identity`,
for report, compare and gate, and the parity certificates in `results`."""
SETTING: Final = ("data_sha256", "train_splits", "budget", "device", "threads")
"""Fields that say on what data, for how long and where. Of the device only its kind counts: the
GPU's number is where a run happened to be, and its model is part of the machine."""
NOTED: Final = (
    *("schema_version", "seed", "dataset", "preset", "python"),
    *("train_images", "image_shape", "conventions", "cannot_make"),
    *("parameters", "multiply_adds_per_step"),
)
"""The other fields: the seed itself, names and paths, and what follows from the fields above."""
TRAINING_STEP: Final = ("source_sha256", "versions", "recipe_values", "device", "image_shape")
"""Beside the trainer's class, the fields on which one training step depends."""


def device_kind(device: str) -> Literal["cpu", "cuda"]:
    """Return ``cpu``, or ``cuda`` for any GPU."""
    return "cpu" if device == "cpu" else "cuda"
