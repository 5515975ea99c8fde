"""Values over seeds, and how report, compare, gate and claims compare them."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes longer to import than pandas

from gan_bench.metrics import Metric, Scale
from gan_bench.text import factor, figure

LEVEL = 0.95
"""Confidence level of every interval."""
FEWEST_SEEDS: Final = 3
"""Fewer seeds say too little about how much seeds vary. From three on, "cannot be distinguished" is
a statement about the two sides and not about the number of seeds, values that are equal in all
seeds count as certain, and the gate judges a candidate."""


@dataclass(frozen=True)
class SeedValues:
    """The values of one metric over seeds, at least one, all finite."""

    values: tuple[float, ...]
    seed_numbers: tuple[int, ...] = ()
    """Seed of each value; empty where the values come from several implementations."""
    of_each: Literal["seed", "repeat"] = "seed"
    """What has one value each; repeats are those of a study of speed."""

    @staticmethod
    def of(values: Iterable[float | None]) -> "SeedValues | None":
        """Return the values that were measured, or None if there are none."""
        kept = tuple(v for v in values if v is not None and math.isfinite(v))
        return SeedValues(kept) if kept else None

    @staticmethod
    def by(seeds: Mapping[int, float | None]) -> "SeedValues | None":
        """Return the values that were measured, given by seed, or None if there are none."""
        kept = {s: v for s, v in sorted(seeds.items()) if v is not None and math.isfinite(v)}
        return SeedValues(tuple(kept.values()), tuple(kept)) if kept else None

    @property
    def by_seed(self) -> dict[int, float]:
        """The values by seed."""
        return dict(zip(self.seed_numbers, self.values, strict=False))

    @property
    def mean(self) -> float:
        """The arithmetic mean."""
        return statistics.fmean(self.values)

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The lowest value."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The highest value."""
        return max(self.values)

    @property
    def seeds(self) -> int:
        """Number of values."""
        return len(self.values)


@dataclass(frozen=True)
class Difference:
    """The difference of two means with its uncertainty."""

    estimate: float
    """a - b, or on the ratio scale the ratio of the geometric means, a / b."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    """Upper end of the 95 % interval."""
    p: float
    """Two-sided p value, corrected for the number of comparisons if `adjusted`."""
    seeds: tuple[int, int]
    """Number of seeds of each side."""
    scale: Scale = "difference"
    paired: bool = False
    """True if the two sides were compared seed by seed."""
    adjusted: bool = False
    same_order: bool = True
    """False if the arithmetic means contradict the order of the geometric means, as one collapsed
    seed can cause. Such a difference is never clear."""

    @property
    def clear(self) -> bool:
        """True if the two sides can be distinguished."""
        return self.p < 1 - LEVEL and self.same_order

    def better(self, metric: Metric) -> bool:
        """Return whether the first side is the better one."""
        neutral = 1 if self.scale == "ratio" else 0
        return (self.estimate > neutral) == metric.higher_is_better


def compare(a: SeedValues, b: SeedValues, metric: Metric) -> Difference | None:
    """Compare two implementations, or two versions of one, by a metric.

    The test is Welch's on the metric's scale, also for equal seeds: the final FIDs of two
    implementations that start from the same seed have no clear correlation, so pairs would only
    lose degrees of freedom. Values of a ratio that are not all positive are compared by their
    difference.

    Returns
    -------
    Difference or None
        a against b, with an uncorrected p; None if a side has fewer than two seeds.
    """
    found = welch(a.values, b.values, scale=metric.scale) or welch(a.values, b.values)
    if found is None:
        return None
    apart = a.mean - b.mean
    logarithms = found.estimate - 1 if found.scale == "ratio" else apart
    return replace(found, same_order=apart * logarithms >= 0)


def welch(
    a: Sequence[float], b: Sequence[float], *, scale: Scale = "difference"
) -> Difference | None:
    """Compare two means of independent seeds whose variances may differ.

    Parameters
    ----------
    a, b
        One value for each seed.
    scale
        ``ratio`` compares logarithms, for values that are positive and vary in proportion to their
        size.

    Returns
    -------
    Difference or None
        None if a side has fewer than two seeds, or if a ratio has a value that is not positive.

    Notes
    -----
    Welch 1947, "The generalization of Student's problem when several different population
    variances are involved". From three seeds on, two sides without any spread differ with
    certainty. Two seeds with equal values, which counts may have, show nothing about the spread.
    """
    x, y = on_scale(a, scale), on_scale(b, scale)
    if x is None or y is None or len(x) < 2 or len(y) < 2:
        return None
    estimate = float(x.mean() - y.mean())
    if np.ptp(x) == 0 and np.ptp(y) == 0:
        p = _without_spread(estimate, min(len(x), len(y)))
        return as_difference((estimate, estimate, estimate), p, (len(x), len(y)), scale)
    from scipy import stats

    found = stats.ttest_ind(x, y, equal_var=False)
    interval = found.confidence_interval(LEVEL)
    bounds = (estimate, float(interval.low), float(interval.high))
    return as_difference(bounds, float(found.pvalue), (len(x), len(y)), scale)


def paired(
    a: Sequence[float], b: Sequence[float], *, scale: Scale = "difference"
) -> Difference | None:
    """Compare two means seed by seed: the same start, data and noise on both sides.

    Parameters
    ----------
    a, b
        Values of the same seeds in the same order.
    scale
        See `welch`.

    Returns
    -------
    Difference or None
        None if there are fewer than two seeds, or if a ratio has a value that is not positive.

    Raises
    ------
    ValueError
        The sides have different lengths.
    """
    if len(a) != len(b):
        raise ValueError(f"paired values need equal lengths, not {len(a)} and {len(b)}")
    x, y = on_scale(a, scale), on_scale(b, scale)
    if x is None or y is None or len(x) < 2:
        return None
    largest = float(max(np.abs(x).max(), np.abs(y).max()))
    found = mean_interval((x - y).tolist(), of=largest)
    assert found is not None
    estimate, low, high, p = found
    return replace(as_difference((estimate, low, high), p, (len(x), len(y)), scale), paired=True)


Ratio = Difference | float
"""A ratio with its interval; a bare number if there is one common seed."""


def paired_ratio(a: SeedValues, b: SeedValues) -> Ratio | None:
    """Return a over b, computed seed by seed over the seeds that both have.

    None if there is no such seed, or if a value is not positive.
    """
    seeds = sorted(a.by_seed.keys() & b.by_seed.keys())
    x, y = ([side.by_seed[seed] for seed in seeds] for side in (a, b))
    if not seeds or min(*x, *y) <= 0:
        return None
    return paired(x, y, scale="ratio") or x[0] / y[0]


def mean_interval(
    values: Sequence[float], *, of: float = 0.0
) -> tuple[float, float, float, float] | None:
    """Return a mean, its 95 % interval by Student's t, and the p value of a mean of zero.

    None if there are fewer than two values. Values may be equal up to the rounding of numbers as
    large as ``of``, from which they were calculated: shares of 10,000 images may differ by one
    image in every seed. Such values show no spread: the interval is the mean, and p is that of the
    sign test, 2 * 0.5**n.
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return None
    mean = float(x.mean())
    rounding = _rounding(x, of)
    if np.ptp(x) <= rounding:
        return mean, mean, mean, 2 * 0.5 ** len(x) if abs(mean) > rounding else 1.0
    error = float(x.std(ddof=1)) / math.sqrt(len(x))
    half = float(special.stdtrit(len(x) - 1, (1 + LEVEL) / 2)) * error
    return mean, mean - half, mean + half, float(2 * special.stdtr(len(x) - 1, -abs(mean) / error))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number, in the same order.

    Holm 1979, "A simple sequentially rejective multiple test procedure": the chance of one false
    difference among all stays below the level.
    """
    return [float(p) for p in holm_of_last_axis(np.array(p_values, dtype=np.float64))]


def holm_of_last_axis(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p values corrected by `holm` over the last axis, for each place of the others."""
    order = np.argsort(p_values, axis=-1, kind="stable")
    left = np.arange(p_values.shape[-1], 0, -1)
    worst = np.minimum(1.0, np.take_along_axis(p_values, order, -1) * left)
    corrected = np.empty_like(worst)
    np.put_along_axis(corrected, order, np.maximum.accumulate(worst, axis=-1), -1)
    return corrected


