"""Who can be told apart from whom: the ranks that the seeds allow."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from gan_bench.analysis.seeds import SeedValues
from gan_bench.analysis.statistics import LEVEL, AllPairs, Difference

ENOUGH = 3
"""Seeds from which on "cannot be told apart" says something of the two and not of their number."""


class RankedGroup:
    """The figures of a ranking, best first, and what is certain of their order."""

    def __init__(self, spreads: Mapping[str, SeedValues], *, lower_is_better: bool) -> None:
        """Rank labelled figures, at least one.

        Parameters
        ----------
        spreads
            Of each label.
        lower_is_better
            True for a FID, False for a speed. Both are compared by ratios, as their seeds spread in
            proportion; by differences where a figure is not positive.
        """
        sign = 1 if lower_is_better else -1
        self.lower_is_better = lower_is_better
        self.spreads = dict(sorted(spreads.items(), key=lambda i: (sign * i[1].mean, i[0])))
        self._place = {label: place for place, label in enumerate(self.spreads)}
        positive = all(spread.low > 0 for spread in self.spreads.values())
        self._pairs = AllPairs(
            [spread.values for spread in self.spreads.values()],
            scale="ratio" if positive else "difference",
        )
        # A mean and a mean of logarithms may stand in different orders; then nothing is clear.
        means = sign * self._pairs.means
        ordered = np.triu(means[:, None] < means[None, :])
        self._clear = (self._pairs.p < 1 - LEVEL) & ordered

    @property
    def best(self) -> str:
        """The label of the best mean."""
        return next(iter(self.spreads))

    @property
    def labels(self) -> list[str]:
        """Best first."""
        return list(self.spreads)

    def between(self, better: str, worse: str) -> Difference | None:
        """Return how far two are apart, None where a side has one seed.

        How many times as great the FID of the worse is, or how many times as fast the better is;
        by how much, where a figure is not positive.
        """
        a, b = self._place[better], self._place[worse]
        return self._pairs.between(b, a) if self.lower_is_better else self._pairs.between(a, b)

    def clearly(self, better: str, worse: str) -> bool:
        """Whether the seeds tell that one is better than another."""
        return bool(self._clear[self._place[better], self._place[worse]])

    @cached_property
    def equals(self) -> list[str]:
        """Those that cannot be told apart from the best, though both have seeds enough."""
        return [label for label in self._unclear if label not in self.unknown]

    @cached_property
    def unknown(self) -> list[str]:
        """Those of which nothing can be said beside the best, as one of the two has few seeds."""
        few = [label for label, spread in self.spreads.items() if spread.seeds < ENOUGH]
        return [label for label in self._unclear if label in few or self.best in few]

    @property
    def best_is_short(self) -> bool:
        """Whether it is the best itself that has few seeds."""
        return self.spreads[self.best].seeds < ENOUGH

    @cached_property
    def _unclear(self) -> list[str]:
        return [label for label in self.labels[1:] if not self.clearly(self.best, label)]

    def rank(self, label: str) -> tuple[int, int]:
        """Return the first and the last rank that the differences leave open, from 1."""
        place = self._place[label]
        better, worse = int(self._clear[:, place].sum()), int(self._clear[place].sum())
        return 1 + better, len(self.spreads) - worse
