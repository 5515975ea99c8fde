"""What is certain of recipes, of frameworks, and of the implementations within them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gan_bench.analysis.factors import Factors, TwinDifference, cells_of, labels_of
from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import Row
from gan_bench.metrics import Metric


@dataclass(frozen=True)
class Certain:
    """What is certain by one measure: first of recipes and frameworks, then of implementations.

    Each family of tests has its own correction for their number.
    """

    factors: Factors
    implementations: RankedGroup
    """All of them, and every pair of them."""
    labels: Mapping[tuple[str, str], str]
    """The label of each recipe and framework; see `cells_of`."""

    @property
    def recipes(self) -> RankedGroup | None:
        """The recipes; None without at least two of which one has twins."""
        keys = self.factors.values.keys()
        crossed = len({recipe for recipe, _ in keys}) < len(keys)
        return self.factors.ranked_recipes if crossed else None

    @property
    def frameworks(self) -> RankedGroup | None:
        """The frameworks; None if no two of them share a recipe."""
        return self.factors.ranked_frameworks

    @property
    def twins(self) -> tuple[TwinDifference, ...]:
        """Every pair of twins."""
        return self.factors.twins_apart

    @property
    def twins_told_apart(self) -> list[TwinDifference]:
        """The pairs of twins that are clearly different."""
        return [twin for twin in self.twins if twin.ratio.clear]

    @cached_property
    def cell_of(self) -> dict[str, tuple[str, str]]:
        """Recipe and framework by label."""
        return {label: cell for cell, label in self.labels.items()}

    @cached_property
    def _counted(self) -> dict[str, set[str]]:
        """By recipe, the frameworks over which it is compared."""
        ranked = self.recipes.labels if self.recipes else []
        return {recipe: {*self.factors.counted(recipe)} for recipe in ranked}

    def clearly(self, better: str, worse: str) -> bool:
        """Return whether one implementation is clearly better than another.

        The test of the two says so; or its own mean is better, too, and the test of the two recipes
        says so, over frameworks that include those of both implementations.
        """
        ranks, recipes, cell_of = self.implementations, self.recipes, self.cell_of
        if ranks.clearly(better, worse):
            return True
        if not (recipes and {better, worse} <= cell_of.keys() and ranks.before(better, worse)):
            return False
        (a, of_a), (b, of_b) = cell_of[better], cell_of[worse]
        compared = self._counted.get(a, set()) & self._counted.get(b, set())
        return {of_a, of_b} <= compared and recipes.clearly(a, b)


def not_ruled_out(labels: Sequence[str], measures: Sequence[Certain]) -> list[str]:
    """Return the implementations that none of the others rules out; all, if each is ruled out.

    One rules out another if it is clearly better by a measure and by none clearly worse, and if
    both have a value of every measure.
    """
    left = [x for x in labels if not any(_rules_out(other, x, measures) for other in labels)]
    return left or list(labels)


def _rules_out(better: str, worse: str, measures: Sequence[Certain]) -> bool:
    if not all({better, worse} <= found.implementations.spreads.keys() for found in measures):
        return False
    return any(found.clearly(better, worse) for found in measures) and not any(
        found.clearly(worse, better) for found in measures
    )


def certain(
    rows: Sequence[Row], by_label: Mapping[str, SeedValues], metric: Metric, looks: int = 1
) -> Certain:
    """Return what the seeds show for certain of one measure.

    Parameters
    ----------
    rows
        The implementations of a group of comparable runs.
    by_label
        Their values over the seeds, at least of one.
    looks
        Of the group (`gan_bench.analysis.summary.Group.looks`), for quality.
    """
    cells = cells_of(rows)
    factors = Factors.of(cells, by_label, metric, looks)
    return Certain(factors, RankedGroup(by_label, metric, looks=looks), labels_of(cells))
