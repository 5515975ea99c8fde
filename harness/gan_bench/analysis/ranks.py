"""Ranks of implementations, as far as their seeds can tell them apart."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from gan_bench.analysis.pairs import Pairs, all_pairs
from gan_bench.analysis.statistics import FEWEST_SEEDS, LEVEL, Difference, SeedValues
from gan_bench.metrics import Metric


class RankedGroup:
    """The values of a ranking, best first, and which differences between them are clear."""

    def __init__(
        self,
        spreads: Mapping[str, SeedValues],
        metric: Metric,
        pairs: Pairs | None = None,
        *,
        looks: int = 1,
    ) -> None:
        """Rank at least one implementation.

        ``pairs`` has the tests of every two, in the order of ``spreads``; by default they are those
        of independent sides, corrected for ``looks`` at the seeds. Values of a ratio that are not
        all positive are compared by their difference.
        """
        self.metric = metric
        if pairs is None:
            positive = all(spread.low > 0 for spread in spreads.values())
            scale = metric.scale if positive else "difference"
            pairs = all_pairs(
                [spread.values for spread in spreads.values()], scale=scale, looks=looks
            )
        given = {label: place for place, label in enumerate(spreads)}
        self.spreads = dict(sorted(spreads.items(), key=lambda i: (metric.sign * i[1].mean, i[0])))
        self._place = {label: given[label] for label in self.spreads}
        self._position = {label: position for position, label in enumerate(self.spreads)}
        self._pairs = pairs
        # The order of means and of geometric means may differ; then nothing is clear.
        order = np.ix_(list(self._place.values()), list(self._place.values()))
        ordered = np.triu(metric.sign * pairs.estimates[order] < 0)
        self._clear = (pairs.p[order] < 1 - LEVEL) & ordered

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
        """Number of pairs with enough seeds to compare, over which the p values are corrected."""
        return self._pairs.tested

    def between(self, better: str, worse: str) -> Difference | None:
        """Return how far two are apart, None where a side has one seed.

        How many times as great the worse value is where lower is better, and the better one where
        higher is better. A difference where values are not all positive.
        """
        a, b = self._place[better], self._place[worse]
        return (
            self._pairs.between(a, b) if self.metric.higher_is_better else self._pairs.between(b, a)
        )

    def before(self, better: str, worse: str) -> bool:
        """Return whether one has a better mean than another."""
        return self._position[better] < self._position[worse]

    def clearly(self, better: str, worse: str) -> bool:
        """Return whether one is clearly better than another."""
        return bool(self._clear[self._position[better], self._position[worse]])

    def alike(self, a: str, b: str) -> bool:
        """Return whether two were compared, and neither is clearly above or below the other."""
        i, j = self._place[a], self._place[b]
        return bool(np.isfinite(self._pairs.estimates[i, j]) and self._pairs.p[i, j] >= 1 - LEVEL)

    @cached_property
    def equals(self) -> list[str]:
        """Labels with enough seeds that cannot be distinguished from the best."""
        return [label for label in self.unclear if label not in self.unknown]

    @cached_property
    def unknown(self) -> list[str]:
        """Labels that cannot be distinguished from the best because a side has too few seeds."""
        few = [label for label, spread in self.spreads.items() if spread.seeds < FEWEST_SEEDS]
        return [label for label in self.unclear if label in few or self.best in few]

    @property
    def best_is_short(self) -> bool:
        """Whether the best itself has too few seeds."""
        return self.spreads[self.best].seeds < FEWEST_SEEDS

    @cached_property
    def unclear(self) -> list[str]:
        """Labels that are not told apart from the best, for whatever reason."""
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
