"""Scores of a run or of a set of images: the protocol, the metric values, and their files."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import Field

from gan_bench.system.files import json_content
from gan_bench.system.models import Frozen, Stored

FORMULA_VERSION = 2
"""Goes up whenever the code computes another figure from the same images."""
LARGEST_REFERENCE = 10_000
"""Images of a data set's test split that are the reference at most."""
SCORES_SCHEMA_VERSION: Final = 2


class Protocol(Frozen):
    """How a snapshot is scored; figures of different protocols are never put in one ranking.

    The versions of ONNX Runtime and NumPy stand beside the scores instead: they change a figure by
    rounding only, and a ranking should not fall apart with every update.
    """

    features: str
    """The feature model's short name."""
    features_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Of the model's file; None where there is no such model for the data set, so no figure."""
    resize: str = "none"
    """What is done to images of another size than the model's; ``none``: they are refused."""
    channels: str = "none"
    """What is done to images with other channels than the model's."""
    dataset: str
    """The data set whose images are the reference, or the name of their file or folder."""
    split: Literal["train", "test"] | None = "test"
    """The reference's; None where it is a file or folder."""
    reference_sha256: str
    """Of the reference split, as ``gan_bench.data`` counts it, or of the images of a file."""
    n_real: int = Field(ge=2)
    """The first so many images are the reference."""
    n_fake: int = Field(ge=2)
    """The samples of every snapshot: the Frechet distance depends on how many there are."""
    seed: int = Field(default=0, ge=0)
    """Of the scorer's own draws, the same for every run."""
    formula_version: int = FORMULA_VERSION

    @property
    def fingerprint(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 over all fields."""
        fields = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
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


class Score(MetricValue):
    """One figure of one snapshot."""

    step: int = Field(ge=0)
    all_equal: bool | None = None
    """Whether all samples are one and the same image; None where they cannot be read."""

    @property
    def key(self) -> tuple[int, str]:
        """What it is of: step and metric."""
        return self.step, self.metric


class Source(Frozen):
    """One of the two sides, where a user named both."""

    images: str
    """As it was named."""
    sha256: str
    count: int


class Scores(Stored):
    """All figures of a run, or of one set of images, under one protocol."""

    KIND: ClassVar[str] = "score file"
    REMEDY: ClassVar[str] = "delete the file and score the run again"

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
