"""The metrics by name, and the names of the figures that each gives."""

from gan_bench.errors import UsageError

METRICS = ("fid", "kid", "prdc", "modes", "fid-infinity")
DEFAULT = ("fid", "kid", "prdc", "modes")


def parse_metrics(text: str) -> tuple[str, ...]:
    """Read a list of metrics such as ``fid,kid``; the order is that of `METRICS`.

    Raises
    ------
    UsageError
        An unknown one, or none.
    """
    asked = {word.strip().lower() for word in text.split(",") if word.strip()}
    unknown = sorted(asked - set(METRICS))
    if unknown or not asked:
        what = f"There is no metric {unknown[0]!r}" if unknown else "No metric was named"
        raise UsageError(f"{what}; give some of {', '.join(METRICS)}, with commas between them.")
    return tuple(metric for metric in METRICS if metric in asked)


def figure_names(metric: str, features: str) -> tuple[str, ...]:
    """Return the names of a metric's figures."""
    if metric == "prdc":
        return tuple(f"{n}_{features}" for n in ("precision", "recall", "density", "coverage"))
    if metric == "modes":
        return (
            *("classes_present", "class_kl", "confident_share"),
            *("nearest_train", "copied_share", "ndb", "ndb_js"),
        )
    return (f"{metric.replace('-', '_')}_{features}",)


_HIGHER_IS_BETTER = (
    *("precision", "recall", "density", "coverage"),
    *("classes_present", "confident_share", "nearest_train"),
)


def higher_is_better(figure: str) -> bool:
    """Tell which way a figure improves, by its name such as ``fid_lenet``."""
    return any(figure == name or figure.startswith(f"{name}_") for name in _HIGHER_IS_BETTER)


COUNTS = ("classes_present", "ndb")
"""Metrics whose values are counts."""
LABELS = {
    "fid_infinity": "FID at infinity",
    "kid": "KID",
    "precision": "Precision",
    "recall": "Recall",
    "density": "Density",
    "coverage": "Coverage",
    "classes_present": "Classes present",
    "class_kl": "Class KL",
    "confident_share": "Confident",
    "nearest_train": "Nearest training image",
    "copied_share": "Copied",
    "ndb": "NDB",
    "ndb_js": "NDB JS",
}
"""Labels of the metrics beside the FID, without the feature model's name."""
