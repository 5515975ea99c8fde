"""Feature models: chosen by name, made, loaded and run."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gan_bench.errors import UsageError
from gan_bench.metrics import BY_CLASSIFIER, DEFAULT, parse_metrics
from gan_bench.text import duration


@dataclass(frozen=True)
class FeatureChoice:
    """A feature model, and the number of images to score with it."""

    model: str
    """``lenet``, ``inception`` or the path of an ``.onnx`` file."""
    images: int | None = None
    """Number of samples and of reference images to score; None: all."""

    @property
    def name(self) -> str:
        """The name of the model in protocols."""
        return Path(self.model).stem if self.model.endswith(".onnx") else self.model

    def __str__(self) -> str:
        """Return what a user types, e.g. ``inception:2500``."""
        return self.model if self.images is None else f"{self.model}:{self.images}"


def parse_features(text: str) -> tuple[FeatureChoice, ...]:
    """Read a list of feature models such as ``lenet,inception:2500``.

    Raises
    ------
    UsageError
        There is none, one is given twice, or a count is not an integer above 1.
    """
    choices = tuple(_parse(item.strip()) for item in text.split(",") if item.strip())
    if not choices:
        raise UsageError(
            "No features were named; give lenet, inception or the path of an .onnx file."
        )
    names = [choice.name for choice in choices]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"The features {twice} were named twice; give each once.")
    return choices


def _parse(text: str) -> FeatureChoice:
    model, colon, count = text.rpartition(":")
    if not colon or text.endswith(".onnx"):
        return FeatureChoice(text)
    if not (count.isdecimal() and count.isascii() and int(count) > 1):
        raise UsageError(
            f"The number of images {count!r} in {text!r} is not an integer above 1; write, for "
            f"example, {model}:2500."
        )
    return FeatureChoice(model, int(count))


@dataclass(frozen=True)
class Scoring:
    """The features and metrics that a run's snapshots are scored with."""

    features: tuple[FeatureChoice, ...] = (FeatureChoice("lenet"),)
    """The first scores every evaluation point, the others only the first and the last."""
    metrics: tuple[str, ...] = DEFAULT
    """FID at every evaluation point, the others at the last one."""
    weights: Path | None = None
    """File of Inception's weights; None: the published ones."""
    cache: bool = True
    """Whether to use the reference cache."""

    def metrics_of(self, features: FeatureChoice) -> tuple[str, ...]:
        """Return the metrics with these features; those by the classifier only once."""
        if features == self.features[0]:
            return self.metrics
        return tuple(metric for metric in self.metrics if metric not in BY_CLASSIFIER)


def parse_scoring(features: str, metrics: str, weights: Path | None, *, cache: bool) -> Scoring:
    """Read features and metrics as they are typed, see `parse_features` and `parse_metrics`.

    Raises
    ------
    UsageError
        One of them is not valid, or there are weights and no Inception.
    """
    words = parse_features(features)
    if weights is not None and "inception" not in [word.model for word in words]:
        raise UsageError("--weights are Inception's: give --features inception with them.")
    return Scoring(words, parse_metrics(metrics), weights, cache=cache)


def scoring_of(
    features: str | Sequence[str],
    metrics: str | Sequence[str],
    weights: str | os.PathLike[str] | None,
    cache: bool,
) -> Scoring:
    """Return what `parse_scoring` reads, from text or lists of it."""
    return parse_scoring(
        features if isinstance(features, str) else ",".join(features),
        metrics if isinstance(metrics, str) else ",".join(metrics),
        Path(weights) if weights else None,
        cache=cache,
    )


Progress = Callable[[str], None]
"""Called about once a second with how far scoring is, such as ``inception: computing kid``."""
_EVERY_S = 1.0


class Meter:
    """Counts the images whose features are computed, and estimates how long the rest takes."""

    def __init__(self, features: str, progress: Progress) -> None:
        self._features, self._progress = features, progress
        self._done = self._total = self._untimed = 0
        self._began: float | None = None
        self._said = 0.0

    def expect(self, images: int) -> None:
        """Add images whose features will be computed."""
        self._total += images

    def add(self, images: int) -> None:
        """Note that the features of some images are computed."""
        now = time.monotonic()
        self._done += images
        if self._began is None:  # the first batch waits for the model
            self._began, self._untimed = now, images
        if now - self._said > _EVERY_S:
            self._said = now
            self._progress(self._line(now - self._began))

    def skip(self, images: int) -> None:
        """Note that the features of expected images are known."""
        self._total -= images

    def compute(self, metric: str) -> None:
        """Note that a metric is computed of the features."""
        self._progress(f"{self._features}: computing {metric}")

    def _line(self, elapsed_s: float) -> str:
        line = f"{self._features}: {self._done:,} of {max(self._done, self._total):,} images"
        if self._done == self._untimed:
            return line
        each_s = elapsed_s / (self._done - self._untimed)
        return f"{line}, about {duration(each_s * max(0, self._total - self._done))} left"
