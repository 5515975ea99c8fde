"""Recipes and frameworks compared: the means over twins, and the ratios of twins.

A recipe has an implementation in several frameworks, its twins. With one seed, twins share data,
draws and, if the recipe sets them, initial weights, so that their results may be almost equal: a
twin is then no further evidence. So recipes are compared by their means over the twins, one for
each seed, and frameworks by the ratio of two twins with one seed.
"""

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from statistics import geometric_mean
from typing import Self

import numpy as np
from numpy.typing import NDArray

from gan_bench.analysis.moderation import moderate
from gan_bench.analysis.pairs import Pairs, all_pairs, difference, p_values
from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.statistics import (
    FEWEST_SEEDS,
    Difference,
    Ratio,
    SeedValues,
    holm_of_last_axis,
    mean_interval,
    paired_ratio,
    sample_variance,
)
from gan_bench.analysis.summary import Row
from gan_bench.metrics import Metric

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Factors:
    """One measure of all implementations by recipe and framework, compared by its logarithm."""

    metric: Metric
    values: Mapping[tuple[str, str], SeedValues]
    """Values by recipe and framework. Only those that are all positive are compared."""
    recipes: Sequence[str]
    frameworks: Sequence[str]
    looks: int = 1
    """See `gan_bench.analysis.pairs.Pairs`."""

    @staticmethod
    def of(
        cells: Mapping[tuple[str, str], Row],
        by_label: Mapping[str, SeedValues],
        metric: Metric,
        looks: int = 1,
    ) -> "Factors":
        """Return them of a group's cells (`cells_of`) and the values by label."""
        known = {key: by_label.get(row.label) for key, row in cells.items()}
        return Factors(
            metric,
            {key: values for key, values in known.items() if values},
            list(dict.fromkeys(recipe for recipe, _ in cells)),
            sorted({framework for _, framework in cells}),
            looks,
        )

    def within(self, frameworks: Collection[str]) -> Self:
        """Return the same of these frameworks alone."""
        return replace(
            self,
            values={key: values for key, values in self.values.items() if key[1] in frameworks},
            frameworks=[f for f in self.frameworks if f in frameworks],
        )

    @property
    def known(self) -> Self:
        """The same of the recipes and frameworks that have values."""
        recipes, frameworks = ({key[i] for key in self.values} for i in (0, 1))
        return replace(
            self,
            recipes=[r for r in self.recipes if r in recipes],
            frameworks=[f for f in self.frameworks if f in frameworks],
        )

    def twins(self, recipe: str) -> tuple[str, ...]:
        """Return the frameworks in which a recipe has values that can be compared."""
        found = {f: self.values.get((recipe, f)) for f in self.frameworks}
        return tuple(f for f, values in found.items() if values and values.low > 0)

    @property
    def in_every_framework(self) -> list[str]:
        """The recipes that have values in every framework."""
        return [r for r in self.recipes if self.twins(r) == tuple(self.frameworks)]

    def ratio(self, framework: str, to: str, recipe: str) -> Ratio | None:
        """Return a recipe's values in one framework over those in another, paired by seed."""
        a, b = (self.values.get((recipe, f)) for f in (framework, to))
        return paired_ratio(a, b) if a and b else None

    def recipe_effects(self) -> dict[str, Ratio]:
        """Return each recipe's ratio to the mean of all, over the recipes of every framework.

        It is computed seed by seed, over the seeds that all have.
        """
        names = self.in_every_framework
        seeds = self._shared_seeds(names) if len(names) > 1 else []
        if not seeds:
            return {}
        table = [[self.values[name, f].by_seed for f in self.frameworks] for name in names]
        # Shape (recipes, frameworks, seeds).
        values = np.array([[[by_seed[s] for s in seeds] for by_seed in row] for row in table])
        logs: _Floats = np.log(values)
        by_recipe = logs.mean(axis=1) - logs.mean(axis=(0, 1))
        return {name: _effect(logs) for name, logs in zip(names, by_recipe.tolist(), strict=True)}

    @cached_property
    def ranked_recipes(self) -> RankedGroup | None:
        """The recipes by their geometric means over the twins; None if there is but one.

        Two recipes are compared over the frameworks that both have, and each over the seeds that
        all of its twins there have. A twin with too few seeds does not count beside others.
        """
        spreads = {r: self._over_twins(r, self.counted(r)) for r in self.recipes}
        known = {r: found for r, found in spreads.items() if found}
        return (
            RankedGroup(known, self.metric, self._recipe_pairs(known)) if len(known) > 1 else None
        )

    def counted(self, recipe: str) -> tuple[str, ...]:
        """Return the frameworks over which a recipe's mean is taken.

        Those with enough seeds, if there are any; and if these have too few seeds in common, that
        with most seeds.
        """
        twins = self.twins(recipe)
        seeds = {f: self.values[recipe, f].seeds for f in twins}
        counted = tuple(f for f in twins if seeds[f] >= FEWEST_SEEDS) or twins
        common = _common_seeds([self.values[recipe, f].by_seed for f in counted]) if counted else []
        if len(common) < min(FEWEST_SEEDS, max(seeds.values(), default=0)):
            return (max(counted, key=lambda f: seeds[f]),)
        return counted

    def _over_twins(self, recipe: str, frameworks: Iterable[str]) -> SeedValues | None:
        return _geometric_means([self.values[recipe, f].by_seed for f in frameworks])

    def _recipe_pairs(self, recipes: Iterable[str]) -> Pairs:
        names = list(recipes)
        shared = self._shared_frameworks(names)
        found = Pairs.none(len(names), "ratio", looks=self.looks)
        for frameworks in set(shared.values()):
            # All that have these frameworks say how much such means vary.
            counted = [{*self.counted(name)} for name in names]
            have = [i for i, of in enumerate(counted) if {*frameworks} <= of]
            means = [self._over_twins(names[i], frameworks) for i in have]
            tests = all_pairs([m.values if m else () for m in means], scale="ratio")
            places = {i: place for place, i in enumerate(have)}
            for (a, b), both in shared.items():
                if both == frameworks:
                    found.take(tests, (places[a], places[b]), (a, b))
        return found

    def _shared_frameworks(self, recipes: Sequence[str]) -> dict[tuple[int, int], tuple[str, ...]]:
        """Return the frameworks over which two recipes are compared, by their places."""
        counted = [self.counted(recipe) for recipe in recipes]
        shared = {
            (a, b): tuple(f for f in counted[a] if f in counted[b])
            for a, b in combinations(range(len(recipes)), 2)
        }
        return {pair: frameworks for pair, frameworks in shared.items() if frameworks}

    @cached_property
    def ranked_frameworks(self) -> RankedGroup | None:
        """The frameworks by the ratios of twins; None without a recipe that all of them have.

        The values of each are its geometric means over the recipes that every framework has, of the
        seeds that all of these have. As in the tests, without recipes whose twins share one seed,
        if there are others: the order could be another one.
        """
        whole = self.in_every_framework
        every = [r for r in whole if len(self._shared_seeds([r])) > 1] or whole
        if len(self.frameworks) < 2 or not every:
            return None
        seeds = self._shared_seeds(every)
        if not seeds:
            return None
        known = {
            f: SeedValues.by(
                {s: geometric_mean(self.values[r, f].by_seed[s] for r in every) for s in seeds}
            )
            for f in self.frameworks
        }
        spreads = {f: values for f, values in known.items() if values}
        return RankedGroup(spreads, self.metric, self.framework_pairs)

    def _shared_seeds(self, recipes: Iterable[str]) -> list[int]:
        """Return the seeds that these recipes have in every framework."""
        return _common_seeds([self.values[r, f].by_seed for r in recipes for f in self.frameworks])

    @cached_property
    def framework_pairs(self) -> Pairs:
        """The tests of every two frameworks: the mean ratio of twins over the recipes of both.

        Every recipe counts alike. The error comes from the seeds within the recipes.
        """
        names = self.frameworks
        found = Pairs.none(len(names), "ratio", paired=True, looks=self.looks)
        for a, b in combinations(range(len(names)), 2):
            if tested := self._framework_test(names[a], names[b]):
                test, seeds = tested
                found.put(a, b, test, (seeds, seeds))
        return found

    def _framework_test(self, a: str, b: str) -> tuple[tuple[float, float, float], int] | None:
        """Return estimate, error and freedom of the logarithm of a ratio, and the fewest seeds."""
        every = (self._log_ratios(a, b, recipe) for recipe in self.recipes)
        logs = [of_recipe for of_recipe in every if len(of_recipe) > 1]
        if not logs:
            return None
        means, seeds = np.array([x.mean() for x in logs]), np.array([len(x) for x in logs])
        estimate, error, freedom = mean_of_strata(means, _variances(logs), seeds)
        return (float(estimate), float(error), float(freedom)), int(seeds.min())

    def framework_ratio(self, framework: str, to: str) -> Ratio | None:
        """Return the ratio of two frameworks over the recipes of both, None if they share none.

        Its p is corrected over all pairs of frameworks.
        """
        found = [self.ratio(framework, to, recipe) for recipe in self.recipes]
        ratios = [ratio for ratio in found if ratio is not None]
        places = self.frameworks.index(framework), self.frameworks.index(to)
        tested = self.framework_pairs.between(*places)
        if tested or not ratios:
            return tested
        return geometric_mean(r for r in ratios if isinstance(r, float))

    def _log_ratios(self, a: str, b: str, recipe: str) -> _Floats:
        """Return the logarithms of the ratios of two twins by seed; float64 (seeds,)."""
        if not {a, b} <= {*self.twins(recipe)}:
            return np.empty(0)
        x, y = (self.values[recipe, framework].by_seed for framework in (a, b))
        return np.log([x[s] / y[s] for s in _common_seeds([x, y])])

    @cached_property
    def twins_apart(self) -> tuple["TwinDifference", ...]:
        """Every pair of twins, compared by seed and corrected over all pairs of twins.

        The variance of a pair's ratios is moderated by those of the other pairs.
        """
        pairs = [
            (recipe, a, b, logs)
            for recipe in self.recipes
            for a, b in combinations(self.twins(recipe), 2)
            if len(logs := self._log_ratios(a, b, recipe)) > 1
        ]
        if not pairs:
            return ()
        seeds = np.array([len(logs) for *_, logs in pairs], dtype=np.int64)
        variances, freedom = moderate(
            _variances(logs for *_, logs in pairs), seeds.astype(np.float64) - 1
        )
        means, errors = np.array([x.mean() for *_, x in pairs]), np.sqrt(variances / seeds)
        p = holm_of_last_axis(p_values(means, errors, freedom, seeds, paired=True))
        p = np.minimum(1.0, self.looks * p)
        return tuple(
            TwinDifference(recipe, a, b, difference((m, e, f), q, (n, n), "ratio", paired=True))
            for (recipe, a, b, _), m, e, f, q, n in zip(
                pairs, *(x.tolist() for x in (means, errors, freedom, p, seeds)), strict=True
            )
        )


