"""FID: the Frechet distance with its interval, and its extrapolation to infinitely many samples.

The distance of n images is biased upwards, by an amount that falls like 1/n. An interval around it,
or a bootstrap's percentiles, which add the same bias again, would miss the distance between the two
distributions.
The jackknife over groups (Quenouille 1956, "Notes on bias in estimation"; Efron and Tibshirani
1993, "An introduction to the bootstrap", chapter 11) estimates bias and standard error at once.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from gan_bench.errors import GanBenchError
from gan_bench.results.scores import MetricValue
from gan_bench.scoring.array_file import FeatureFile
from gan_bench.scoring.metrics import MetricFamily, Side
from gan_bench.scoring.metrics.frechet import GaussianStatistics, frechet_distance
from gan_bench.streams import Stream, generator

CONFIDENCE = 0.95
IMAGES_PER_DIMENSION = 1.5
"""Images per dimension from which the bias falls like 1/n, so that it can be removed."""
SAMPLES_PER_DIMENSION = 3
"""Samples per dimension from which the distance is linear in 1/n, as the extrapolation needs."""
_MANY_DIMENSIONS = 512
"""With more dimensions a single distance takes seconds, so fewer are computed."""
_GROUPS, _GROUPS_OF_MANY_DIMENSIONS = 20, 10
"""Groups that the interval's jackknife leaves out in turn."""
POINTS, POINTS_OF_MANY_DIMENSIONS = 15, 6
"""Sample sizes to which the extrapolation fits its line."""
_LINES, _LINES_OF_MANY_DIMENSIONS = 20, 5
"""Groups that the extrapolation's jackknife leaves out in turn."""


@dataclass(frozen=True)
class Interval:
    """A 95 % interval of the distance between the distributions that the images come from."""

    low: float
    high: float
    standard_error: float
    """Standard error of the computed distance."""
    bias: float | None
    """Estimated bias of the computed distance; None if there are too few images to estimate it."""
    method: Literal["jackknife", "bounds"]


