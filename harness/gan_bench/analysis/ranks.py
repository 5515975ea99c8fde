"""Ranks of implementations, as far as their seeds can tell them apart."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes longer to import than pandas

from gan_bench.analysis.statistics import (
    FEWEST_SEEDS,
    LEVEL,
    Difference,
    SeedValues,
    as_difference,
    holm,
    on_scale,
)
from gan_bench.metrics import Metric, Scale

_Floats = NDArray[np.float64]
_Indices = NDArray[np.intp]


class RankedGroup:
    """The values of a ranking, best first, and which differences between them are clear."""

    def __init__(self, spreads: Mapping[str, SeedValues], metric: Metric) -> None:
        """Rank at least one implementation.

        Values of a ratio that are not all positive are compared by their difference.
        """
        self.metric = metric
        self.spreads = dict(sorted(spreads.items(), key=lambda i: (metric.sign * i[1].mean, i[0])))
        self._position = {label: position for position, label in enumerate(self.spreads)}
        positive = all(spread.low > 0 for spread in self.spreads.values())
        self._pairs = AllPairs(
            [spread.values for spread in self.spreads.values()],
            scale=metric.scale if positive else "difference",
        )
        # The order of means and of geometric means may differ; then nothing is clear.
        means = metric.sign * self._pairs.means
        ordered = np.triu(means[:, None] < means[None, :])
        self._clear = (self._pairs.p < 1 - LEVEL) & ordered

    @property
    def best(self) -> str:
        """Label of the best mean."""
        return next(iter(self.spreads))

    @property
    def labels(self) -> list[str]:
        """All labels, best first."""
        return list(self.spreads)

    @property
    def tested_pairs(self) -> int:
        """Number of pairs with two seeds each, over which the p values are corrected."""
        return self._pairs.tested

    def between(self, better: str, worse: str) -> Difference | None:
        """Return how far two are apart, None where a side has one seed.

        How many times as great the worse value is where lower is better, and the better one where
        higher is better. A difference where values are not all positive.
        """
        a, b = self._position[better], self._position[worse]
        return (
            self._pairs.between(a, b) if self.metric.higher_is_better else self._pairs.between(b, a)
        )

    def clearly(self, better: str, worse: str) -> bool:
        """Return whether one is clearly better than another."""
        return bool(self._clear[self._position[better], self._position[worse]])

    @cached_property
    def equals(self) -> list[str]:
        """Labels with enough seeds that cannot be distinguished from the best."""
        return [label for label in self._unclear if label not in self.unknown]

    @cached_property
    def unknown(self) -> list[str]:
        """Labels that cannot be distinguished from the best because a side has too few seeds."""
        few = [label for label, spread in self.spreads.items() if spread.seeds < FEWEST_SEEDS]
        return [label for label in self._unclear if label in few or self.best in few]

    @property
    def best_is_short(self) -> bool:
        """Whether the best itself has too few seeds."""
        return self.spreads[self.best].seeds < FEWEST_SEEDS

    @cached_property
    def _unclear(self) -> list[str]:
        return [label for label in self.labels[1:] if not self.clearly(self.best, label)]

    @property
    def tiers(self) -> list[list[str]]:
        """Labels, best first, parted where everything above is clearly better than all below."""
        every = self.labels
        cuts = [n for n in range(1, len(every)) if bool(self._clear[:n, n:].all())]
        return [every[a:b] for a, b in zip([0, *cuts], [*cuts, len(every)], strict=True)]

    def rank(self, label: str) -> tuple[int, int]:
        """Return the first and the last rank, from 1, that the seeds do not exclude."""
        position = self._position[label]
        better, worse = int(self._clear[:, position].sum()), int(self._clear[position].sum())
        return 1 + better, len(self.spreads) - worse


def undominated(one: RankedGroup, other: RankedGroup) -> list[str]:
    """Return the labels that are in both rankings and that no label is at least as good as in both.

    A label is as good as another one if it is not clearly worse, and it has to be clearly better in
    one of the two to rule the other one out. In the order of the first ranking.
    """
    labels = [label for label in one.labels if label in other.spreads]

    def rules_out(better: str, worse: str) -> bool:
        return any(ranks.clearly(better, worse) for ranks in (one, other)) and not any(
            ranks.clearly(worse, better) for ranks in (one, other)
        )

    return [label for label in labels if not any(rules_out(rival, label) for rival in labels)]


class AllPairs:
    """Welch's test of every pair of several means, with Holm's correction over all pairs.

    The correction counts all pairs, not only those with the best mean, because which mean is best
    was seen in the same values. The intervals are each pair's own, without a correction.
    """

    def __init__(self, figures: Sequence[Sequence[float]], *, scale: Scale = "difference") -> None:
        """Compare every pair.

        ``figures`` has the values of each implementation, one a seed.
        """
        scaled = [on_scale(values, scale) for values in figures]
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
        """Mean of each implementation's values or logarithms; 0 where it cannot be compared."""
        # Squared standard errors of the means.
        self._errors = np.array(
            [
                float(x.var(ddof=1)) / len(x) if x is not None and ok else 0.0
                for x, ok in zip(scaled, able, strict=True)
            ]
        )
        self.p = np.ones((len(figures), len(figures)))
        """Corrected p values, symmetric; 1 where a pair cannot be compared."""
        first, second = np.triu_indices(len(figures), 1)
        both = self._able[first] & self._able[second]
        first, second = first[both], second[both]
        self.tested = len(first)
        """Number of pairs that are compared."""
        corrected = holm(self._p(first, second).tolist())
        self.p[first, second] = self.p[second, first] = corrected

    def between(self, a: int, b: int) -> Difference | None:
        """Return how much greater ``a`` is than ``b``, None where one has fewer than two seeds."""
        if a == b or not (self._able[a] and self._able[b]):
            return None
        i, j = np.array([a]), np.array([b])
        estimate = float(self.means[a] - self.means[b])
        error = math.sqrt(float(self._errors[a] + self._errors[b]))
        half = (
            error * float(special.stdtrit(self._freedom(i, j)[0], (1 + LEVEL) / 2))
            if error
            else 0.0
        )
        found = as_difference(
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
            p = 2 * special.stdtr(self._freedom(a, b), -apart / error)
        seeds = np.array(self._seeds)
        alike = np.where((apart > 0) & (np.minimum(seeds[a], seeds[b]) >= FEWEST_SEEDS), 0.0, 1.0)
        return np.asarray(np.where(error > 0, p, alike), dtype=np.float64)