@dataclass(frozen=True)
class TwinDifference:
    """The ratio of a recipe's values in two frameworks."""

    recipe: str
    framework: str
    to: str
    ratio: Difference


def most_seeds(twins: Iterable[TwinDifference], a: str, b: str) -> int:
    """Return the most seeds by which the twins of a recipe compare two frameworks, 0 if none do."""
    both = {a, b}
    return max((min(t.ratio.seeds) for t in twins if {t.framework, t.to} == both), default=0)


def cells_of(rows: Sequence[Row]) -> dict[tuple[str, str], Row]:
    """Return the row of each recipe and framework; a recipe with other values is another recipe.

    Several versions in one framework that differ only in their source have no cell: it is unclear
    which of them is the twin of the other framework's.
    """
    values: dict[str, dict[str, None]] = {}
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.own_loop:
            continue  # its own script decides what it starts from and sees
        key = json.dumps(row.runs[0].spec.recipe_values, sort_keys=True, default=str)
        values.setdefault(row.recipe, {})[key] = None
        found.setdefault((row.recipe, key, row.framework), []).append(row)
    cells = {}
    for (recipe, key, framework), versions in found.items():
        several = len(values[recipe]) > 1
        number = f" (values {list(values[recipe]).index(key) + 1})" if several else ""
        if len(versions) == 1:
            cells[recipe + number, framework] = versions[0]
    return cells


