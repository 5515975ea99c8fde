"""Differences of seeds' figures: intervals and tests, for the report and `compare`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from gan_bench.text import factor, figure

LEVEL = 0.95
"""Of every interval."""
_SPREADLESS = 3
"""Equal figures of so many seeds are taken for the truth and not for chance."""
Scale = Literal["difference", "ratio"]
_Floats = NDArray[np.float64]
_Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Difference:
    """How much greater one mean is than another, with its uncertainty."""

    estimate: float
    """a - b, or on the scale of ratios the ratio of the geometric means, a / b."""
    low: float
    """The lower end of the 95 % interval."""
    high: float
    p: float
    """Two-sided; corrected for many comparisons where ``adjusted`` says so."""
    seeds: tuple[int, int]
    scale: Scale = "difference"
    paired: bool = False
    adjusted: bool = False

    @property
    def clear(self) -> bool:
        """Whether the two can be told apart."""
        return self.p < 1 - LEVEL


def welch(
    a: Sequence[float], b: Sequence[float], *, scale: Scale = "difference"
) -> Difference | None:
    """Compare two means of independent seeds whose variances may differ.

    Parameters
    ----------
    a, b
        One figure a seed.
    scale
        ``ratio`` compares logarithms, for figures that are positive and spread in proportion.

    Returns
    -------
    Difference or None
        None where a side has fewer than two seeds, or a ratio a figure that is not positive.

    Notes
    -----
    Welch 1947, "The generalization of Student's problem when several different population
    variances are involved". Two sides without any spread differ for certain from three
    seeds on; of two, as counts may have them, they say nothing of how much seeds vary.
    """
    x, y = _scaled(a, scale), _scaled(b, scale)
    if x is None or y is None or len(x) < 2 or len(y) < 2:
        return None
    estimate = float(x.mean() - y.mean())
    if np.ptp(x) == 0 and np.ptp(y) == 0:
        p = _without_spread(estimate, min(len(x), len(y)))
        return _difference((estimate, estimate, estimate), p, (len(x), len(y)), scale)
    found = stats.ttest_ind(x, y, equal_var=False)
    interval = found.confidence_interval(LEVEL)
    bounds = (estimate, float(interval.low), float(interval.high))
    return _difference(bounds, float(found.pvalue), (len(x), len(y)), scale)


def paired(
    a: Sequence[float], b: Sequence[float], *, scale: Scale = "difference"
) -> Difference | None:
    """Compare two means seed by seed: the same start, data and noise on both sides.

    Parameters
    ----------
    a, b
        Figures of the same seeds in the same order.
    scale
        See `welch`.

    Returns
    -------
    Difference or None
        None where there are fewer than two seeds, or a ratio has a figure that is not positive.

    Raises
    ------
    ValueError
        The sides have different lengths.
    """
    if len(a) != len(b):
        raise ValueError(f"paired figures need equal lengths, not {len(a)} and {len(b)}")
    x, y = _scaled(a, scale), _scaled(b, scale)
    if x is None or y is None or len(x) < 2:
        return None
    largest = float(max(np.abs(x).max(), np.abs(y).max()))
    found = mean_interval((x - y).tolist(), of=largest)
    assert found is not None
    estimate, low, high, p = found
    return replace(_difference((estimate, low, high), p, (len(x), len(y)), scale), paired=True)


def mean_interval(
    values: Sequence[float], *, of: float = 0.0
) -> tuple[float, float, float, float] | None:
    """Return a mean, its 95 % interval by Student's t, and p of its being zero.

    None where there are fewer than two values. Values that are equal but for the rounding of
    numbers as large as ``of``, from which they were made, have no spread to judge by, and the
    interval is the mean: shares of 10,000 images may differ by one image in every seed. Then p is
    that of the sign test, 2 * 0.5**n.
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return None
    mean = float(x.mean())
    rounding = 8 * float(np.finfo(np.float64).eps) * max(of, float(np.abs(x).max()))
    if np.ptp(x) <= rounding:
        return mean, mean, mean, 2 * 0.5 ** len(x) if abs(mean) > rounding else 1.0
    error = float(x.std(ddof=1)) / math.sqrt(len(x))
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(x) - 1)) * error
    return mean, mean - half, mean + half, float(2 * stats.t.sf(abs(mean) / error, len(x) - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number, in the same order.

    Holm 1979, "A simple sequentially rejective multiple test procedure": the chance of one false
    difference among all stays below the level.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    corrected = [0.0] * len(p_values)
    worst = 0.0
    for rank, index in enumerate(order):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[index]))
        corrected[index] = worst
    return corrected


