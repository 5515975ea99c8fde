"""Memorisation: how close the samples are to their nearest training images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan_bench.data import Dataset, SplitName
from gan_bench.results.scores import MetricValue
from gan_bench.scoring.images import AS_THEY_ARE, ImageSet, of_split
from gan_bench.scoring.metrics import MetricFamily, Side

MOST = 2_000
"""Maximum number of samples compared with the training images."""
COPIED = 0.01
"""Share of the held-out images that would count as copies."""
_LISTED = 64
"""Samples whose nearest training image is listed in the details."""
_BLOCK = 2_048


@dataclass(frozen=True)
class Nearest:
    """The nearest training image of each image."""

    distances: NDArray[np.float64]
    """Euclidean distance over pixels of 0 to 1, float64 (n,)."""
    indices: NDArray[np.int64]
    """Index of the training image, int64 (n,)."""


def nearest_training_images(
    images: ImageSet, training: NDArray[np.uint8], *, seed: int = 0
) -> Nearest:
    """Return the nearest training image of each image, or of a random subset of `MOST` images.

    All images are uint8 (n, height, width, channels) of one shape. The search uses float32; the
    returned distances are computed in float64.
    """
    compared = _flat(images.subset(min(MOST, images.count), seed=seed).first(MOST))
    mean = training[: 10 * _BLOCK].mean(axis=0, dtype=np.float64).astype(np.float32).ravel() / 255
    points = compared.astype(np.float32) / 255 - mean
    least = np.full(len(points), np.inf, dtype=np.float32)
    found = np.zeros(len(points), dtype=np.int64)
    for start in range(0, len(training), _BLOCK):
        block = _flat(training[start : start + _BLOCK]).astype(np.float32) / 255 - mean
        # The points' own squares are left out: they do not change which image is nearest.
        squared = np.square(block).sum(axis=1)[None, :] - 2 * (points @ block.T)
        nearest = squared.argmin(axis=1)
        values = squared[np.arange(len(points)), nearest]
        better = values < least
        least[better] = values[better]
        found[better] = start + nearest[better]
    return Nearest(np.concatenate(list(_exact(compared, training, found))), found)


def copied_share(samples: Nearest, held_out: Nearest) -> float:
    """Return the share of samples closer to a training image than 99 % of held-out images are.

    It is about 0.01 for a generator that learned the distribution, and more for one that copies.
    """
    return float((samples.distances < np.quantile(held_out.distances, COPIED)).mean())


def _exact(
    points: NDArray[np.uint8], training: NDArray[np.uint8], found: NDArray[np.int64]
) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(points), 256):
        chosen = _flat(training[found[start : start + 256]]).astype(np.float64)
        yield np.linalg.norm(points[start : start + 256] - chosen, axis=1) / 255


def _flat(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images.reshape(len(images), -1)


class NearestTraining(MetricFamily):
    """The distance of the samples to the nearest training images, and the share of copies."""

    word = "modes"
    needs = "pixels"
    has_floor = False

    def __init__(
        self, dataset: Dataset | None, train_splits: Sequence[SplitName], *, seed: int
    ) -> None:
        """Compute nothing yet.

        ``dataset`` is None if the reference is a file or folder.
        """
        super().__init__(self.needs, ("nearest_train", "copied_share"))
        self._dataset = dataset
        self._train_splits = tuple(train_splits)
        self._seed = seed
        self._training: NDArray[np.uint8] | None = None
        self._held_out: Nearest | None = None

    def compute(self, real: Side, fake: Side) -> list[MetricValue]:
        """Return two values; the first lists the nearest training images in its details."""
        if self._dataset is None:
            reason = (
                f"{real.images.name} is not a data set, so there are no training images to "
                "compare with."
            )
            return self.missing(0, fake.images.count, reason)
        if real.images.conversion != AS_THEY_ARE:
            reason = "The images were converted, so they do not compare with the training images."
            return self.missing(0, fake.images.count, reason)
        if self._training is None:
            self._training = self._dataset.training(self._train_splits).images
            if "test" not in self._train_splits:
                test = of_split(self._dataset, "test")
                self._held_out = nearest_training_images(test, self._training, seed=self._seed)
        found = nearest_training_images(fake.images, self._training, seed=self._seed)
        held_out = self._held_out
        counts = {"n_real": len(self._training), "n_fake": len(found.distances)}
        details = {
            "held_out": None if held_out is None else float(np.median(held_out.distances)),
            "nearest_index": found.indices[:_LISTED].tolist(),
            "distance": found.distances[:_LISTED].tolist(),
        }
        median = float(np.median(found.distances))
        distance = self.value("nearest_train", median, real, fake, details=details, **counts)
        if held_out is None:
            reason = "The test split was trained on too, so no real image is held out."
            copied = MetricValue.missing("copied_share", self.features, reason=reason, **counts)
        else:
            share = copied_share(found, held_out)
            copied = self.value("copied_share", share, real, fake, **counts)
        return [distance, copied]
