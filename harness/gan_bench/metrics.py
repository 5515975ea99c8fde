"""The metrics: names, labels, which way they improve, and the scale on which they compare."""

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from gan_bench.errors import UsageError
from gan_bench.text import did_you_mean

METRICS = ("fid", "kid", "prdc", "modes", "modes-reached", "fid-infinity")
"""What the scorer computes, as `--metrics` takes it."""
DEFAULT = ("fid", "kid", "prdc", "modes")
BY_CLASSIFIER: Final = {"modes": "classes_present", "modes-reached": "modes_reached"}
"""The metrics that need no features but the data set's classifier; the value with the details."""
SPEED: Final = "images_per_s"
"""The one metric that is no score: training throughput, in images per second."""
FEW_FOR_INCEPTION: Final = 10_000
"""With fewer images on either side, Inception's FID has a large bias."""
Scale = Literal["difference", "ratio"]


@dataclass(frozen=True)
class Metric:
    """What report, compare, gate and claims must know of a metric to compare two values of it."""

    name: str
    """E.g. ``fid_lenet``."""
    label: str
    """For tables, without the feature model, e.g. ``FID``."""
    higher_is_better: bool
    scale: Scale
    """``ratio`` where values are positive and seeds spread in proportion to their mean: logarithms
    are compared then. Otherwise ``difference``."""
    features: str | None = None
    """Name of the feature model; None for a metric that needs none."""

    @property
    def sign(self) -> int:
        """1 where a greater value is worse, -1 where it is better."""
        return -1 if self.higher_is_better else 1

    @property
    def is_fid(self) -> bool:
        """Whether it is the plain FID, by which runs are ranked."""
        return self.features is not None and self.name == fid_name(self.features)


_NEED_FEATURES = {
    "intra_fid": Metric("intra_fid", "Intra FID", False, "ratio"),
    "fid_infinity": Metric("fid_infinity", "FID at infinity", False, "ratio"),
    "fid": Metric("fid", "FID", False, "ratio"),
    "kid": Metric("kid", "KID", False, "difference"),
    "precision": Metric("precision", "Precision", True, "difference"),
    "recall": Metric("recall", "Recall", True, "difference"),
    "density": Metric("density", "Density", True, "difference"),
    "coverage": Metric("coverage", "Coverage", True, "difference"),
}
"""By the part of the name before the feature model's; the longer of two beginnings first."""
_OTHERS = {
    "classes_present": Metric("classes_present", "Classes present", True, "difference"),
    "class_kl": Metric("class_kl", "Class KL", False, "difference"),
    "confident_share": Metric("confident_share", "Confident", True, "difference"),
    "class_accuracy": Metric("class_accuracy", "Class accuracy", True, "difference"),
    "modes_reached": Metric("modes_reached", "Modes reached", True, "difference"),
    "modes_kl": Metric("modes_kl", "Modes KL", False, "difference"),
    "nearest_train": Metric("nearest_train", "Nearest training image", True, "difference"),
    "copied_share": Metric("copied_share", "Copied", False, "difference"),
    "ndb": Metric("ndb", "NDB", False, "difference"),
    "ndb_js": Metric("ndb_js", "NDB JS", False, "difference"),
    SPEED: Metric(SPEED, "Images/s", True, "ratio"),
}
COUNTS: Final = ("classes_present", "modes_reached", "ndb")
"""Metrics whose values are counts."""
REACHED: Final = ("modes_reached", "modes_kl")
"""The values of ``modes-reached``."""
FAMILIES: Final = (*_NEED_FEATURES, *_OTHERS)
"""Every known metric without the feature model's name, in the order of tables."""


@cache
def metric(name: str) -> Metric:
    """Return what is known of a metric such as ``fid_lenet``, ``ndb`` or ``images_per_s``.

    A name that gan-bench does not know is taken for one that is better when lower.
    """
    if name in _OTHERS:
        return _OTHERS[name]
    for family, known in _NEED_FEATURES.items():
        if name.startswith(f"{family}_"):
            features = name.removeprefix(f"{family}_")
            return Metric(name, known.label, known.higher_is_better, known.scale, features)
    return Metric(name, name, higher_is_better=False, scale="difference")


def fid_name(features: str) -> str:
    """Return the name of a feature model's FID, e.g. ``fid_lenet``."""
    return f"fid_{features}"


def intra_fid_name(features: str) -> str:
    """Return the name of a feature model's mean FID within a class, e.g. ``intra_fid_lenet``."""
    return f"intra_fid_{features}"


def parse_metrics(text: str) -> tuple[str, ...]:
    """Read a list of metrics such as ``fid,kid``; the order is that of `METRICS`.

    Raises
    ------
    UsageError
        A metric is unknown, or none is named.
    """
    named = {word.strip().lower() for word in text.split(",") if word.strip()}
    unknown = sorted(named - set(METRICS))
    known = f"give some of {', '.join(METRICS)}, with commas between them."
    if unknown:
        hint = did_you_mean(unknown[0], METRICS, known)
        raise UsageError(f"There is no metric {unknown[0]!r}; {hint}")
    if not named:
        raise UsageError(f"No metric was named; {known}")
    return tuple(name for name in METRICS if name in named)


def figure_names(family: str, features: str) -> tuple[str, ...]:
    """Return the names of the values that the scorer computes for one of `METRICS`.

    Those of `of_conditional` come besides, with ``modes``.
    """
    if family == "prdc":
        return tuple(f"{n}_{features}" for n in ("precision", "recall", "density", "coverage"))
    if family == "modes-reached":
        return REACHED
    if family == "modes":
        others = (SPEED, *REACHED, *of_conditional(features))
        return tuple(name for name in _OTHERS if name not in others)
    return (f"{family.replace('-', '_')}_{features}",)


def of_conditional(features: str) -> tuple[str, ...]:
    """Return the names of the values that only runs of a conditional recipe have."""
    return ("class_accuracy", intra_fid_name(features))
