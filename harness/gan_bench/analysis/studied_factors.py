"""Recipes and frameworks compared by the throughputs of a speed study, with the errors it has."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from statistics import geometric_mean

from gan_bench.analysis.factors import Factors, TwinDifference, labels_of
from gan_bench.analysis.pairs import Pairs
from gan_bench.analysis.statistics import Difference, Ratio, SeedValues, holm
from gan_bench.analysis.studied_speed import RankedSpeed, ratio_of
from gan_bench.analysis.summary import Row
from gan_bench.analysis.turns import Contrast
from gan_bench.metrics import SPEED, metric

_Weights = Mapping[tuple[str, str], float]
"""Weights by recipe and framework, which sum to zero."""


@dataclass(frozen=True, kw_only=True)
class StudiedFactors(Factors):
    """Throughputs of a study by recipe and framework.

    The turns of a study are no independent seeds, and groups may share no repeat. So each ratio is
    a weighted sum of logarithms, which the study estimates together with its error.
    """

    study: RankedSpeed
    labels: Mapping[tuple[str, str], str]
    """The ranking's labels by recipe and framework."""

    @staticmethod
    def measured(cells: Mapping[tuple[str, str], Row], study: RankedSpeed) -> "StudiedFactors":
        """Return them of a group's cells (`gan_bench.analysis.factors.cells_of`)."""
        of = Factors.of(cells, study.rates, metric(SPEED))
        return StudiedFactors(
            of.metric, of.values, of.recipes, of.frameworks, study=study, labels=labels_of(cells)
        )

    def ratio(self, framework: str, to: str, recipe: str) -> Ratio | None:
        """Return the ratio of a recipe's throughputs in two frameworks."""
        cells = (recipe, framework), (recipe, to)
        if not self.values.keys() >= {*cells}:
            return None
        weights = dict(zip(cells, (1.0, -1.0), strict=True))
        return ratio_of(self._contrast(weights), self._fewest_turns(weights))

    def recipe_ratio(self, recipe: str, to: str) -> Ratio | None:
        """Return the ratio of two recipes' mean throughputs over the frameworks of both.

        Its p is not corrected.
        """
        both = [f for f in self.twins(recipe) if f in self.twins(to)]
        weights = _between(recipe, to, both)
        return ratio_of(self._contrast(weights), self._fewest_turns(weights)) if both else None

    def recipe_effects(self) -> dict[str, Ratio]:
        """Return each recipe's ratio to the mean of all, over the recipes of every framework."""
        names, each = self.in_every_framework, 1 / len(self.frameworks)
        effects: dict[str, Ratio] = {}
        for name in names if len(names) > 1 else ():
            weights = {
                (other, f): each * ((other == name) - 1 / len(names))
                for other in names
                for f in self.frameworks
            }
            if found := ratio_of(self._contrast(weights), self._fewest_turns(weights)):
                effects[name] = found
        return effects

    def counted(self, recipe: str) -> tuple[str, ...]:
        """Return the frameworks over which a recipe's mean is taken: twins need share no repeat."""
        return self.twins(recipe)

    def _over_twins(self, recipe: str, frameworks: Iterable[str]) -> SeedValues | None:
        """Return as many values as the twin with fewest turns has, around the mean of the study.

        The values are free of their repeats, so the spread may be that of any turns.
        """
        names = list(frameworks)
        rows = [self.study.by_label[self.labels[recipe, f]].images_per_s for f in names]
        levels = [level for level in rows if level is not None]
        if not levels:
            return None
        turns = zip(*(self.values[recipe, f].values for f in names), strict=False)
        means = [geometric_mean(values) for values in turns]
        level = geometric_mean(levels) / geometric_mean(means)
        return SeedValues(tuple(level * mean for mean in means), of_each="repeat")

    def _recipe_pairs(self, recipes: Iterable[str]) -> Pairs:
        names = list(recipes)
        found = Pairs.none(len(names), "ratio", paired=True)
        for (a, b), frameworks in self._shared_frameworks(names).items():
            weights = _between(names[a], names[b], frameworks)
            if test := self._contrast(weights):
                turns = self._fewest_turns(weights)
                found.put(a, b, (test.estimate, test.error, test.freedom), (turns, turns))
        return found

    def _framework_test(self, a: str, b: str) -> tuple[tuple[float, float, float], int] | None:
        both = [recipe for recipe in self.recipes if {a, b} <= {*self.twins(recipe)}]
        weights = {(r, f): sign / len(both) for r in both for f, sign in ((a, 1.0), (b, -1.0))}
        test = self._contrast(weights) if both else None
        if test is None:
            return None
        return (test.estimate, test.error, test.freedom), self._fewest_turns(weights)

    @cached_property
    def twins_apart(self) -> tuple[TwinDifference, ...]:
        """Every pair of twins, corrected over all pairs of twins."""
        every = [(r, a, b) for r in self.recipes for a, b in combinations(self.twins(r), 2)]
        ratios = {(r, a, b): self.ratio(a, b, r) for r, a, b in every}
        tested = {twins: x for twins, x in ratios.items() if isinstance(x, Difference)}
        corrected = holm([ratio.p for ratio in tested.values()])
        return tuple(
            TwinDifference(*twins, replace(ratio, p=p, adjusted=True))
            for (twins, ratio), p in zip(tested.items(), corrected, strict=True)
        )

    def _contrast(self, weights: _Weights) -> Contrast | None:
        return self.study.contrast({self.labels[cell]: weight for cell, weight in weights.items()})

    def _fewest_turns(self, weights: _Weights) -> int:
        return min(self.values[cell].seeds for cell in weights)


def _between(recipe: str, to: str, frameworks: Collection[str]) -> dict[tuple[str, str], float]:
    each = 1 / len(frameworks) if frameworks else 0.0
    return {(name, f): sign * each for name, sign in ((recipe, 1), (to, -1)) for f in frameworks}
