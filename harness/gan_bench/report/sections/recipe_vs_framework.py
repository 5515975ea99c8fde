"""Recipe against framework: what each of the two changes, and which of them are told apart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gan_bench.analysis.factors import Factors, cells_of, most_seeds
from gan_bench.analysis.identity import Machine
from gan_bench.analysis.parity import CHECKED, row_parity
from gan_bench.analysis.speed import disturbances
from gan_bench.analysis.statistics import FEWEST_SEEDS, Difference, Ratio, interval
from gan_bench.analysis.studied_factors import StudiedFactors
from gan_bench.analysis.studied_speed import RankedSpeed
from gan_bench.analysis.summary import Group, Row
from gan_bench.metrics import SPEED, metric
from gan_bench.text import MISSING, Column, Table, factor, figure, listed, many

_NAMED = 4
"""Recipes that a sentence names before it counts the rest."""
UNCERTIFIED = "\N{DAGGER}"
"""Marks a recipe whose implementations have no parity certificate."""
_NOTE = (
    "Means over seeds. Effects are ratios of geometric means with a 95 % interval, over the seeds "
    "that both have, so they may differ from the ratio of the means shown. They are computed seed "
    "by seed: twins share data and noise, and initial weights if the recipe sets them. The effect "
    "of a recipe is its ratio to the geometric mean of all recipes that every framework has. In "
    "sentences, p values have Holm's correction over all pairs of frameworks, or of recipes; 95 % "
    "intervals do not."
)
_UNCERTIFIED_NOTE = (
    f" {UNCERTIFIED} No parity certificate confirms that the twins compute the same thing."
)
_Cells = Mapping[tuple[str, str], Row]
"""Rows by recipe and framework."""


@dataclass(frozen=True)
class Measure:
    """One measure by recipe and framework, with its words."""

    kind: Literal["quality", "speed"]
    title: str
    noun: str
    """For sentences, e.g. ``FID``."""
    factors: Factors
    place: str = ""
    """The machine that it was measured on, if there are several."""
    note: str = ""
    """Of its table."""

    @property
    def heading(self) -> str:
        """The title of its table."""
        return f"{self.title} on {self.place}" if self.place else self.title

    def said(self, sentence: str) -> str:
        """Return a sentence with the place, if there is one, and with a capital at its start."""
        return f"On {self.place}: {sentence}" if self.place else sentence[0].upper() + sentence[1:]

    @property
    def first(self) -> str:
        """The framework with which the others are compared."""
        return self.factors.frameworks[0]

    @property
    def others(self) -> Sequence[str]:
        """The other frameworks."""
        return self.factors.frameworks[1:]

    def over_recipes(self, framework: str) -> Ratio | None:
        """Return a framework's ratio to the first one, None below two recipes of both."""
        several = len(self.tested_by_recipe(framework)) > 1
        return self.factors.framework_ratio(framework, self.first) if several else None

    def by_recipe(self, framework: str) -> dict[str, Ratio]:
        """Return a framework's ratio to the first one by recipe."""
        found = {r: self.factors.ratio(framework, self.first, r) for r in self.factors.recipes}
        return {recipe: ratio for recipe, ratio in found.items() if ratio is not None}

    def tested_by_recipe(self, framework: str) -> dict[str, Ratio]:
        """Return those of `by_recipe` that the ratio over all recipes is of.

        With several seeds; if there are none, those with one seed.
        """
        found = self.by_recipe(framework)
        return {r: x for r, x in found.items() if isinstance(x, Difference)} or found


@dataclass(frozen=True)
class Crossed:
    """The tables of a group, and what they say."""

    tables: tuple[Table, ...]
    sentences: tuple[str, ...]
    of_frameworks: tuple[str, ...]
    """Those of the sentences that compare frameworks."""


