"""Metric families: each turns a reference and samples into the values of a few metrics."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from gan_bench.errors import GanBenchError
from gan_bench.metrics import figure_names
from gan_bench.results.scores import MetricValue
from gan_bench.scoring.array_file import FeatureFile
from gan_bench.scoring.images import ImageSet
from gan_bench.scoring.metrics.frechet import GaussianStatistics


class Side:
    """The reference or the samples, with their features, which are computed on first use."""

    def __init__(
        self, images: ImageSet, extract: Callable[[], tuple[FeatureFile, GaussianStatistics]]
    ) -> None:
        self.images = images
        self._extract = extract
        self._extracted: tuple[FeatureFile, GaussianStatistics] | None = None

    @property
    def features(self) -> FeatureFile:
        """The features of the images, in their order."""
        return self.extract()[0]

    @property
    def statistics(self) -> GaussianStatistics:
        """Mean and covariance of the features."""
        return self.extract()[1]

    def extract(self) -> tuple[FeatureFile, GaussianStatistics]:
        """Return the features and their statistics.

        Raises
        ------
        GanBenchError
            The images do not fit the feature model, or cannot be read.
        """
        if self._extracted is None:
            self._extracted = self._extract()
        return self._extracted

    def delete_features(self) -> None:
        """Delete the features from the disk, if they were computed."""
        if self._extracted is not None:
            self._extracted[0].path.unlink()
            self._extracted = None


class MetricFamily(ABC):
    """A few metrics that are computed together.

    Attributes
    ----------
    names
        Names of its metrics, such as ``kid_lenet``.
    features
        The feature model's name; ``classifier`` or ``pixels`` for metrics without features.
    """

    word: ClassVar[str]
    """Its name in ``--metrics``."""
    needs: ClassVar[Literal["features", "classifier", "pixels"]] = "features"
    """What it compares."""
    has_floor: ClassVar[bool] = True
    """Whether real images of the other split can be scored by it like samples."""

    def __init__(self, features: str, names: tuple[str, ...] | None = None) -> None:
        self.features = features
        self.names = figure_names(self.word, features) if names is None else names

    @abstractmethod
    def compute(self, real: Side, fake: Side) -> list[MetricValue]:
        """Return a value for each name.

        Raises
        ------
        GanBenchError
            The metrics cannot be computed for these images; the message says why.
        """

    def missing(self, n_real: int, n_fake: int, reason: str) -> list[MetricValue]:
        """Return rows without values."""
        return [
            MetricValue.missing(name, self.features, n_real, n_fake, reason) for name in self.names
        ]

    def value(self, name: str, value: float, real: Side, fake: Side, **facts: Any) -> MetricValue:
        """Return a row with a value, and the number of images on both sides."""
        counts = {"n_real": real.images.count, "n_fake": fake.images.count}
        return MetricValue(
            **{"metric": name, "features": self.features, "value": float(value), **counts, **facts}
        )


def check_count(needed: int, real: Side, fake: Side, what: str) -> None:
    """Refuse sides with fewer images than a metric needs.

    Raises
    ------
    GanBenchError
        A side has fewer.
    """
    fewest = min(real.images.count, fake.images.count)
    if fewest < needed:
        raise GanBenchError(
            f"{what} needs at least {needed} images on both sides; there are {fewest}: use more."
        )
