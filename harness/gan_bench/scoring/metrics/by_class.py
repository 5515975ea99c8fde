"""Samples that were asked for by class: whether they show it, and how good each class is."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import GanBenchError
from gan_bench.metrics import intra_fid_name
from gan_bench.results.scores import MetricValue
from gan_bench.scoring.array_file import FeatureFile
from gan_bench.scoring.metrics import MetricFamily, Side
from gan_bench.scoring.metrics.frechet import GaussianStatistics, frechet_distance
from gan_bench.scoring.metrics.modes import ByClassifier, Classifier

FEWEST = 3
"""Images of a class on a side, below which it has no FID."""


class AskedClasses(ByClassifier):
    """The share of samples that the classifier calls what was asked for.

    Sample i was asked to be of the class i mod c, of c classes.
    """

    word = "modes"
    has_floor = False

    def __init__(self, classes: int, classifier: Classifier) -> None:
        """Compute nothing yet."""
        super().__init__(("class_accuracy",), classifier)
        self._classes = classes

    def compute(self, real: Side, fake: Side) -> list[MetricValue]:
        """Return the share, with that of each class in the details."""
        seen = self._classifier.classes(fake).of_images
        asked = np.arange(len(seen)) % self._classes
        right = np.bincount(asked[seen == asked], minlength=self._classes)
        counts = np.bincount(asked, minlength=self._classes)
        shares = [float(r / n) if n else None for r, n in zip(right, counts, strict=True)]
        return self.rows([float(right.sum() / counts.sum())], {"by_class": shares}, real, fake)


class IntraFid(MetricFamily):
    """The mean over the classes of the FID of a class (Miyato and Koyama 2018, "intra FID").

    The FID of a class is that of the samples which were asked for it and the real images with its
    label.
    """

    word = "modes"
    has_floor = False

    def __init__(self, features: str, classes: int) -> None:
        """Compute nothing yet."""
        super().__init__(features, (intra_fid_name(features),))
        self._classes = classes

    def compute(self, real: Side, fake: Side) -> list[MetricValue]:
        """Return the mean, with the FID of each class in the details."""
        images = real.images
        if images.dataset is None or images.split is None or images.whole is not None:
            raise GanBenchError(
                "The FID by class needs all images of a split as reference, with their labels."
            )
        labels = getattr(images.dataset, images.split).labels
        asked = np.arange(fake.images.count) % self._classes
        sides = (self._by_class(real.features, labels), self._by_class(fake.features, asked))
        distances = []
        for label, (of_real, of_fake) in enumerate(zip(*sides, strict=True)):
            fewest = min(of_real.count, of_fake.count)
            if fewest < FEWEST:
                raise GanBenchError(
                    f"The FID by class needs {FEWEST} images of each class on both sides; class "
                    f"{label} has {fewest}."
                )
            distances.append(frechet_distance(of_real, of_fake).value)
        (name,) = self.names
        mean = float(np.mean(distances))
        return [self.value(name, mean, real, fake, details={"by_class": distances})]

    def _by_class(
        self, features: FeatureFile, labels: NDArray[np.int64]
    ) -> list[GaussianStatistics]:
        found = [GaussianStatistics(features.dimensions) for _ in range(self._classes)]
        for rows, of_rows in _with_labels(features, labels):
            for label, statistics in enumerate(found):
                statistics.update(rows[of_rows == label])
        return found


def _with_labels(
    features: FeatureFile, labels: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    start = 0
    for rows in features.blocks():
        yield rows, labels[start : start + len(rows)]
        start += len(rows)