def frechet_interval(
    real: FeatureFile,
    fake: FeatureFile,
    statistics: tuple[GaussianStatistics, GaussianStatistics],
    value: float,
) -> Interval | None:
    """Return the 95 % interval of a Frechet distance.

    With at least `IMAGES_PER_DIMENSION` images per dimension on both sides: the jackknife's
    estimate without the bias, not below zero, and Student's t with its standard error.

    With fewer, the bias cannot be separated from the distance. The upper end is then the distance
    plus its error: the distance is too large on average, as it is convex in means and covariances.
    The lower end is a lower bound from means and traces alone, minus its error: the squared
    distance of the means without its bias, plus the squared difference of the traces' roots.

    Returns
    -------
    Interval | None
        None if a side has too few images for two groups of three.
    """
    groups = _GROUPS if real.dimensions <= _MANY_DIMENSIONS else _GROUPS_OF_MANY_DIMENSIONS
    least = min(real.count, fake.count)
    groups = min(groups, least // 3)
    if groups < 2:
        return None
    # Groups are random, because images often come in an order, say class by class. Each side has
    # its own groups: groups of both sides with the same places would have the same classes.
    members = [
        generator(0, Stream.SCORING, index).permutation(side.count) % groups
        for index, side in ((3, real), (7, fake))
    ]
    values, bounds = [], []
    for group in range(groups):
        left = tuple(
            _without(features, whole, of_side == group)
            for features, whole, of_side in zip((real, fake), statistics, members, strict=True)
        )
        values.append(frechet_distance(*left).value)
        bounds.append(_lower_bound(*left))
    error = _standard_error(values)
    quantile = float(stdtrit(groups - 1, (1 + CONFIDENCE) / 2))
    if least >= IMAGES_PER_DIMENSION * real.dimensions:
        bias = (groups - 1) * (float(np.mean(values)) - value)
        middle = max(0.0, value - bias)
        low = max(0.0, middle - quantile * error)
        return Interval(low, middle + quantile * error, error, bias, "jackknife")
    low = _lower_bound(*statistics) - quantile * _standard_error(bounds)
    return Interval(max(0.0, low), value + quantile * error, error, None, "bounds")


def _standard_error(values: list[float]) -> float:
    groups = len(values)
    return float(np.sqrt((groups - 1) * np.var(values)))


def _without(
    features: FeatureFile, whole: GaussianStatistics, mask: NDArray[np.bool_]
) -> GaussianStatistics:
    enough = whole.count - int(mask.sum()) > features.dimensions
    part = GaussianStatistics(features.dimensions)
    for block in features.chosen(mask if enough else ~mask):
        part.update(block)
    return whole.without(part) if enough else part


def _lower_bound(real: GaussianStatistics, fake: GaussianStatistics) -> float:
    difference = real.mean - fake.mean
    traces = [float(np.trace(side.covariance)) for side in (real, fake)]
    bias = sum(trace / side.count for trace, side in zip(traces, (real, fake), strict=True))
    return (
        float(difference @ difference) - bias + float(np.sqrt(traces[0]) - np.sqrt(traces[1])) ** 2
    )


@dataclass(frozen=True)
class FrechetAtInfinity:
    """A distance without the samples' bias; the bias of the number of real images remains."""

    value: float
    low: float
    """Lower end of the 95 % interval over sets of samples."""
    high: float
    standard_error: float
    smallest: int
    """Smallest of the sample sizes."""


def frechet_at_infinity(
    real: GaussianStatistics, fake: FeatureFile, *, seed: int
) -> FrechetAtInfinity:
    """Extrapolate the distance to infinitely many samples.

    The distances at evenly spaced sample sizes are fitted by a line in 1 / size; the result is its
    value at 0 (Chong and Forsyth 2020, "Effectively unbiased FID and Inception score and where to
    find them", section 3). As in the paper, the real images' statistics do not change: only the
    samples' bias is removed. The sizes go from half of the samples to all of them; each subset
    extends the one before it in one random order. The standard error is that of the jackknife over
    groups of samples.

    ``fake`` needs at least `SAMPLES_PER_DIMENSION` samples per dimension.
    """
    small = fake.dimensions <= _MANY_DIMENSIONS
    points = POINTS if small else POINTS_OF_MANY_DIMENSIONS
    groups = _LINES if small else _LINES_OF_MANY_DIMENSIONS
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
    # Index of the first size that includes an image; `points` for images that are left out.
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


class Fid(MetricFamily):
    """FID with its interval, and the ranks of both covariances."""

    word = "fid"

    def compute(self, real: Side, fake: Side) -> list[MetricValue]:
        """Return one value."""
        statistics = (real.statistics, fake.statistics)
        distance = frechet_distance(*statistics)
        interval = frechet_interval(real.features, fake.features, statistics, distance.value)
        return [
            self.value(
                *(self.names[0], distance.value, real, fake),
                low=interval.low if interval else None,
                high=interval.high if interval else None,
                standard_error=interval.standard_error if interval else None,
                bias=interval.bias if interval else None,
                rank_real=distance.rank_real,
                rank_fake=distance.rank_fake,
                rank_deficient=distance.rank_deficient,
                details={"interval": interval.method if interval else "too few images"},
            )
        ]


class FidInfinity(MetricFamily):
    """FID extrapolated to infinitely many samples."""

    word = "fid-infinity"

    def __init__(self, features: str, *, seed: int) -> None:
        super().__init__(features)
        self._seed = seed

    def compute(self, real: Side, fake: Side) -> list[MetricValue]:
        """Return one value."""
        needed = SAMPLES_PER_DIMENSION * fake.features.dimensions
        if fake.features.count < needed:
            raise GanBenchError(
                f"The extrapolation of FID with {fake.features.dimensions} features needs at least "
                f"{needed:,} samples, there are {fake.features.count:,}: use more."
            )
        result = frechet_at_infinity(real.statistics, fake.features, seed=self._seed)
        return [
            self.value(
                *(self.names[0], result.value, real, fake),
                low=result.low,
                high=result.high,
                standard_error=result.standard_error,
                details={
                    "smallest_subset": result.smallest,
                    "removes": "the bias of the number of samples alone, not that of the real "
                    "images",
                    "interval": "over draws of the samples alone, against these real images",
                },
            )
        ]
