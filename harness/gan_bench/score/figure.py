"""One figure of one set of images against another."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field


class Result(BaseModel):
    """Base of what is written: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Figure(Result):
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
