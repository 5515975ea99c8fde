"""The gate's two tests: fresh seeds by a prediction bound, the baseline's own seeds in pairs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from gan_bench.analysis.statistics import FEWEST_SEEDS, geometric_or_mean, on_scale
from gan_bench.gate.baseline import Entry
from gan_bench.metrics import Metric, Scale, metric
from gan_bench.text import listed

LEVEL: Final = 0.05
"""Chance that a gate over all its implementations trips although nothing is worse (one-sided)."""
LEAST_SPREAD: Final = 0.02
"""Least standard deviation that a baseline is taken to have, as a share of its mean."""


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


def measure(
    name: str, baseline: Sequence[float], candidate: Sequence[float], margin: float
) -> Measured:
    """Compare the mean of a candidate's seeds with what the baseline's seeds let expect.

    Parameters
    ----------
    name
        Name of the metric.
    baseline, candidate
        At least two values of the baseline and one of the candidate; greater than 0 where the
        metric is compared as a ratio.
    margin
        By how much a mean may be worse before it matters, as a share of the baseline's.

    Raises
    ------
    ValueError
        There are too few values, or one has no logarithm.

    Notes
    -----
    The bound is that of the mean of m further observations of a normal distribution of which n
    are known (Hahn and Meeker 1991, "Statistical Intervals", section 4.7):
    mean + t(1 - level, n - 1) s sqrt(1/n + 1/m). Only the baseline's spread counts: the few seeds
    of a candidate say little of theirs.
    """
    scale, sign = metric(name).scale, metric(name).sign
    if len(baseline) < 2 or len(candidate) < 1:
        raise ValueError(f"{len(baseline)} seeds of the baseline and {len(candidate)} of the candidate")
    x, y = on_scale(baseline, scale), on_scale(candidate, scale)
    if x is None or y is None:
        raise ValueError("a ratio needs values greater than 0")
    if scale == "ratio":
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
    name: str, baseline: Sequence[float], candidate: Sequence[float]
) -> float | None:
    """Return how much worse a candidate is at most, seed by seed, with a confidence of 95 %.

    Parameters
    ----------
    name
        Name of the metric.
    baseline, candidate
        Values of the same seeds in the same order.

    Returns
    -------
    float or None
        A share of the baseline: the upper end of the one-sided interval by Student's t of the mean
        difference. None below two pairs, and where a ratio has a value that is not positive.

    Notes
    -----
    Runs of one seed share start, data and noise. As long as they differ by rounding only, their
    FIDs nearly agree, and this bound is far below that of fresh seeds. Where a change sends them
    another way it is above, and says nothing.
    """
    compared: Metric = metric(name)
    x, y = on_scale(baseline, compared.scale), on_scale(candidate, compared.scale)
    if x is None or y is None or len(x) < 2:
        return None
    worse = (y - x) * compared.sign
    reach = float(stats.t.isf(LEVEL, len(x) - 1)) * float(worse.std(ddof=1)) / math.sqrt(len(x))
    bound = float(worse.mean()) + reach
    if compared.scale == "ratio":
        return math.expm1(bound)
    mean = abs(float(x.mean()))
    return bound / mean if mean else (math.inf if bound > 0 else 0.0)


def _p(apart: float, error: float, freedom: int) -> float:
    if error == 0:  # all figures of the baseline are 0
        return 0.0 if apart > 0 else 1.0
    return float(stats.t.sf(apart / error, freedom))
