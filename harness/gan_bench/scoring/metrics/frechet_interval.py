"""The interval of a Frechet distance, right under its bias.

From n images the distance comes out too great by about 1/n, so an interval around it, or a
bootstrap's percentiles, which add the same bias once more, would miss the distance of the two
distributions itself. The jackknife that leaves out a group at a time (Quenouille 1956, "Notes on
bias in estimation"; Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter 11)
estimates bias and standard error at once.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from gan_bench.scoring.features.feature_file import FeatureFile
from gan_bench.scoring.metrics.frechet import GaussianStatistics, frechet_distance
from gan_bench.streams import Stream, generator

CONFIDENCE = 0.95
ENOUGH = 1.5
"""Times as many images as dimensions, from which on the bias goes by 1/n, so that it is removed."""
_SMALL = 512
_GROUPS, _GROUPS_OF_MANY_DIMENSIONS = 20, 10
"""Each takes as long as the distance itself: with more than `_SMALL` dimensions, seconds."""


@dataclass(frozen=True)
class Interval:
    """Of the distance between the two distributions that the images are drawn from."""

    low: float
    high: float
    standard_error: float
    """Of the distance that was computed."""
    bias: float | None
    """By how much that is too great, as estimated; None where there are too few images for it."""
    method: Literal["jackknife", "bounds"]


def gaussian(features: FeatureFile) -> GaussianStatistics:
    """Return the statistics of features."""
    result = GaussianStatistics(features.dimensions)
    for block in features.blocks():
        result.update(block)
    return result


def frechet_interval(
    real: FeatureFile,
    fake: FeatureFile,
    statistics: tuple[GaussianStatistics, GaussianStatistics],
    value: float,
) -> Interval | None:
    """Return the 95 % interval of a Frechet distance.

    With at least `ENOUGH` times as many images on both sides as dimensions: the jackknife's
    estimate without the bias, not below zero, and Student's t with its standard error.

    With fewer, the bias cannot be told from the distance. Then the upper end is the distance itself
    plus its error: it is too great on average, as it is convex in means and covariances. The lower
    end is what means and traces alone prove: the squared distance of the means, without its bias,
    and the squared difference of the roots of the traces, less its error.

    Parameters
    ----------
    real, fake
        Features of both sides.
    statistics
        Theirs.
    value
        Their distance.

    Returns
    -------
    Interval
        Or None where a side has fewer than three images for each group that is left out.
    """
    groups = _GROUPS if real.dimensions <= _SMALL else _GROUPS_OF_MANY_DIMENSIONS
    least = min(real.count, fake.count)
    groups = min(groups, least // 3)
    if groups < 2:
        return None
    # Drawn, not counted off: images often come in an order, say class by class in turn.
    members = [
        generator(0, Stream.SCORING, 3).permutation(side.count) % groups for side in (real, fake)
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
    if least >= ENOUGH * real.dimensions:
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
