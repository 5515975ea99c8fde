"""Recipe against framework: what each of the two changes, paired by seed."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gan_bench.analysis.parity import CHECKED, row_parity
from gan_bench.analysis.statistics import (
    FEWEST_SEEDS,
    Difference,
    SeedValues,
    holm,
    interval,
    mean_interval,
    paired,
)
from gan_bench.analysis.summary import Group, Row
from gan_bench.report.sections.tables import Matrix
from gan_bench.text import MISSING, factor, figure

_NOT_APART = "they cannot be told apart"
UNCERTIFIED = "\N{DAGGER}"
"""Marks a recipe whose implementations have no certificate."""
_NOTE = (
    "Mean over seeds. Effects are ratios, taken seed by seed between twins, which share data and "
    "noise, and initial weights where the recipe gives them, with a 95 % interval; that of a "
    "recipe is against the mean of all recipes that every framework has."
)
_Cells = Mapping[tuple[str, str], Row]
"""By recipe and framework."""


@dataclass(frozen=True)
class Crossed:
    """The matrices of a group, and what they say."""

    matrices: tuple[Matrix, ...]
    sentences: tuple[str, ...]


def crossed(group: Group) -> Crossed | None:
    """Return FID and images/s by recipe and framework, with the effects of both.

    None where no recipe stands in two frameworks. The effect of a framework is paired by seed
    (`gan_bench.analysis.statistics.paired`); that of a recipe is its mean over the frameworks
    against the mean of all recipes, again seed by seed, over the recipes that every framework has.
    """
    cells = _cells(group.rows)
    frameworks = sorted({framework for _, framework in cells})
    recipes = list(dict.fromkeys(recipe for recipe, _ in cells))
    shared = [r for r in recipes if sum((r, f) in cells for f in frameworks) > 1]
    if not shared:
        return None
    measures: list[tuple[str, str, dict[str, SeedValues]]] = []
    if group.scored:
        fids = {row.label: row.fid for row in group.rows if row.fid and not row.saw_reference}
        measures.append((f"Final FID ({group.features})", "FID", fids))
    speeds = {row.label: row.images_per_s for row in group.rows if row.images_per_s}
    measures.append(("Images/s", "speed", speeds))
    uncertified = _uncertified(group, cells, shared, frameworks)
    tables = [
        _Table(title, word, spreads, cells, recipes, frameworks)
        for title, word, spreads in measures
        if spreads
    ]
    told = [table for table in tables if table.word != "FID" or not group.too_short]
    sentences = _sentences(told)
    if len(told) < len(tables):
        sentences.insert(0, f"{group.too_short}: the FIDs are there to show that they work.")
    matrices = tuple(table.matrix(uncertified) for table in tables)
    return Crossed(matrices, tuple(sentences)) if matrices else None


def _sentences(tables: Sequence["_Table"]) -> list[str]:
    """Return what the frameworks and the recipes change, corrected by Holm over the sentences."""
    effects = [(table, other, found) for table in tables for other, found in table.frameworks()]
    texts = {id(table): [] for table in tables}  # type: dict[int, list[str]]
    for (table, other, found), p in zip(
        effects, holm([found.p for _, _, found in effects]), strict=True
    ):
        found = replace(found, p=p)
        few = min(found.seeds) < FEWEST_SEEDS
        certain = "" if found.clear else f": {'too few seeds to tell' if few else _NOT_APART}"
        texts[id(table)].append(
            f"At the same recipe the {table.word} of {other} is {factor(found.estimate)} times "
            f"that of {table.first} ({interval(found)}){certain}."
        )
    return [text for table in tables for text in (*texts[id(table)], *table.recipes_apart())]


def _cells(rows: Sequence[Row]) -> dict[tuple[str, str], Row]:
    """Return the row of each recipe in each framework; recipes with other values are others.

    Of several versions in one framework that differ in their source alone, none is the twin of
    another's: they have no cell.
    """
    values: dict[str, dict[str, None]] = {}
    found: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
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


def _uncertified(
    group: Group, cells: _Cells, shared: Sequence[str], frameworks: Sequence[str]
) -> set[str]:
    parity = row_parity(group.rows)
    of = {r: [cells[r, f].label for f in frameworks if (r, f) in cells] for r in shared}
    return {r for r, labels in of.items() if any(parity[one].label != CHECKED for one in labels)}


class _Table:
    """One measure of all implementations; everything is compared by its logarithm."""

    def __init__(
        self,
        title: str,
        word: str,
        spreads: Mapping[str, SeedValues],
        cells: _Cells,
        recipes: Sequence[str],
        frameworks: Sequence[str],
    ) -> None:
        self.title, self.word = title, word
        self.cells, self.recipes = cells, recipes
        self.first, *self.others = frameworks
        self.spreads = {
            key: spreads[row.label] for key, row in cells.items() if row.label in spreads
        }

    def matrix(self, uncertified: set[str]) -> Matrix:
        """Return the table; `uncertified` recipes are marked."""
        frameworks = (self.first, *self.others)
        effects = self._recipe_effects()
        rows = []
        for recipe in self.recipes:
            means = (self._mean(recipe, framework) for framework in frameworks)
            ratios = (_shown(self._ratio([recipe], other)) for other in self.others)
            name = f"{recipe} {UNCERTIFIED}" if recipe in uncertified else recipe
            rows.append((name, (*means, *ratios, effects.get(recipe, MISSING))))
        overall = [self._overall(other) for other in self.others]
        if any(overall):
            blank = (MISSING,) * len(frameworks)
            rows.append(("All recipes", (*blank, *map(_shown, overall), MISSING)))
        mark = f" {UNCERTIFIED} No parity certificate says that the twins compute the same thing."
        return Matrix(
            title=self.title,
            corner="Recipe",
            columns=(
                *frameworks,
                *(f"{other} / {self.first}" for other in self.others),
                "Recipe / all recipes",
            ),
            rows=tuple(rows),
            note=_NOTE + (mark if uncertified else ""),
            numeric=True,
        )

    def frameworks(self) -> list[tuple[str, Difference]]:
        """Return the effect of each framework against the first, where the seeds give one."""
        found = [(other, self._overall(other)) for other in self.others]
        return [(other, one) for other, one in found if isinstance(one, Difference)]

    def recipes_apart(self) -> list[str]:
        """Return how far the recipe lowest from all and the one highest are apart."""
        balanced = self._balanced()
        effects = self._recipe_effects()
        if balanced is None or any("one seed" in text for text in effects.values()):
            return []
        names, values = balanced
        means = values.mean(axis=(1, 2))
        low, high = names[int(means.argmin())], names[int(means.argmax())]
        return [
            f"Against the mean of {len(names)} recipes, the {self.word} of {low} is "
            f"{effects[low]} times as high, that of {high} {effects[high]} times."
        ]

    def _mean(self, recipe: str, framework: str) -> str:
        spread = self.spreads.get((recipe, framework))
        return figure(spread.mean) if spread else MISSING

    def _overall(self, other: str) -> Difference | float | None:
        both = [r for r in self.recipes if all((r, f) in self.spreads for f in (self.first, other))]
        return self._ratio(both, other) if len(both) > 1 else None

    def _ratio(self, recipes: Sequence[str], other: str) -> Difference | float | None:
        """Return a framework's figures over the first one's, a bare ratio from one common seed.

        Of each seed, the geometric mean over the recipes is taken before the seeds are paired.
        """
        sides = [
            [self.spreads[recipe, framework].by_seed for recipe in recipes]
            for framework in (other, self.first)
            if all((recipe, framework) in self.spreads for recipe in recipes)
        ]
        if len(sides) < 2:
            return None
        seeds = sorted(set.intersection(*(set(one) for side in sides for one in side)))
        if not seeds or min(one[s] for side in sides for one in side for s in seeds) <= 0:
            return None
        x, y = (
            [statistics.geometric_mean(one[s] for one in side) for s in seeds] for side in sides
        )
        return paired(x, y, scale="ratio") or x[0] / y[0]

    def _balanced(self) -> tuple[list[str], NDArray[np.float64]] | None:
        """Return the recipes that all frameworks have, and the logarithms of their figures.

        The array's shape is (recipes, frameworks, common seeds).
        """
        frameworks = (self.first, *self.others)
        names = [r for r in self.recipes if all((r, f) in self.spreads for f in frameworks)]
        table = [[self.spreads[r, f].by_seed for f in frameworks] for r in names]
        if len(names) < 2:
            return None
        seeds = sorted(set.intersection(*(set(one) for row in table for one in row)))
        if not seeds:
            return None
        values = np.array([[[one[seed] for seed in seeds] for one in row] for row in table])
        return (names, np.log(values)) if (values > 0).all() else None

    def _recipe_effects(self) -> dict[str, str]:
        balanced = self._balanced()
        if balanced is None:
            return {}
        names, values = balanced
        texts = {}
        for name, effects in zip(
            names, values.mean(axis=1) - values.mean(axis=(0, 1)), strict=True
        ):
            found = mean_interval(effects.tolist())
            if found is None:
                texts[name] = f"{factor(math.exp(effects[0]))} (one seed)"
            else:
                mean, low, high = (factor(math.exp(value)) for value in found[:3])
                texts[name] = f"{mean} ({low} to {high})"
        return texts


def _shown(found: Difference | float | None) -> str:
    if found is None:
        return MISSING
    if isinstance(found, Difference):
        return f"{factor(found.estimate)} ({factor(found.low)} to {factor(found.high)})"
    return f"{factor(found)} (one seed)"
