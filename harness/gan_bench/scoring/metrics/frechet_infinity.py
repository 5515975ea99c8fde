"""The Frechet distance that infinitely many samples would have."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from gan_bench.scoring.features.feature_file import FeatureFile
from gan_bench.scoring.metrics.frechet import GaussianStatistics, frechet_distance
from gan_bench.streams import Stream, generator

POINTS, POINTS_OF_MANY_DIMENSIONS = 15, 6
"""Sample sizes that the line is fitted to; the fewer with more than 512 dimensions."""
GROUPS, GROUPS_OF_MANY_DIMENSIONS = 20, 5
"""That the standard error's jackknife leaves out in turn."""
ENOUGH = 3
"""Times as many samples as dimensions that are needed, so that the line is one."""


@dataclass(frozen=True)
class FrechetAtInfinity:
    """Without the bias of the number of samples; that of the number of real images is still in."""

    value: float
    low: float
    """The lower end of the 95 % interval over draws of the samples."""
    high: float
    standard_error: float
    smallest: int
    """Of the sample sizes."""


def frechet_at_infinity(
    real: GaussianStatistics, fake: FeatureFile, *, seed: int
) -> FrechetAtInfinity:
    """Extrapolate the distance to infinitely many samples.

    Chong and Forsyth 2020, "Effectively unbiased FID and Inception score and where to find them",
    section 3: a line through the distances at evenly spaced sample sizes against 1 / size, at 0.
    As there, the real images' statistics stay as they are: only the samples' bias goes away. The
    sizes go from half of the samples to all of them; each subset continues the one before it in
    one random order. The standard error is that of the jackknife by groups of samples.

    Parameters
    ----------
    real
        Statistics of the real images.
    fake
        Features of at least `ENOUGH` times as many samples as dimensions.
    seed
        Of the order.
    """
    small = fake.dimensions <= 512
    points = POINTS if small else POINTS_OF_MANY_DIMENSIONS
    groups = GROUPS if small else GROUPS_OF_MANY_DIMENSIONS
    order = generator(seed, Stream.SCORING, 1).permutation(fake.count)
    value = _at_infinity(real, fake, order, points)
    left = [
        _at_infinity(real, fake, np.delete(order, slice(group, None, groups)), points)
        for group in range(groups)
    ]
    error = float(np.sqrt((groups - 1) * np.var(left)))
    reach = float(stdtrit(groups - 1, 0.975)) * error
    return FrechetAtInfinity(value, value - reach, value + reach, error, fake.count // 2)


def _at_infinity(
    real: GaussianStatistics, fake: FeatureFile, order: np.ndarray, points: int
) -> float:
    sizes = np.linspace(len(order) // 2, len(order), points).astype(int)
    # At which size an image comes in; images that are left out never do.
    turn = np.full(fake.count, points)
    for point in range(points - 1, -1, -1):
        turn[order[: sizes[point]]] = point
    parts = [GaussianStatistics(fake.dimensions) for _ in range(points)]
    start = 0
    for block in fake.blocks():
        turns = turn[start : start + len(block)]
        for point in np.unique(turns[turns < points]):
            parts[point].update(block[turns == point])
        start += len(block)
    values, whole = [], GaussianStatistics(fake.dimensions)
    for part in parts:
        whole.merge(part)
        values.append(frechet_distance(real, whole).value)
    return float(np.polynomial.Polynomial.fit(1 / sizes, values, 1).convert().coef[0])
