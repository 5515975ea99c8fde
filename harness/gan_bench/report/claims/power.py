"""How many seeds would decide a claim, if the effect and its spread are as measured."""

import math
from collections.abc import Sequence

import numpy as np

from gan_bench.analysis.statistics import sample_variance

POWER = 0.8
"""Probability with which the number of seeds that is stated would decide."""
MOST_SEEDS = 100
_LEAST_SEEDS = 3


def seeds_for_mean(values: Sequence[float], level: float) -> int | None:
    """Return how many values a t test of their mean against zero needs for `POWER`.

    Parameters
    ----------
    values
        The measured ones, whose mean and standard deviation are taken for the true ones.
    level
        Probability of a false decision that the test allows, two-sided.

    Returns
    -------
    int or None
        None if `MOST_SEEDS` are not enough.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.mean() and sample_variance(x) == 0:
        # Values without any spread have the p of the sign test.
        counts = range(_LEAST_SEEDS, MOST_SEEDS + 1)
        return next((seeds for seeds in counts if 2 * 0.5**seeds < level), None)
    return _least(float(x.mean()), [float(x.var(ddof=1))], level)


def seeds_for_difference(a: Sequence[float], b: Sequence[float], level: float) -> int | None:
    """Return how many values each side of Welch's test needs for `POWER`; see `seeds_for_mean`."""
    x, y = (np.asarray(side, dtype=np.float64) for side in (a, b))
    variances = [float(side.var(ddof=1)) for side in (x, y)]
    return _least(float(x.mean() - y.mean()), variances, level)


def _least(effect: float, variances: Sequence[float], level: float) -> int | None:
    total = sum(variances)
    if not effect:
        return None
    for seeds in range(_LEAST_SEEDS, MOST_SEEDS + 1):
        if not total:
            return seeds
        freedom = (seeds - 1) * total**2 / sum(one**2 for one in variances)
        if _power(abs(effect) / math.sqrt(total / seeds), freedom, level) >= POWER:
            return seeds
    return None


def _power(distance: float, freedom: float, level: float) -> float:
    """Return the power of a two-sided t test whose statistic is ``distance`` on average."""
    from scipy import stats  # here: it takes long to import

    limit = float(stats.t.isf(level / 2, freedom))
    if distance > 40:  # beyond what the distribution below computes, and certain
        return 1.0 if distance > 2 * limit else 0.0
    above, below = stats.nct.sf(limit, freedom, distance), stats.nct.cdf(-limit, freedom, distance)
    return float(above + (below if math.isfinite(below) else 0.0))
