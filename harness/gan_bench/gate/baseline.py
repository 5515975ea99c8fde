"""The baseline's schema: what the gate knows of each implementation's runs, and its JSON file."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from gan_bench.errors import MissingFile, UsageError
from gan_bench.results.scores import Protocol
from gan_bench.results.status import Status
from gan_bench.system.files import json_content
from gan_bench.system.models import Frozen, Stored

BASELINE_SCHEMA_VERSION: Final = 1
FEWEST_BASELINE: Final = 10
"""Seeds with a figure without which a baseline says too little of the spread."""
FEWEST_CANDIDATES: Final = 3
"""Seeds with a figure without which a candidate is not measured."""


class MissingBaseline(UsageError):
    """There is no baseline file (exit code 3)."""


class SeedFigures(Frozen):
    """One run: how it ended and what was measured of its final snapshot."""

    seed: int = Field(ge=0, lt=2**63)
    status: Status
    reason: str | None = None
    collapsed: bool = False
    """Whether all samples are one image, or next to it."""
    weights_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Of the final weights: equal bits are an equal run."""
    images_per_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    probe_gflops: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The calibration probe's mean of before and after the run."""
    device_exclusive: bool | None = None
    machine: str | None = None
    """The processor's name, after the GPU's if the run used one."""
    figures: dict[str, float] = Field(default_factory=dict)
    """By metric."""

    @property
    def failed(self) -> bool:
        """Whether training went wrong by itself: a loss that is not finite, or a collapse."""
        return self.status == "diverged" or self.collapsed


class Entry(Frozen):
    """The runs of one implementation, data set and budget that differ in the seed alone."""

    implementation: str = Field(min_length=1, max_length=100)
    recipe: str
    framework: str
    dataset: str
    """Its name for readers; `data_sha256` is what counts."""
    data_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    train_splits: tuple[str, ...]
    budget_images: int = Field(ge=1)
    """The training images that were asked for."""
    steps: int = Field(ge=1)
    evaluation_steps: tuple[int, ...]
    samples: int = Field(ge=2)
    preset: str | None = None
    recipe_values: dict[str, Any]
    conventions: dict[str, str] = Field(default_factory=dict)
    source_sha256: str
    versions: dict[str, str]
    device: str
    threads: int = Field(ge=1)
    deterministic: bool = False
    on_divergence: Literal["stop", "continue"] = "stop"
    protocols: dict[str, Protocol] = Field(default_factory=dict)
    """By fingerprint."""
    scored_by: dict[str, str] = Field(default_factory=dict)
    """By metric the fingerprint of its protocol."""
    seeds: tuple[SeedFigures, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        points = self.evaluation_steps
        if not points or points[-1] != self.steps or any(a >= b for a, b in pairwise(points)):
            raise ValueError(f"{self.implementation}: the evaluation points do not lead to the end")
        numbers = [one.seed for one in self.seeds]
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"{self.implementation} has a seed twice")
        for one in self.seeds:
            for metric in one.figures:
                if metric not in self.scored_by:
                    raise ValueError(f"{self.implementation}: {metric} has no protocol")
        for fingerprint in self.scored_by.values():
            known = self.protocols.get(fingerprint)
            if known is None or known.fingerprint != fingerprint:
                raise ValueError(
                    f"{self.implementation}: the protocol {fingerprint} is missing or changed"
                )
        return self

    def protocol(self, metric: str) -> Protocol | None:
        """Return how a metric was scored, None where it was not."""
        return self.protocols.get(self.scored_by.get(metric, ""))

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of which a seed has a figure."""
        return tuple(dict.fromkeys(metric for one in self.seeds for metric in one.figures))

    @property
    def ok(self) -> tuple[SeedFigures, ...]:
        """The seeds whose runs came to their end."""
        return tuple(one for one in self.seeds if one.status == "ok")

    @property
    def key(self) -> tuple[str, str, int]:
        """What an entry is of: implementation, data and budget."""
        return self.implementation, self.data_sha256, self.budget_images

    def having(self, metric: str) -> int:
        """Return how many runs that are ok have a figure of a metric."""
        return sum(metric in one.figures for one in self.ok)

    @property
    def label(self) -> str:
        """Implementation, data set and budget in words."""
        return f"{self.implementation} on {self.dataset}, {self.budget_images:,} images"


class Baseline(Stored):
    """What the gate compares with."""

    KIND: ClassVar[str] = "baseline"
    REMEDY: ClassVar[str] = "write a new one with `gan-bench baseline`"

    schema_version: Literal[1] = BASELINE_SCHEMA_VERSION
    gan_bench: str
    created_at: str
    command: str
    entries: tuple[Entry, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        keys = [entry.key for entry in self.entries]
        if len(set(keys)) < len(keys):
            raise ValueError("an implementation stands in it twice with one data set and budget")
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of which an entry has a figure."""
        return tuple(dict.fromkeys(metric for entry in self.entries for metric in entry.metrics))

    def write(self, path: Path) -> None:
        """Write the file; see `Stored`.

        Raises
        ------
        UsageError
            It cannot be written.
        """
        try:
            super().write(path)
        except OSError as error:
            raise UsageError(
                f"The baseline {path} cannot be written ({error.strerror}); name another file."
            ) from error

    def content(self) -> bytes:
        """See `Stored`."""
        return json_content(self.model_dump(mode="json"))

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """See `Stored`."""
        value = json.loads(content)
        version = value.get("schema_version") if isinstance(value, dict) else None
        if version != BASELINE_SCHEMA_VERSION:
            raise ValueError(
                f"schema version {version!r}, this gan-bench reads {BASELINE_SCHEMA_VERSION}"
            )
        return super().parse(content)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file; see `Stored`.

        Raises
        ------
        MissingBaseline
            There is no such file.
        UsageError
            It is damaged, of another schema version, or has too few seeds.
        """
        try:
            baseline = super().read(path)
        except MissingFile as error:
            raise MissingBaseline(
                f"There is no baseline {path}; `gan-bench baseline` writes one."
            ) from error
        for entry in baseline.entries:
            counts = {"seeds that are ok": len(entry.ok)}
            counts |= {f"figures of {metric}": entry.having(metric) for metric in entry.metrics}
            for what, count in counts.items():
                if count < FEWEST_BASELINE:
                    raise UsageError(
                        f"The baseline {path} has {count} {what} for {entry.label}; it takes "
                        f"{FEWEST_BASELINE} to know their spread. Run more and freeze it anew."
                    )
        return baseline
