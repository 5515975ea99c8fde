"""Variances over few seeds, moderated by those of all the others (empirical Bayes).

Three seeds say little about how much an implementation varies, but twelve implementations with
three seeds each say much about how much implementations vary in general.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes longer to import than pandas

from gan_bench.analysis.statistics import FEWEST_SEEDS

_Floats = NDArray[np.float64]
_FEWEST: Final = 3
"""With up to this many variances nothing is moderated: they say too little about the others."""

_CAUTION: Final = 1.5
"""Standard errors by which the spread of variances is taken to be greater than it looks."""


def moderate(variances: _Floats, freedom: _Floats) -> tuple[_Floats, _Floats]:
    """Return each variance moderated by the others of its group, and its degrees of freedom.

    Parameters
    ----------
    variances
        Sample variances of values that are about normal, such as logarithms of FIDs: float64
        (..., n), a group of n implementations in the last axis.
    freedom
        Degrees of freedom of each, seeds - 1, at least 1: float64 (..., n) or broadcast to it.

    Returns
    -------
    tuple of float64 (..., n)
        ``(d0 * s0 + d * s) / (d0 + d)`` and ``d0 + d`` for a variance s with d degrees of freedom.

    Notes
    -----
    Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression in
    microarray experiments": the true variances are taken for draws from a scaled inverse
    chi-squared distribution, whose scale s0 and degrees of freedom d0 follow from the mean and the
    variance of the logarithms of the sample variances. Three changes keep the family-wise error
    below its level where there are 4 to 40 variances instead of thousands
    (``benchmarks/ranking_errors.py`` measures it):

    - The variance of the logarithms is raised by 1.5 of its standard errors before d0 is computed:
      few variances may look alike by chance.
    - s0 is the geometric mean or the median, whichever is larger. Smyth's is below the geometric
      mean where d0 is small, and one variance close to zero takes the geometric mean down.
    - d0 is multiplied by ``(n - 3) / n``, so that three or fewer are not moderated at all.

    A variance of zero, of values that are equal in all seeds, does not count for the prior. One of
    two seeds neither counts nor is moderated.
    """
    s, d = np.broadcast_arrays(variances, np.asarray(freedom, dtype=np.float64))
    moderated = d >= FEWEST_SEEDS - 1
    known = moderated & (s > 0)
    n = known.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(s) - special.digamma(d / 2) + np.log(d / 2)
        middle = _mean(logs, known)
        medians = np.log(s) - np.log(special.chdtri(d, 0.5) / d)  # of a sample variance
        s0 = np.exp(np.maximum(middle, _median(medians, known)))
        spread = _mean((logs - middle) ** 2, known) * n / (n - 1)
        by_chance = _mean(special.polygamma(1, d / 2), known)
        error = np.sqrt((_mean(special.polygamma(3, d / 2), known) + 2 * by_chance**2) / n)
        d0 = 2 * _inverse_trigamma(spread - by_chance + _CAUTION * error)
        # The prior knows no more than all seeds together.
        d0 = np.minimum(d0, np.where(known, d, 0).sum(axis=-1, keepdims=True)) * (n - _FEWEST) / n
    usable = (n > _FEWEST) & moderated
    d0, s0 = np.where(usable, d0, 0.0), np.where(usable, s0, 0.0)
    return (d0 * s0 + d * s) / (d0 + d), d0 + d


def _mean(values: _Floats, known: NDArray[np.bool_]) -> _Floats:
    """Return the mean over the last axis of what is known, with that axis kept."""
    total = np.where(known, values, 0.0).sum(axis=-1, keepdims=True)
    return np.asarray(total / known.sum(axis=-1, keepdims=True), dtype=np.float64)


def _median(values: _Floats, known: NDArray[np.bool_]) -> _Floats:
    """Return the median over the last axis of what is known, with that axis kept; NaN of none."""
    in_order = np.sort(np.where(known, values, np.inf), axis=-1)
    last = known.sum(axis=-1, keepdims=True) - 1
    low, high = (
        np.take_along_axis(in_order, np.maximum(place, 0), axis=-1)
        for place in (last // 2, (last + 1) // 2)
    )
    return np.where(last < 0, np.nan, (low + high) / 2)


def _inverse_trigamma(y: _Floats) -> _Floats:
    """Return x with trigamma(x) = y, infinity where y is not positive (Smyth 2004, appendix)."""
    positive = np.where(y > 1e-6, y, 1.0)
    x = 0.5 + 1 / positive
    for _ in range(12):  # Newton's method for 1 / trigamma, which is convex and almost linear
        trigamma = special.polygamma(1, x)
        x = x + trigamma * (1 - trigamma / positive) / special.polygamma(2, x)
    return np.where(y > 1e-6, x, np.inf)