def crossed(group: Group) -> Crossed | None:
    """Return FID and images/s by recipe and framework, with the effects of both.

    None if no recipe has implementations in two frameworks.
    """
    cells = cells_of(group.rows)
    frameworks = sorted({framework for _, framework in cells})
    recipes = dict.fromkeys(recipe for recipe, _ in cells)
    shared = [r for r in recipes if sum((r, f) in cells for f in frameworks) > 1]
    if not shared:
        return None

    fids = {row.label: row.fid for row in group.rows if row.fid and not row.saw_reference}
    measures = []
    if group.scored and fids:
        factors = Factors.of(cells, fids, metric(group.metric or ""), looks=group.looks)
        measures.append(Measure("quality", f"Final FID ({group.features})", "FID", factors))
    measures += _speeds(group, cells)
    if not measures:
        return None
    ranked = [m for m in measures if m.kind != "quality" or not group.too_short]
    sentences, of_frameworks = [], []
    if len(ranked) < len(measures):
        sentences.append(f"{group.too_short}: the FIDs only show that scoring works.")
    for one in ranked:
        compared = [*_framework_sentences(one)]
        sentences += [*_recipe_tiers(one), *compared, *_recipe_sentence(one)]
        of_frameworks += compared
    uncertified = _uncertified(group, cells, shared, frameworks)
    first, *others = (_table(m, uncertified) for m in measures)
    # The note on how to read a table is the same for all of them.
    note = " ".join(filter(None, (first.note, measures[0].note)))
    own = (replace(x, note=m.note) for x, m in zip(others, measures[1:], strict=True))
    tables = (replace(first, note=note), *own)
    return Crossed(tables, tuple(sentences), tuple(of_frameworks))


def _speeds(group: Group, cells: _Cells) -> Iterator[Measure]:
    """Yield the throughputs of the ranking, then those of the studies of other machines."""
    here = group.setting.machine
    rates = {row.label: row.images_per_s for row in group.rows if row.images_per_s}
    found: list[tuple[Machine, Factors, str]] = []
    if group.speed:
        of = StudiedFactors.measured(cells, group.speed).known
        found.append((here, of, _of_study(group.speed)))
    elif rates:
        found.append((here, Factors.of(cells, rates, metric(SPEED)).known, ""))
    for study in group.speeds_elsewhere:
        if study.machine in {machine for machine, *_ in found}:
            continue
        known = StudiedFactors.measured(cells, study).known
        if any(len(known.twins(recipe)) > 1 for recipe in known.recipes):
            note = " ".join([_of_study(study), *disturbances(study.found)])
            found.append((study.machine, known, note))
    machines = {here, *(machine for machine, *_ in found)}
    # The hardware is enough, if it tells them apart and they have the same number of threads.
    enough = len({m.hardware for m in machines}) == len(machines)
    enough &= len({(m.device, m.threads) for m in machines}) == 1
    for machine, factors, note in found:
        place = str(machine.hardware if enough else machine)
        several = len(found) > 1 or machine != here
        yield Measure("speed", "Images/s", "speed", factors, place if several else "", note)


def _of_study(study: RankedSpeed) -> str:
    return (
        f"From {study}, which has no seeds: turns of the same repeat are compared, with the errors "
        "of the study."
    )


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
    factors, others = measure.factors, measure.others
    effects = factors.recipe_effects()
    by_recipe = {other: measure.by_recipe(other) for other in others}
    rows = []
    for recipe in factors.recipes:
        spreads = (factors.values.get((recipe, f)) for f in factors.frameworks)
        means = (figure(spread.mean if spread else None) for spread in spreads)
        ratios = (ratio_text(by_recipe[other].get(recipe)) for other in others)
        name = f"{recipe} {UNCERTIFIED}" if recipe in uncertified else recipe
        rows.append((name, *means, *ratios, ratio_text(effects.get(recipe))))
    overall = [measure.over_recipes(other) for other in others]
    if any(overall):
        blank = (MISSING,) * len(factors.frameworks)
        rows.append(("All recipes", *blank, *map(ratio_text, overall), MISSING))
    titles = (*factors.frameworks, *(f"{other} / {measure.first}" for other in others))
    return Table(
        [Column("Recipe"), *(Column(t, "number") for t in (*titles, "Recipe / all recipes"))],
        rows,
        title=measure.heading,
        note=_NOTE + (_UNCERTIFIED_NOTE if uncertified else ""),
    )


