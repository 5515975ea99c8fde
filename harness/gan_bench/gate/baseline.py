"""The baseline: its schema and its JSON file."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from gan_bench.analysis.identity import Setting
from gan_bench.errors import MissingFile, UsageError
from gan_bench.metrics import SPEED
from gan_bench.results.scores import Protocol
from gan_bench.results.status import NOT_SCORED, Status
from gan_bench.system.files import json_content
from gan_bench.system.models import Frozen, Stored
from gan_bench.trainer import Precision

BASELINE_SCHEMA_VERSION: Final = 1
FEWEST_BASELINE: Final = 10
"""Minimum number of seeds; fewer say too little about how much seeds vary."""


class MissingBaseline(UsageError):
    """There is no baseline file (exit code 3)."""


class SeedFigures(Frozen):
    """One run: how it ended, and the values of its final snapshot."""

    seed: int = Field(ge=0, lt=2**63)
    status: Status
    reason: str | None = None
    """Why the run did not succeed, or was not scored."""
    collapsed: bool = False
    """True if all samples are nearly one image: `analysis.final_scores.collapsed`."""
    weights_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Hash of the final weights."""
    images_per_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    probe_gflops: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Mean speed of the calibration probe before and after the run."""
    device_exclusive: bool | None = None
    machine: str | None = None
    """Models of GPU, if the run used one, and processor, and the number of cores."""
    figures: dict[str, float] = Field(default_factory=dict)
    """Value of the final snapshot by metric."""
    without: dict[str, str] = Field(default_factory=dict, exclude=True)
    """Why metrics have no value, as far as it is known; not part of the file."""
    scored_otherwise: frozenset[str] = Field(default=frozenset(), exclude=True)
    """Metrics with a value under another protocol only; not part of the file."""

    @property
    def failed(self) -> bool:
        """True if training diverged or collapsed.

        A crash or a missing framework does not count: it concerns the program or the machine, and
        the gate calls it not measured.
        """
        return self.status == "diverged" or self.collapsed

    @property
    def outcome(self) -> str:
        """See `analysis.runs.Run.outcome`; a reason beside ``ok`` is why it was not scored."""
        return NOT_SCORED if self.status == "ok" and self.reason is not None else self.status

    def lacks(self, metric: str) -> bool:
        """Return whether the run should have a value of a metric and has none.

        A run that failed in training or was scored under another protocol should have none, and
        neither should one whose speed was not measured.
        """
        if self.failed:
            return False
        known = metric == SPEED or metric in self.figures or metric in self.scored_otherwise
        return self.status != "ok" or not known


class Entry(Frozen):
    """Runs of one implementation, data set and budget that differ only in the seed."""

    implementation: str = Field(min_length=1, max_length=200)
    attribute: str | None = None
    """The trainer class's name; None if an earlier gan-bench wrote the baseline."""
    recipe: str
    framework: str
    dataset: str
    """Name for readers; `data_sha256` is what counts."""
    data_sha256: str = Field(pattern="^[0-9a-f]{64}$")
    train_splits: tuple[str, ...]
    budget_images: int = Field(ge=1)
    """Planned number of training images."""
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
    precision: Precision = "ieee"
    on_divergence: Literal["stop", "continue"] = "stop"
    protocols: dict[str, Protocol] = Field(default_factory=dict)
    """Scoring protocols by fingerprint."""
    scored_by: dict[str, str] = Field(default_factory=dict)
    """Fingerprint of the protocol by metric."""
    seeds: tuple[SeedFigures, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> Self:
        points = self.evaluation_steps
        if not points or points[-1] != self.steps or any(a >= b for a, b in pairwise(points)):
            raise ValueError(
                f"{self.implementation}: the evaluation points do not end with the last step"
            )
        numbers = [run.seed for run in self.seeds]
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"{self.implementation} has a seed twice")
        for run in self.seeds:
            for metric in run.figures:
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
        """Return the protocol of a metric, None if it was not scored."""
        return self.protocols.get(self.scored_by.get(metric, ""))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics for which a seed has a value."""
        return tuple(dict.fromkeys(metric for run in self.seeds for metric in run.figures))

    @property
    def ok(self) -> tuple[SeedFigures, ...]:
        """The seeds that succeeded."""
        return tuple(run for run in self.seeds if run.outcome == "ok")

    @property
    def trained(self) -> tuple[SeedFigures, ...]:
        """The seeds that trained to their end, scored or not."""
        return tuple(run for run in self.seeds if run.status == "ok")

    @property
    def key(self) -> tuple[str, str, int]:
        """Implementation, data and budget."""
        return self.implementation, self.data_sha256, self.budget_images

    @property
    def setting(self) -> Setting:
        """Data, budget and machine of the runs."""
        return Setting(
            dataset=self.dataset,
            data_sha256=self.data_sha256,
            train_splits=self.train_splits,
            budget_images=self.budget_images,
            device="CPU" if self.device == "cpu" else "GPU",
            threads=self.threads,
            hardware=" and ".join(sorted({r.machine for r in self.seeds if r.machine})) or None,
            precision=self.precision,
        )

    def having(self, metric: str) -> int:
        """Return the number of seeds with a value of a metric."""
        return sum(metric in run.figures for run in self.trained)

    @property
    def label(self) -> str:
        """Implementation, data set and budget in words."""
        return f"{self.implementation} on {self.dataset}, {self.budget_images:,} images"


class Baseline(Stored):
    """The frozen entries that a gate compares with."""

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
            raise ValueError("it has two entries for one implementation, data set and budget")
        return self

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics for which an entry has a value."""
        return tuple(dict.fromkeys(metric for entry in self.entries for metric in entry.metrics))

    def write(self, path: Path) -> None:
        """Write the file; see `Stored`.

        Raises
        ------
        UsageError
            The file cannot be written.
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
                f"it has schema version {version!r}; this gan-bench reads {BASELINE_SCHEMA_VERSION}"
            )
        return super().parse(content)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a baseline file, which someone may have edited.

        Raises
        ------
        MissingBaseline
            There is no such file.
        UsageError
            It is damaged, has another schema version, or has too few seeds.
        """
        try:
            baseline = super().read(path)
        except MissingFile as error:
            raise MissingBaseline(
                f"There is no baseline {path}; `gan-bench baseline` writes one."
            ) from error
        for entry in baseline.entries:
            counts = {"seeds that trained to their end": len(entry.trained)}
            counts |= {f"values of {metric}": entry.having(metric) for metric in entry.metrics}
            for what, count in counts.items():
                if count < FEWEST_BASELINE:
                    raise UsageError(
                        f"The baseline {path} has too few {what} for {entry.label} ({count} of "
                        f"{FEWEST_BASELINE} needed); run more seeds and freeze it again."
                    )
        return baseline
