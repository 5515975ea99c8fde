"""Scores of a run or of a set of images: the protocol, the metric values, and their files."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from gan_bench.system.files import json_content
from gan_bench.system.models import Frozen, Stored

FORMULA_VERSION = 2
"""Increases whenever the code computes a different figure from the same images."""
LARGEST_REFERENCE = 10_000
"""Maximum number of test images in the reference."""
SCORES_SCHEMA_VERSION: Final = 2


class Protocol(Frozen):
    """How a snapshot is scored; figures of different protocols are never put in one ranking.

    The versions of ONNX Runtime and NumPy are not part of it: they change a figure by rounding
    only, and an update should not split a ranking.
    """

    features: str
    """The feature model's short name."""
    features_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """SHA-256 of the model's file; None if there is no such model for the data set."""
    resize: str = "none"
    """How images are resized to the model's size; ``none``: other sizes are an error."""
    channels: str = "none"
    """How channels are converted to the model's."""
    dataset: str
    """The data set whose images are the reference, or the name of their file or folder."""
    split: Literal["train", "test"] | None = "test"
    """The split of the reference; None if it is a file or folder."""
    reference_sha256: str
    """SHA-256 of the reference split, see `gan_bench.data`, or of the images of a file."""
    n_real: int = Field(ge=2)
    """Number of reference images; see ``selection``."""
    n_fake: int = Field(ge=2)
    """Number of samples of each snapshot: the Frechet distance depends on it."""
    seed: int = Field(default=0, ge=0)
    """Seed of the scorer's random draws, equal for all runs."""
    formula_version: int = FORMULA_VERSION
    selection: Literal["first", "drawn"] = "first"
    """How the reference was reduced to ``n_real`` images: ``drawn`` with the seed from all of them,
    or the first ones, as in earlier versions; ``first`` also if all are used."""
    conversion: str = "none"
    """Size and channels that all images were converted to before anything else."""

    @property
    def fingerprint(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 over all fields.

        Fields that earlier versions did not have count only if they are not the default.
        """
        values = self.model_dump(mode="json")
        for name in ("selection", "conversion"):
            if values[name] == type(self).model_fields[name].default:
                del values[name]
        fields = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(fields.encode()).hexdigest()[:12]


def differences(first: Protocol, second: Protocol) -> list[str]:
    """Return the names of the fields in which two protocols differ, in the order of the class.

    The same reference images under another name are the same reference.
    """
    names = [
        name for name in Protocol.model_fields if getattr(first, name) != getattr(second, name)
    ]
    return [n for n in names if n != "dataset" or "reference_sha256" in names]


class MetricValue(Frozen):
    """A metric's value, with the number of images and the features behind it."""

    metric: str
    """E.g. ``fid_lenet``."""
    features: str
    """The model's name; ``pixels`` for figures of the images themselves."""
    value: float | None
    """None if it cannot be computed; then ``reason`` says why."""
    low: float | None = None
    """Lower end of the 95 % interval, if the metric has one; it always contains the value.

    The interval of an FID is for the distance between the two distributions. The value is too large
    by the bias of few images, so an interval without the bias may end below the value: it is
    extended to it. The interval of an FID at infinity covers draws of the samples only.
    """
    high: float | None = None
    """Upper end of the interval."""
    standard_error: float | None = None
    """Standard error of the value over draws of this many images."""
    bias: float | None = None
    """Estimated bias of the value due to the limited number of images."""
    n_real: int
    n_fake: int
    rank_real: int | None = None
    """Rank of the covariance of the real images' features."""
    rank_fake: int | None = None
    """Rank of the covariance of the samples' features: a low one means collapse or few samples."""
    rank_deficient: bool | None = None
    """Whether one of the two ranks is not full."""
    reason: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    """Further values of the metric, such as the share of each class."""

    @model_validator(mode="before")
    @classmethod
    def _include_value(cls, values: Any) -> Any:
        """Extend the interval to the value; earlier versions stored intervals beside it."""
        if not isinstance(values, dict):
            return values
        three = [values.get(name) for name in ("value", "low", "high")]
        known = [one for one in three if isinstance(one, int | float)]
        if len(known) < len(three):
            return values
        return {**values, "low": min(known), "high": max(known)}

    @classmethod
    def missing(cls, metric: str, features: str, n_real: int, n_fake: int, reason: str) -> Self:
        """Return a metric value that could not be computed."""
        return cls(
            metric=metric,
            features=features,
            value=None,
            n_real=n_real,
            n_fake=n_fake,
            reason=reason,
        )


class Score(MetricValue):
    """One figure of one snapshot."""

    step: int = Field(ge=0)
    all_equal: bool | None = None
    """Whether all samples are the same image; None if they cannot be read."""

    @property
    def key(self) -> tuple[int, str]:
        """Step and metric."""
        return self.step, self.metric


class Source(Frozen):
    """The real or the fake images of a comparison of two sets."""

    images: str
    """The images as named on the command line."""
    sha256: str
    count: int
    drawn: int | None = None
    """Number of images that were drawn from them with the protocol's seed; None if all are used."""


class Scores(Stored):
    """All figures of a run, or of one set of images, under one protocol."""

    KIND: ClassVar[str] = "score file"
    REMEDY: ClassVar[str] = "delete the file and score the run again"

    schema_version: Literal[2] = SCORES_SCHEMA_VERSION
    status: Literal["ok", "error"]
    """``ok`` if every requested figure was computed."""
    reason: str | None = None
    """One sentence that says what went wrong, for the status ``error``."""
    warnings: tuple[str, ...] = ()
    """Warnings to show beside the figures."""
    score_s: float = Field(ge=0)
    """Wall-clock seconds that the scoring took."""
    protocol: Protocol
    fingerprint: str
    versions: dict[str, str]
    """Versions of the software that computed the figures: ``gan_bench``, ``numpy``, ``scipy``,
    ``onnxruntime`` (with its provider) and ``python``."""
    weights: str | None = None
    """Origin of the feature model's weights, if it was made on this machine."""
    real: Source | None = None
    fake: Source | None = None
    floor: dict[str, float | None] = Field(default_factory=dict)
    """By metric: the score of real images of the other split, as many as there are samples."""
    floor_reason: str | None = None
    """Why a floor is None."""
    scores: list[Score]
    """By step, then in the order of the metrics."""

    @property
    def rows(self) -> dict[tuple[int, str], Score]:
        """The scores by step and metric."""
        return {row.key: row for row in self.scores}

    def has_fid_of(self, steps: Iterable[int]) -> bool:
        """Whether there is an FID at each of these steps."""
        name, rows = f"fid_{self.protocol.features}", self.rows
        return all((row := rows.get((s, name))) and row.value is not None for s in steps)

    def merged(self, earlier: "Scores") -> Self:
        """Return these scores together with those of an earlier scoring under the same protocol.

        Of a figure in both, this one counts unless it is None.
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

    def write_in(self, folder: Path) -> Path:
        """Write ``<fingerprint>.json`` into a folder."""
        path = folder / f"{self.fingerprint}.json"
        self.write(path)
        return path

    def content(self) -> bytes:
        """See `Stored`."""
        return json_content(self.model_dump(mode="json"))

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """See `Stored`."""
        scores = super().parse(content)
        if scores.fingerprint != scores.protocol.fingerprint:
            raise ValueError("the fingerprint is not that of the protocol")
        return scores


class ScoresHead(Stored):
    """The part of a score file that `status` shows."""

    model_config = ConfigDict(extra="ignore")
    KIND: ClassVar[str] = Scores.KIND
    REMEDY: ClassVar[str] = Scores.REMEDY

    protocol: Protocol
    status: Literal["ok", "error"]
    reason: str | None = None


def why_not_scored(files: Sequence[Scores | ScoresHead]) -> str | None:
    """Return why a run with these score files is not scored; None if it is.

    A feature model that does not exist is no reason if there are scores of another one.
    """
    if not files:
        return "trained, but there are no scores; see score.log in the run's folder"
    has_scores = any(file.status == "ok" for file in files)
    failed = next(
        (
            file
            for file in files
            if file.status == "error" and not (has_scores and file.protocol.features_sha256 is None)
        ),
        None,
    )
    return None if failed is None else failed.reason or "a score has no value"