def _recipe_tiers(measure: Measure) -> Iterator[str]:
    """Yield which recipe has the best quality, from what it is not told apart, and the tiers."""
    ranks = measure.factors.ranked_recipes if measure.kind == "quality" else None
    if ranks is None or ranks.best_is_short:
        return
    word = "highest" if ranks.metric.higher_is_better else "lowest"
    best = f"{ranks.best} has the {word} {measure.noun} of {many(len(ranks.labels), 'recipe')}"
    alike = [recipe for recipe in ranks.equals if ranks.alike(ranks.best, recipe)]
    others = [recipe for recipe in ranks.unclear if recipe not in alike]
    if alike:
        best = f"{best}, but cannot be distinguished from {listed(alike, _NAMED)}"
    elif not others:
        best = f"{best}, and the lead is clear"
    yield f"{best}."
    if others:
        yield (
            f"Nothing is certain of {listed(others, _NAMED)}: too few seeds, no framework in "
            f"common with {ranks.best}, or another order in those in common."
        )
    if 1 < len(ranks.tiers) < len(ranks.labels) or len(ranks.tiers) > 2:
        tiers = "; ".join(listed(tier) for tier in ranks.tiers)
        yield (
            f"By {measure.noun}, the recipes are in tiers, each clearly better than all after it: "
            f"{tiers}."
        )


def _framework_sentences(measure: Measure) -> Iterator[str]:
    for framework in measure.others:
        found = measure.over_recipes(framework)
        if isinstance(found, Difference):
            yield _framework_sentence(measure, framework, found)


def _framework_sentence(measure: Measure, framework: str, found: Difference) -> str:
    certain = ""
    if not found.clear:
        twins = measure.factors.twins_apart
        few = most_seeds(twins, framework, measure.first) < FEWEST_SEEDS
        certain = ": too few seeds to say more" if few else ": they cannot be distinguished"
    return measure.said(
        f"for the same recipe, the {measure.noun} of {framework} is {factor(found.estimate)} times "
        f"that of {measure.first} ({_by_recipe(measure, framework)}; {interval(found)}){certain}."
    )


def _by_recipe(measure: Measure, framework: str) -> str:
    """Return over which recipes the ratio is a mean, and its range."""
    ratios = measure.tested_by_recipe(framework).values()
    values = [r.estimate if isinstance(r, Difference) else r for r in ratios]
    low, high = factor(min(values)), factor(max(values))
    return f"geometric mean over {many(len(values), 'recipe')}, {low} to {high}"


def _recipe_sentence(measure: Measure) -> list[str]:
    """Return a sentence on the recipes with the lowest and the highest effect."""
    every = measure.factors.recipe_effects()
    effects = {n: e for n, e in every.items() if isinstance(e, Difference)}
    if not effects:
        return []
    low, high = (by(effects, key=lambda name: effects[name].estimate) for by in (min, max))
    least, most = _with_interval(effects[low]), _with_interval(effects[high])
    return [
        measure.said(
            f"the {measure.noun} of {low} is {least} times the geometric mean of {len(effects)} "
            f"recipes, that of {high} {most} times."
        )
    ]


def _with_interval(ratio: Difference) -> str:
    low, high = factor(ratio.low), factor(ratio.high)
    return f"{factor(ratio.estimate)} (95 % interval {low} to {high})"


def ratio_text(ratio: Ratio | None) -> str:
    """Return e.g. ``0.85 (0.80 to 0.90)``, with the 95 % interval in brackets."""
    if ratio is None:
        return MISSING
    if isinstance(ratio, Difference):
        return f"{factor(ratio.estimate)} ({factor(ratio.low)} to {factor(ratio.high)})"
    return f"{factor(ratio)} (one seed)"
