"""What scoring came to: the schema of ``scores/<fingerprint>.json`` and of ``score --json``."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gan_bench.errors import DamagedFile, GanBenchError, first_validation_error
from gan_bench.results.protocol import Protocol
from gan_bench.system.files import read_limited, write_json_atomically


class Result(BaseModel):
    """Base of what is written: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class MetricValue(Result):
    """A metric's value, with what it was computed from."""

    metric: str
    """E.g. ``fid_lenet``."""
    features: str
    """The model's name; ``pixels`` for figures of the images themselves."""
    value: float | None
    """None where there is no figure; then ``reason`` says why."""
    low: float | None = None
    """The lower end of the 95 % interval, where the metric has one. Of a FID it is for the distance
    of the two distributions, so without the bias of few images, and the value itself may lie above
    it; of a FID at infinity it is over draws of the samples alone."""
    high: float | None = None
    """The upper end."""
    standard_error: float | None = None
    """Of the value, over other draws of as many images."""
    bias: float | None = None
    """By how much the value is too great, as estimated, for its number of images."""
    n_real: int
    n_fake: int
    rank_real: int | None = None
    """The rank of the covariance of the real images' features."""
    rank_fake: int | None = None
    """The same of the samples: a small one is a sign of collapse, or of few samples."""
    rank_deficient: bool | None = None
    """Whether one of the two is less than full."""
    reason: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    """What else the metric found, e.g. the share of each class."""

    @classmethod
    def missing(cls, metric: str, features: str, n_real: int, n_fake: int, reason: str) -> Self:
        """Return a row without a figure."""
        return cls(
            metric=metric,
            features=features,
            value=None,
            n_real=n_real,
            n_fake=n_fake,
            reason=reason,
        )


SCORES_SCHEMA_VERSION: Final = 2


class Score(MetricValue):
    """One figure of one snapshot."""

    step: int = Field(ge=0)
    all_equal: bool | None = None
    """Whether all samples are one and the same image; None where they cannot be read."""

    @property
    def key(self) -> tuple[int, str]:
        """What it is of: step and metric."""
        return self.step, self.metric


class Source(Result):
    """One of the two sides, where a user named both."""

    images: str
    """As it was named."""
    sha256: str
    count: int


class Scores(Result):
    """All figures of a run, or of one set of images, under one protocol."""

    schema_version: Literal[2] = SCORES_SCHEMA_VERSION
    status: Literal["ok", "error"]
    """``ok`` if there is every figure that was asked for."""
    reason: str | None = None
    """What went wrong, in one sentence, where the status is ``error``."""
    warnings: tuple[str, ...] = ()
    """What a reader of the figures must know."""
    score_s: float = Field(ge=0)
    """Wall-clock seconds of the scoring that wrote the file."""
    protocol: Protocol
    fingerprint: str
    versions: dict[str, str]
    """Of what computed the figures: ``gan_bench``, ``numpy``, ``scipy``, ``onnxruntime`` (with its
    provider), ``python``."""
    weights: str | None = None
    """Where the feature model's weights come from, if it was made here."""
    real: Source | None = None
    fake: Source | None = None
    floor: dict[str, float | None] = Field(default_factory=dict)
    """By metric: real images of the other split, as many as there are samples, scored like them."""
    floor_reason: str | None = None
    """Why a floor is None."""
    scores: list[Score]
    """By step, then in the order of the metrics."""

    @property
    def rows(self) -> dict[tuple[int, str], Score]:
        """The scores by step and metric."""
        return {row.key: row for row in self.scores}

    def has_fid_of(self, steps: Iterable[int]) -> bool:
        """Whether there is a FID of each of these steps."""
        name, rows = f"fid_{self.protocol.features}", self.rows
        return all((row := rows.get((s, name))) and row.value is not None for s in steps)

    def merged(self, earlier: "Scores") -> Self:
        """Return these with the figures of an earlier scoring under the same protocol added.

        A figure that both have is this one's, unless this one is None.
        """
        rows = earlier.rows
        for row in self.scores:
            if row.value is not None or row.key not in rows:
                rows[row.key] = row
        order = list(dict.fromkeys(r.metric for r in (*self.scores, *earlier.scores)))
        scores = sorted(rows.values(), key=lambda row: (row.step, order.index(row.metric)))
        floor = {**earlier.floor}
        for metric, value in self.floor.items():
            if value is not None or metric not in floor:
                floor[metric] = value
        return self.model_copy(
            update={
                "scores": scores,
                "floor": floor,
                "score_s": self.score_s + earlier.score_s,
                "floor_reason": self.floor_reason if None in floor.values() else None,
            }
        )

    def write(self, folder: Path) -> Path:
        """Write ``<fingerprint>.json`` into an existing folder, whole or not at all.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        path = folder / f"{self.fingerprint}.json"
        write_json_atomically(path, self.model_dump(mode="json"))
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote.

        Raises
        ------
        GanBenchError
            The file is missing, damaged, or of a schema that this version does not know.
        """
        try:
            scores = cls.model_validate_json(read_limited(path))
        except OSError as error:
            raise GanBenchError(f"The scores {path} cannot be read: {error}.") from error
        except ValidationError as error:
            raise DamagedFile(
                f"The scores {path} are damaged or of another version of gan-bench "
                f"({first_validation_error(error)})",
                "delete the file and score the run again",
            ) from error
        if scores.fingerprint != scores.protocol.fingerprint:
            raise DamagedFile(
                f"The scores {path} are damaged (the fingerprint is not that of the protocol)",
                "delete the file and score the run again",
            )
        return scores