def labels_of(cells: Mapping[tuple[str, str], Row]) -> dict[tuple[str, str], str]:
    """Return the label of each recipe and framework."""
    return {cell: row.label for cell, row in cells.items()}


def mean_of_strata(
    means: _Floats, variances: _Floats, seeds: NDArray[np.int64]
) -> tuple[_Floats, _Floats, _Floats]:
    """Return the mean over strata, its standard error and degrees of freedom.

    Parameters
    ----------
    means, variances, seeds
        Of the values in each stratum, such as the ratios of two frameworks for one recipe: (..., n)
        with n strata.

    Returns
    -------
    tuple of float64 (...)
        Strata count alike and are given, not drawn: the mean is that over these recipes. Freedom by
        Satterthwaite 1946, "An approximate distribution of estimates of variance components".
    """
    squares = variances / seeds
    total = squares.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = np.where(total > 0, total**2 / (squares**2 / (seeds - 1)).sum(axis=-1), 1.0)
    return means.mean(axis=-1), np.sqrt(total) / means.shape[-1], freedom


def _variances(values: Iterable[_Floats]) -> _Floats:
    return np.array([sample_variance(x) for x in values])


def _geometric_means(values: Sequence[Mapping[int, float]]) -> SeedValues | None:
    """Return the geometric mean over positive values for each seed that all have."""
    seeds = _common_seeds(values) if values else []
    return SeedValues.by({s: geometric_mean(by_seed[s] for by_seed in values) for s in seeds})


def _common_seeds(values: Sequence[Mapping[int, float]]) -> list[int]:
    return sorted(set.intersection(*map(set, values)))


def _effect(logarithms: Sequence[float]) -> Ratio:
    found = mean_interval(logarithms)
    if found is None:
        return math.exp(logarithms[0])
    mean, low, high = (math.exp(value) for value in found[:3])
    seeds = (len(logarithms), len(logarithms))
    return Difference(mean, low, high, found[3], seeds, scale="ratio", paired=True)
