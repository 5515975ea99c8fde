"""The gate's test: a one-sided prediction bound on the mean of a candidate's seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from gan_bench.analysis.statistics import Scale
from gan_bench.metrics import higher_is_better

LEVEL: Final = 0.05
"""The chance of a trip of a gate over all its implementations, were nothing worse (one-sided)."""
LEAST_SPREAD: Final = 0.02
"""The floor on the baseline's standard deviation, as a share of its mean."""
SPEED: Final = "images_per_s"


@dataclass(frozen=True)
class Measured:
    """A candidate's seeds against a baseline's, before the rows are corrected for their number.

    Means, spread and bounds are of the logarithms where ``scale`` is ``ratio``, and of the figures
    with their sign turned where higher is better, so that greater is worse.
    """

    baseline: tuple[float, ...]
    """One figure a seed, as it was measured."""
    candidate: tuple[float, ...]
    scale: Scale
    sign: int
    """1 where lower is better, -1 where higher is."""
    baseline_mean: float
    candidate_mean: float
    error: float
    """The standard error of the difference of the means, s_b sqrt(1/n + 1/m)."""
    margin: float
    p_worse: float
    """One-sided, of the candidate's being worse by more than the margin."""
    p_better: float
    """One-sided, of its being better by more than the margin."""

    @property
    def mean(self) -> tuple[float, float]:
        """The means of baseline and candidate in the figure's own unit, of ratios geometric."""
        return self._figure(self.baseline_mean), self._figure(self.candidate_mean)

    @property
    def spread(self) -> float:
        """The baseline's standard deviation: of ratios a share, else in the figure's unit."""
        x = np.asarray(self.baseline)
        return float(np.std(np.log(x) if self.scale == "ratio" else x, ddof=1))

    def worst(self, level: float) -> float:
        """Return the bound beyond which the candidate's mean is a regression, in its unit."""
        return self._figure(self.baseline_mean + self.margin + self._reach(level))

    def best(self, level: float) -> float:
        """Return the bound beyond which the candidate's mean is an improvement, in its unit."""
        return self._figure(self.baseline_mean - self.margin - self._reach(level))

    def _reach(self, level: float) -> float:
        return float(stats.t.isf(level, len(self.baseline) - 1)) * self.error

    def _figure(self, value: float) -> float:
        return math.exp(self.sign * value) if self.scale == "ratio" else self.sign * value


def scale_of(metric: str) -> Scale:
    """Return the scale on which a metric's seeds spread evenly: FIDs and speeds in proportion."""
    return "ratio" if metric == SPEED or metric.startswith("fid_") else "difference"


def measure(
    metric: str, baseline: Sequence[float], candidate: Sequence[float], margin: float
) -> Measured:
    """Compare the mean of a candidate's seeds with what the baseline's let expect.

    Parameters
    ----------
    metric
        The figure's name; it tells its scale and which way is worse.
    baseline, candidate
        At least two figures, and at least one; of a FID or a speed greater than 0.
    margin
        By how much a mean may be worse before it matters, as a share of the baseline's.

    Raises
    ------
    ValueError
        Too few figures, or on the scale of ratios one that is not greater than 0.

    Notes
    -----
    The bound is that of the mean of m further observations of a normal distribution of which n
    are known (Hahn and Meeker 1991, "Statistical Intervals", section 4.7):
    mean + t(1 - level, n - 1) s sqrt(1/n + 1/m). Only the baseline's spread counts: the few seeds
    of a candidate say little of theirs.
    """
    scale = scale_of(metric)
    sign = _sign(metric)
    x, y = np.asarray(baseline, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    if len(x) < 2 or len(y) < 1:
        raise ValueError(f"{len(x)} seeds of the baseline and {len(y)} of the candidate")
    if scale == "ratio":
        if min(x.min(), y.min()) <= 0:
            raise ValueError("a ratio needs figures greater than 0")
        x, y = np.log(x), np.log(y)
        allowed, floor = math.log1p(margin), LEAST_SPREAD
    else:
        allowed, floor = margin * abs(float(x.mean())), LEAST_SPREAD * abs(float(x.mean()))
    x, y = sign * x, sign * y
    error = max(float(x.std(ddof=1)), floor) * math.sqrt(1 / len(x) + 1 / len(y))
    apart = float(y.mean() - x.mean())
    return Measured(
        baseline=tuple(baseline),
        candidate=tuple(candidate),
        scale=scale,
        sign=sign,
        baseline_mean=float(x.mean()),
        candidate_mean=float(y.mean()),
        error=error,
        margin=allowed,
        p_worse=_p(apart - allowed, error, len(x) - 1),
        p_better=_p(-apart - allowed, error, len(x) - 1),
    )


def paired_bound(
    metric: str, baseline: Sequence[float], candidate: Sequence[float]
) -> float | None:
    """Return how much worse a candidate is at most, seed by seed, with a confidence of 95 %.

    Parameters
    ----------
    metric
        The figure's name.
    baseline, candidate
        Figures of the same seeds in the same order.

    Returns
    -------
    float or None
        A share of the baseline: the upper end of the one-sided interval by Student's t of the mean
        difference. None below two pairs, and where a ratio has a figure that is not positive.

    Notes
    -----
    Runs of one seed have start, data and noise in common. As long as only rounding tells them apart
    their FIDs do too, and this bound is far below that of fresh seeds; where a change sends them
    other ways it is above, and says nothing.
    """
    x, y = np.asarray(baseline, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    ratio = scale_of(metric) == "ratio"
    if len(x) < 2 or (ratio and min(x.min(), y.min()) <= 0):
        return None
    worse = (np.log(y) - np.log(x) if ratio else y - x) * _sign(metric)
    reach = float(stats.t.isf(LEVEL, len(x) - 1)) * float(worse.std(ddof=1)) / math.sqrt(len(x))
    bound = float(worse.mean()) + reach
    if ratio:
        return math.expm1(bound)
    mean = abs(float(x.mean()))
    return bound / mean if mean else (math.inf if bound > 0 else 0.0)


def mean_of(metric: str, values: Sequence[float]) -> float:
    """Return the mean of some figures, geometric where the metric is compared as a ratio."""
    x = np.asarray(values, dtype=np.float64)
    if scale_of(metric) == "ratio" and x.min() > 0:
        return float(np.exp(np.log(x).mean()))
    return float(x.mean())


def _sign(metric: str) -> int:
    """Return 1 where lower is better, -1 where higher is."""
    return -1 if metric == SPEED or higher_is_better(metric) else 1


def _p(apart: float, error: float, freedom: int) -> float:
    if error == 0:  # all figures of the baseline are 0
        return 0.0 if apart > 0 else 1.0
    return float(stats.t.sf(apart / error, freedom))


def holm_levels(p_values: Sequence[float], level: float = LEVEL) -> list[float]:
    """Return the level at which Holm's procedure tests each of several hypotheses.

    A hypothesis is rejected exactly where its p value is at most its level. Those that stand once
    the procedure has stopped have the level at which it stopped.

    Notes
    -----
    Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    levels = [level] * len(p_values)
    stopped: float | None = None
    for rank, index in enumerate(order):
        here = level / (len(p_values) - rank)
        if stopped is None and p_values[index] > here:
            stopped = here
        levels[index] = here if stopped is None else stopped
    return levels
