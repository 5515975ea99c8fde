"""Statistics of features: of the reference, of the floor, and of any other images."""

import numpy as np
from numpy.typing import NDArray

from gan_bench.data import Split
from gan_bench.errors import GanBenchError
from gan_bench.score.features import FeatureModel
from gan_bench.score.frechet import GaussianStatistics
from gan_bench.streams import Stream, generator

LARGEST_REFERENCE = 10_000
"""Images of the reference split that are used at most."""


def statistics(model: FeatureModel, images: NDArray[np.uint8]) -> GaussianStatistics:
    """Return mean and covariance of the features of uint8 (n, height, width, channels) images.

    Raises
    ------
    GanBenchError
        The images do not fit the model, or a feature is NaN or infinite.
    """
    result = GaussianStatistics(model.dimensions)
    for batch in model.batches(images):
        result.update(batch)
    return result


def reference_statistics(model: FeatureModel, split: Split, count: int) -> GaussianStatistics:
    """Return the statistics of a split's first ``count`` images.

    Raises
    ------
    GanBenchError
        As `statistics`.
    """
    return statistics(model, split.images[:count])


def floor_statistics(
    model: FeatureModel, split: Split, count: int, *, seed: int
) -> GaussianStatistics:
    """Return the statistics of ``count`` images drawn from a split.

    Scored like samples, they give the distance that not even a perfect generator gets below.

    Raises
    ------
    GanBenchError
        The split has fewer images (drawing some twice would not be the same count), or as
        `statistics`.
    """
    available = len(split.images)
    if available < count:
        raise GanBenchError(
            f"There is no floor of {count} real images: only {available} are there to draw from; "
            "take fewer samples."
        )
    chosen = generator(seed, Stream.SCORING).choice(available, count, replace=False)
    return statistics(model, split.images[chosen])
