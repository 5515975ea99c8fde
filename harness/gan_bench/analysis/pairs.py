"""Tests of every pair of several means, corrected for their number."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes longer to import than pandas

from gan_bench.analysis.moderation import moderate
from gan_bench.analysis.statistics import (
    FEWEST_SEEDS,
    LEVEL,
    Difference,
    as_difference,
    holm_of_last_axis,
    on_scale,
    sample_variance,
)
from gan_bench.metrics import Scale

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """How far every two of n sides are apart, each with a standard error: float64 (n, n) arrays.

    The correction counts all pairs, not only those with the best mean, because which mean is best
    was seen in the same values. The intervals are each pair's own, without a correction.
    """

    estimates: _Floats
    """Row minus column, of values or of logarithms; NaN where a pair cannot be compared."""
    errors: _Floats
    """Standard errors of the estimates."""
    freedom: _Floats
    """Degrees of freedom of the errors."""
    seeds: NDArray[np.int64]
    """Seeds of the row in a comparison with the column."""
    scale: Scale = "difference"
    paired: bool = False
    """Whether a pair was compared seed by seed."""
    looks: int = 1
    """How often the seeds were looked at before it was decided whether to add more: p values are
    multiplied by it (Bonferroni)."""

    @cached_property
    def tested(self) -> int:
        """Number of pairs that are compared."""
        return int(np.isfinite(self.estimates[np.triu_indices(len(self.estimates), 1)]).sum())

    @cached_property
    def p(self) -> _Floats:
        """Corrected p values, symmetric; 1 where a pair cannot be compared."""
        found = np.ones_like(self.estimates)
        first, second = np.triu_indices(len(found), 1)
        known = np.isfinite(self.estimates[first, second])
        first, second = first[known], second[known]
        corrected = holm_of_last_axis(self.uncorrected[first, second])
        found[first, second] = found[second, first] = np.minimum(1.0, self.looks * corrected)
        return found

    @cached_property
    def uncorrected(self) -> _Floats:
        """Uncorrected p values; NaN where a pair cannot be compared."""
        fewest = np.minimum(self.seeds, self.seeds.T)
        return p_values(self.estimates, self.errors, self.freedom, fewest, paired=self.paired)

    def between(self, a: int, b: int) -> Difference | None:
        """Return how much greater ``a`` is than ``b``, None where they cannot be compared."""
        if a == b or not np.isfinite(self.estimates[a, b]):
            return None
        estimate, error, freedom = (
            float(x[a, b]) for x in (self.estimates, self.errors, self.freedom)
        )
        seeds = int(self.seeds[a, b]), int(self.seeds[b, a])
        p = float(self.p[a, b])
        return difference((estimate, error, freedom), p, seeds, self.scale, paired=self.paired)

    @staticmethod
    def none(n: int, scale: Scale, *, paired: bool = False, looks: int = 1) -> "Pairs":
        """Return n sides of which no two can be compared; `put` and `take` add pairs."""
        blank, zero = np.full((n, n), np.nan), np.zeros((n, n))
        return Pairs(blank, zero, np.ones((n, n)), zero.astype(np.int64), scale, paired, looks)

    def put(self, a: int, b: int, test: tuple[float, float, float], seeds: tuple[int, int]) -> None:
        """Add a pair: its estimate, error and degrees of freedom, and the seeds of each side."""
        estimate, error, freedom = test
        self.estimates[a, b], self.estimates[b, a] = estimate, -estimate
        self.errors[a, b] = self.errors[b, a] = error
        self.freedom[a, b] = self.freedom[b, a] = freedom
        self.seeds[a, b], self.seeds[b, a] = seeds

    def take(self, other: "Pairs", place: tuple[int, int], to: tuple[int, int]) -> None:
        """Add a pair of other tests."""
        i, j = place
        test = (other.estimates[i, j], other.errors[i, j], other.freedom[i, j])
        self.put(*to, test, (other.seeds[i, j], other.seeds[j, i]))


def all_pairs(
    figures: Sequence[Sequence[float]], *, scale: Scale = "difference", looks: int = 1
) -> Pairs:
    """Compare every pair of independent sides by a t-test with moderated variances.

    It is Welch's test in which each side's variance is moderated by those of all sides
    (`gan_bench.analysis.moderation.moderate`).

    Parameters
    ----------
    figures
        The values of each side, one a seed. A side with fewer than two, or on the scale ``ratio``
        with one that is not positive, cannot be compared.
    looks
        See `Pairs`.
    """
    scaled = [on_scale(values, scale) for values in figures]
    able = [x for x in scaled if x is not None and len(x) > 1]
    known = [x is not None and len(x) > 1 for x in scaled]
    seeds = np.array([len(values) for values in figures], dtype=np.int64)
    n = np.array([len(x) for x in able], dtype=np.float64)
    means = np.full(len(figures), np.nan)
    squares, freedom = np.zeros(len(figures)), np.ones(len(figures))
    if able:
        means[known] = [x.mean() for x in able]
        variances, freedom[known] = moderate(np.array([sample_variance(x) for x in able]), n - 1)
        squares[known] = variances / n
    estimates = means[:, None] - means[None, :]
    errors, both = unequal_variances(squares, freedom)
    by_side = np.tile(seeds[:, None], len(seeds))
    return Pairs(estimates, errors, both, by_side, scale, looks=looks)


def unequal_variances(squares: _Floats, freedom: _Floats) -> tuple[_Floats, _Floats]:
    """Return the standard error of each difference of two means, and its degrees of freedom.

    Parameters
    ----------
    squares, freedom
        Squared standard errors of the means and their degrees of freedom: float64 (..., n).

    Returns
    -------
    tuple of float64 (..., n, n)
        Welch 1947, with Satterthwaite's degrees of freedom.
    """
    a, b = squares[..., :, None], squares[..., None, :]
    d, e = freedom[..., :, None], freedom[..., None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        both = np.asarray((a + b) ** 2 / (a**2 / d + b**2 / e), dtype=np.float64)
    return np.sqrt(a + b), np.where(a + b > 0, both, d + e)


def p_values(
    apart: _Floats, errors: _Floats, freedom: _Floats, seeds: NDArray[np.int64], *, paired: bool
) -> _Floats:
    """Return two-sided p values of differences, each with its error and degrees of freedom.

    Without any spread, independent sides differ for certain from three seeds on, and paired ones
    have the p of the sign test. ``seeds`` has the seeds of the side with fewer. NaN where a
    difference is.
    """
    surely = 2 * 0.5**seeds if paired else np.where(seeds >= FEWEST_SEEDS, 0.0, 1.0)
    alike = np.where(apart == 0, 1.0, np.minimum(surely, 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        p = 2 * special.stdtr(freedom, -np.abs(apart) / errors)
    found = np.where(errors > 0, p, alike)
    return np.asarray(np.where(np.isnan(apart), np.nan, found), dtype=np.float64)


def difference(
    test: tuple[float, float, float],
    p: float,
    seeds: tuple[int, int],
    scale: Scale,
    *,
    paired: bool = False,
) -> Difference:
    """Return an estimate with its interval, from its error and degrees of freedom.

    ``p`` is corrected.
    """
    estimate, error, freedom = test
    half = error * float(special.stdtrit(freedom, (1 + LEVEL) / 2)) if error else 0.0
    found = as_difference((estimate, estimate - half, estimate + half), p, seeds, scale)
    return replace(found, adjusted=True, paired=paired)