class AllPairs:
    """Each of several means against each other by Welch's test, corrected by Holm over all pairs.

    Over all, and not over those with the best alone: which is best was seen in the same figures.
    The intervals are each pair's own, without a correction.
    """

    def __init__(self, figures: Sequence[Sequence[float]], *, scale: Scale = "difference") -> None:
        """Compare all.

        Parameters
        ----------
        figures
            Of each, one figure a seed; see `welch`.
        scale
            See `welch`.
        """
        scaled = [_scaled(values, scale) for values in figures]
        able = [x is not None and len(x) > 1 for x in scaled]
        self._scale: Scale = scale
        self._able = np.array(able, dtype=bool)
        self._seeds = [len(values) for values in figures]
        self.means = np.array(
            [
                float(x.mean()) if x is not None and ok else 0.0
                for x, ok in zip(scaled, able, strict=True)
            ]
        )
        """Of the figures or their logarithms; 0 where a side cannot be compared."""
        # Of the means: squared standard errors, and what Welch's degrees of freedom need.
        self._errors = np.array(
            [
                float(x.var(ddof=1)) / len(x) if x is not None and ok else 0.0
                for x, ok in zip(scaled, able, strict=True)
            ]
        )
        self.p = np.ones((len(figures), len(figures)))
        """Corrected, symmetric; 1 where a pair cannot be compared."""
        first, second = np.triu_indices(len(figures), 1)
        both = self._able[first] & self._able[second]
        first, second = first[both], second[both]
        corrected = holm(self._p(first, second).tolist())
        self.p[first, second] = self.p[second, first] = corrected

    def between(self, a: int, b: int) -> Difference | None:
        """Return how much greater ``a`` is than ``b``, None where one has fewer than two seeds."""
        if a == b or not (self._able[a] and self._able[b]):
            return None
        i, j = np.array([a]), np.array([b])
        estimate = float(self.means[a] - self.means[b])
        error = math.sqrt(float(self._errors[a] + self._errors[b]))
        half = error * float(stats.t.ppf((1 + LEVEL) / 2, self._freedom(i, j)[0])) if error else 0.0
        found = _difference(
            (estimate, estimate - half, estimate + half),
            float(self.p[a, b]),
            (self._seeds[a], self._seeds[b]),
            self._scale,
        )
        return replace(found, adjusted=True)

    def _freedom(self, a: _Indices, b: _Indices) -> _Floats:
        seeds = np.array(self._seeds, dtype=np.float64)
        x, y = self._errors[a], self._errors[b]
        below = x**2 / (seeds[a] - 1) + y**2 / (seeds[b] - 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((x + y) ** 2 / below, dtype=np.float64)

    def _p(self, a: _Indices, b: _Indices) -> _Floats:
        apart = np.abs(self.means[a] - self.means[b])
        error = np.sqrt(self._errors[a] + self._errors[b])
        with np.errstate(invalid="ignore", divide="ignore"):
            p = 2 * stats.t.sf(apart / error, self._freedom(a, b))
        seeds = np.array(self._seeds)
        alike = np.where((apart > 0) & (np.minimum(seeds[a], seeds[b]) >= _SPREADLESS), 0.0, 1.0)
        return np.asarray(np.where(error > 0, p, alike), dtype=np.float64)


def _without_spread(difference: float, seeds: int) -> float:
    return 0.0 if difference and seeds >= _SPREADLESS else 1.0


def _scaled(
    values: Sequence[float], scale: Scale
) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    x = np.asarray(values, dtype=np.float64)
    if scale == "difference":
        return x
    return None if (x <= 0).any() else np.log(x)


def _difference(
    bounds: tuple[float, float, float], p: float, seeds: tuple[int, int], scale: Scale
) -> Difference:
    estimate, low, high = bounds
    if scale == "ratio":
        with np.errstate(over="ignore"):  # two seeds far apart: infinity is the honest end
            estimate, low, high = (float(np.exp(bound)) for bound in bounds)
    return Difference(estimate, low, high, p, seeds, scale)


def interval(difference: Difference) -> str:
    """Return e.g. ``95 % interval 1.2 to 3.4, p 0.003``."""
    show = factor if difference.scale == "ratio" else figure
    p = "p < 0.001" if difference.p < 0.001 else f"p {difference.p:.2g}"
    return f"95 % interval {show(difference.low)} to {show(difference.high)}, {p}"