def holm_levels(p_values: Sequence[float], level: float) -> list[float]:
    """Return the level at which Holm's procedure tests each hypothesis, for display.

    A hypothesis that is not rejected has the level at which the procedure stopped.
    """
    rejected = sum(corrected <= level for corrected in holm(p_values))
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    rank = {index: place for place, index in enumerate(order)}
    last = min(rejected, len(p_values) - 1)
    return [level / (len(p_values) - min(rank[i], last)) for i in range(len(p_values))]


def geometric_or_mean(values: Sequence[float], scale: Scale) -> float:
    """Return the mean on a metric's scale: the geometric mean if it is compared as a ratio."""
    x = np.asarray(values, dtype=np.float64)
    return float(np.exp(np.log(x).mean())) if scale == "ratio" and x.min() > 0 else float(x.mean())


def _without_spread(difference: float, seeds: int) -> float:
    return 0.0 if difference and seeds >= FEWEST_SEEDS else 1.0


def on_scale(
    values: Sequence[float], scale: Scale
) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    """Return values or their logarithms as float64 (n,); None if one has no logarithm."""
    x = np.asarray(values, dtype=np.float64)
    if scale == "difference":
        return x
    return None if (x <= 0).any() else np.log(x)


def sample_variance(values: NDArray[np.float64]) -> float:
    """Return the sample variance of (n,) values; 0 where they differ by rounding alone."""
    return 0.0 if np.ptp(values) <= _rounding(values) else float(values.var(ddof=1))


def _rounding(values: NDArray[np.float64], of: float = 0.0) -> float:
    """Return by how much values may differ that were calculated from numbers as large as them."""
    return 8 * float(np.finfo(np.float64).eps) * max(of, float(np.abs(values).max()))


def as_difference(
    bounds: tuple[float, float, float], p: float, seeds: tuple[int, int], scale: Scale
) -> Difference:
    """Return the difference of an estimate and its interval, given as logarithms for a ratio."""
    estimate, low, high = bounds
    if scale == "ratio":
        with np.errstate(over="ignore"):  # two seeds far apart: infinity is the honest end
            estimate, low, high = (float(np.exp(bound)) for bound in bounds)
    return Difference(estimate, low, high, p, seeds, scale)


def interval(difference: Difference) -> str:
    """Return e.g. ``95 % interval 1.2 to 3.4, uncorrected; corrected p = 0.0030``.

    The p of a comparison in a report or in `compare` is corrected by Holm, the interval is not.
    """
    show = factor if difference.scale == "ratio" else figure
    low, high = show(difference.low), show(difference.high)
    return f"95 % interval {low} to {high}, uncorrected; corrected {p_value(difference.p)}"


def p_value(p: float) -> str:
    """Return e.g. ``p = 0.035`` or ``p < 0.001``."""
    return "p < 0.001" if p < 0.001 else f"p = {figure(p, 2)}"
