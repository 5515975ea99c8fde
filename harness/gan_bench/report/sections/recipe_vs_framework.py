"""Recipe against framework: what each of the two changes, paired by seed."""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gan_bench.analysis.parity import CHECKED, row_parity
from gan_bench.analysis.statistics import (
    FEWEST_SEEDS,
    Difference,
    Ratio,
    SeedValues,
    holm,
    interval,
    mean_interval,
    paired,
)
from gan_bench.analysis.summary import Group, Row
from gan_bench.text import MISSING, Column, Table, factor, figure, many

UNCERTIFIED = "\N{DAGGER}"
"""Marks a recipe whose implementations have no parity certificate."""
_NOTE = (
    "Means over seeds. Effects are ratios with a 95 % interval, computed seed by seed: twins share "
    "data and noise, and initial weights if the recipe sets them. The effect of a recipe is its "
    "ratio to the geometric mean of all recipes that every framework has. In sentences, 95 % "
    "intervals are without, p values with Holm's correction over the sentences that have one."
)
_UNCERTIFIED_NOTE = (
    f" {UNCERTIFIED} No parity certificate confirms that the twins compute the same thing."
)
_REPEATS_NOTE = (
    " Speeds are those of a speed study, whose repeats take the place of seeds: turns of a repeat "
    "are close in time."
)
_Cells = Mapping[tuple[str, str], Row]
"""Rows by recipe and framework."""


@dataclass(frozen=True)
class Measure:
    """One measure of all implementations by recipe and framework, compared by its logarithm.

    The ratio of two frameworks is paired by seed (`gan_bench.analysis.statistics.paired`). The
    effect of a recipe is its mean over the frameworks against the mean of all recipes, again seed
    by seed, over the recipes that every framework has.
    """

    kind: Literal["quality", "speed"]
    title: str
    noun: str
    """For sentences, e.g. ``FID``."""
    values: Mapping[tuple[str, str], SeedValues]
    """Values by recipe and framework."""
    recipes: Sequence[str]
    frameworks: Sequence[str]
    """The others are compared with the first one."""

    def ratio(self, framework: str, recipes: Sequence[str]) -> Ratio | None:
        """Return a framework's values over the first framework's.

        For each seed, the geometric mean over the recipes is taken before the seeds are paired.
        """
        keys = [[(recipe, f) for recipe in recipes] for f in (framework, self.frameworks[0])]
        if not all(key in self.values for side in keys for key in side):
            return None
        sides = [[self.values[key].by_seed for key in side] for side in keys]
        seeds = _common_seeds([by_seed for side in sides for by_seed in side])
        if not seeds or min(by_seed[s] for side in sides for by_seed in side for s in seeds) <= 0:
            return None
        x, y = (
            [statistics.geometric_mean(by_seed[s] for by_seed in side) for s in seeds]
            for side in sides
        )
        return paired(x, y, scale="ratio") or x[0] / y[0]

    def overall_ratio(self, framework: str) -> Ratio | None:
        """Return the ratio over all recipes of both frameworks, None if there is but one."""
        pair = (framework, self.frameworks[0])
        both = [r for r in self.recipes if all((r, f) in self.values for f in pair)]
        return self.ratio(framework, both) if len(both) > 1 else None

    def recipe_effects(self) -> dict[str, Ratio]:
        """Return each recipe's ratio to the mean of all, over the recipes of every framework."""
        names = [r for r in self.recipes if all((r, f) in self.values for f in self.frameworks)]
        if len(names) < 2:
            return {}
        table = [[self.values[name, f].by_seed for f in self.frameworks] for name in names]
        seeds = _common_seeds([by_seed for row in table for by_seed in row])
        # Shape (recipes, frameworks, seeds).
        values = np.array([[[by_seed[s] for s in seeds] for by_seed in row] for row in table])
        if not seeds or not (values > 0).all():
            return {}
        logs: NDArray[np.float64] = np.log(values)
        by_recipe = logs.mean(axis=1) - logs.mean(axis=(0, 1))
        return {name: _effect(logs) for name, logs in zip(names, by_recipe.tolist(), strict=True)}


def _common_seeds(values: Sequence[Mapping[int, float]]) -> list[int]:
    return sorted(set.intersection(*map(set, values)))


def _effect(logarithms: Sequence[float]) -> Ratio:
    found = mean_interval(logarithms)
    if found is None:
        return math.exp(logarithms[0])
    mean, low, high = (math.exp(value) for value in found[:3])
    seeds = (len(logarithms), len(logarithms))
    return Difference(mean, low, high, found[3], seeds, scale="ratio", paired=True)


@dataclass(frozen=True)
class Crossed:
    """The tables of a group, and what they say."""

    tables: tuple[Table, ...]
    sentences: tuple[str, ...]


def crossed(group: Group) -> Crossed | None:
    """Return FID and images/s by recipe and framework, with the effects of both.

    None if no recipe has implementations in two frameworks.
    """
    cells = _cells(group.rows)
    frameworks = sorted({framework for _, framework in cells})
    recipes = list(dict.fromkeys(recipe for recipe, _ in cells))
    shared = [r for r in recipes if sum((r, f) in cells for f in frameworks) > 1]
    if not shared:
        return None

    def measure(
        kind: Literal["quality", "speed"], title: str, noun: str, by_label: Mapping[str, SeedValues]
    ) -> Measure:
        values = {key: by_label[row.label] for key, row in cells.items() if row.label in by_label}
        return Measure(kind, title, noun, values, recipes, frameworks)

    fids = {row.label: row.fid for row in group.rows if row.fid and not row.saw_reference}
    speeds = {row.label: row.images_per_s for row in group.rows if row.images_per_s}
    measures = []
    if group.scored and fids:
        measures.append(measure("quality", f"Final FID ({group.features})", "FID", fids))
    if speeds:
        measures.append(measure("speed", "Images/s", "speed", speeds))
    if not measures:
        return None
    ranked = [m for m in measures if m.kind != "quality" or not group.too_short]
    sentences = _sentences(ranked)
    if len(ranked) < len(measures):
        sentences.insert(0, f"{group.too_short}: the FIDs only show that scoring works.")
    uncertified = _uncertified(group, cells, shared, frameworks)
    first, *others = (_table(m, uncertified) for m in measures)
    # One note is enough for all of them.
    note = first.note + (_REPEATS_NOTE if group.speed else "")
    tables = (replace(first, note=note), *(replace(table, note="") for table in others))
    return Crossed(tables, tuple(sentences))


def _cells(rows: Sequence[Row]) -> dict[tuple[str, str], Row]:
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


def _uncertified(
    group: Group, cells: _Cells, shared: Sequence[str], frameworks: Sequence[str]
) -> set[str]:
    parity = row_parity(group.rows)
    of = {r: [cells[r, f].label for f in frameworks if (r, f) in cells] for r in shared}
    return {
        r for r, labels in of.items() if any(parity[label].label != CHECKED for label in labels)
    }


def _table(measure: Measure, uncertified: set[str]) -> Table:
    """Return the table of a measure; `uncertified` recipes are marked."""
    first, *others = measure.frameworks
    effects = measure.recipe_effects()
    rows = []
    for recipe in measure.recipes:
        spreads = (measure.values.get((recipe, f)) for f in measure.frameworks)
        means = (figure(spread.mean if spread else None) for spread in spreads)
        ratios = (ratio_text(measure.ratio(other, [recipe])) for other in others)
        name = f"{recipe} {UNCERTIFIED}" if recipe in uncertified else recipe
        rows.append((name, *means, *ratios, ratio_text(effects.get(recipe))))
    overall = [measure.overall_ratio(other) for other in others]
    if any(overall):
        blank = (MISSING,) * len(measure.frameworks)
        rows.append(("All recipes", *blank, *map(ratio_text, overall), MISSING))
    titles = (*measure.frameworks, *(f"{other} / {first}" for other in others))
    return Table(
        [Column("Recipe"), *(Column(t, "number") for t in (*titles, "Recipe / all recipes"))],
        rows,
        title=measure.title,
        note=_NOTE + (_UNCERTIFIED_NOTE if uncertified else ""),
    )


def _sentences(measures: Sequence[Measure]) -> list[str]:
    """Return what frameworks and recipes change, corrected by Holm over the sentences."""
    ratios = [(m, f, m.overall_ratio(f)) for m in measures for f in m.frameworks[1:]]
    tested = [(m, f, found) for m, f, found in ratios if isinstance(found, Difference)]
    corrected = holm([found.p for _, _, found in tested])
    sentences = []
    for measure in measures:
        for (tested_measure, framework, found), p in zip(tested, corrected, strict=True):
            if tested_measure is measure:
                sentences.append(_framework_sentence(measure, framework, replace(found, p=p)))
        sentences += _recipe_sentence(measure)
    return sentences


def _framework_sentence(measure: Measure, framework: str, found: Difference) -> str:
    certain = ""
    if not found.clear:
        few = min(found.seeds) < FEWEST_SEEDS
        certain = ": too few seeds to say more" if few else ": they cannot be distinguished"
    return (
        f"For the same recipe, the {measure.noun} of {framework} is {factor(found.estimate)} times "
        f"that of {measure.frameworks[0]} ({_by_recipe(measure, framework)}; {interval(found)})"
        f"{certain}."
    )


def _by_recipe(measure: Measure, framework: str) -> str:
    """Return over which recipes the ratio is a mean, and its range."""
    both = [r for r in measure.recipes if measure.ratio(framework, [r]) is not None]
    ratios = [measure.ratio(framework, [recipe]) for recipe in both]
    values = [r.estimate if isinstance(r, Difference) else r for r in ratios if r is not None]
    low, high = factor(min(values)), factor(max(values))
    return f"geometric mean over {many(len(both), 'recipe')}, {low} to {high}"


def _recipe_sentence(measure: Measure) -> list[str]:
    """Return a sentence on the recipes with the lowest and the highest effect."""
    effects = {n: e for n, e in measure.recipe_effects().items() if isinstance(e, Difference)}
    if not effects:
        return []
    low, high = (by(effects, key=lambda name: effects[name].estimate) for by in (min, max))
    return [
        f"The {measure.noun} of {low} is {ratio_text(effects[low])} times the geometric mean of "
        f"{len(effects)} recipes, that of {high} {ratio_text(effects[high])} times."
    ]


def ratio_text(ratio: Ratio | None) -> str:
    """Return e.g. ``0.85 (0.80 to 0.90)``, with the 95 % interval in brackets."""
    if ratio is None:
        return MISSING
    if isinstance(ratio, Difference):
        return f"{factor(ratio.estimate)} ({factor(ratio.low)} to {factor(ratio.high)})"
    return f"{factor(ratio)} (one seed)"
