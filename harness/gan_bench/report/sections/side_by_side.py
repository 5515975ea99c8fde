"""Any two implementations of a group side by side, from their recipes and records alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.statistics import FEWEST_SEEDS, interval
from gan_bench.analysis.summary import Group, Row
from gan_bench.report.charts.loss_curves import Losses, loss_title
from gan_bench.report.claims.sources import sources_claims
from gan_bench.report.sections.method import RecipeFacts, recipe_facts
from gan_bench.report.sections.ranking_rows import WARM_UP, Cell, Ranking, Section
from gan_bench.report.sections.standings import Standings
from gan_bench.text import MISSING, Column, Table, factor, figure, many

_MOST_ROWS = 40
"""With more implementations there is no sentence for each pair: pairs grow with the square."""
_OUTPUTS = {"d_real": "D(x)", "d_fake": "D(G(z))"}


@dataclass(frozen=True)
class Fact:
    """One thing that is known about an implementation."""

    section: Section
    name: str
    text: str
    number: float | None = None
    """Value for a ratio of two implementations; None if a ratio means nothing."""


@dataclass(frozen=True)
class Pairs:
    """Facts and sentences that compare any two implementations of a group."""

    facts: Mapping[str, tuple[Fact, ...]]
    """Facts by label."""
    sentences: Mapping[tuple[str, str], str]
    """Sentence by pair of labels, in the ranking's order; empty if there are too many pairs."""
    note: str = ""
    """How to read both; empty without a pair."""


def pairs(group: Group, ranking: Ranking, ranks: Standings, curves: Sequence[Losses]) -> Pairs:
    """Return the facts of each implementation, and a sentence for each pair."""
    by_label = {one.label: one for one in curves}
    cells = {row.label: row.cells for row in ranking.rows}
    recipes = {row.label: recipe_facts(row) for row in group.rows}
    facts = {
        row.label: (
            *_recipe(recipes[row.label]),
            *_measured(ranking, cells[row.label]),
            *_ends(by_label.get(row.label)),
        )
        for row in group.rows
    }
    sentences = {}
    if len(group.rows) <= _MOST_ROWS:
        for place, a in enumerate(group.rows):
            for b in group.rows[place + 1 :]:
                same = _same(recipes[a.label], recipes[b.label])
                sentences[a.label, b.label] = " ".join(
                    [_similarity(a, b, same), *_differences(a.label, b.label, ranks)]
                )
    return Pairs(facts, sentences, _note(ranks) if len(group.rows) > 1 else "")


def _note(ranks: Standings) -> str:
    """Return how to read ratios, intervals and p values."""
    ratios = (
        "In the table, ratios are of the figures shown, which are means over the seeds; in "
        "sentences they are of geometric means, which the tests compare."
    )
    known = (("FID", ranks.quality), ("speed", ranks.speed))
    numbers = [
        f"{many(found.tested_pairs, 'pair')} in {what}"
        for what, found in known
        if found and found.tested_pairs
    ]
    if not numbers:
        return ratios
    return (
        f"{ratios} The intervals are without, p values with Holm's correction over "
        f"{' and '.join(numbers)}."
    )


def chosen_pairs(group: Group, found: Pairs) -> list[Table]:
    """Return the comparisons for markdown: all twins, and the pairs that sources compare."""
    wanted: dict[tuple[str, str], None] = {}
    compared = dict.fromkeys((c.recipe, c.than) for c in sources_claims() if c.than)
    for recipe, than in compared:
        for a in group.rows:
            for b in group.rows:
                if (a.recipe, b.recipe) == (recipe, than) and a.framework == b.framework:
                    wanted[b.label, a.label] = None
    for a, b in combinations(sorted(group.rows, key=lambda row: (row.recipe, row.label)), 2):
        if are_twins(a, b):
            wanted[a.label, b.label] = None
    return [_table(a, b, found) for a, b in wanted]


def are_twins(a: Row, b: Row) -> bool:
    """Return whether two rows are one recipe with equal values in two frameworks."""
    values = (a.runs[0].spec.recipe_values, b.runs[0].spec.recipe_values)
    same = a.recipe == b.recipe and values[0] == values[1]
    return same and a.framework != b.framework and not a.own_loop


def _table(a: str, b: str, found: Pairs) -> Table:
    facts, others = found.facts[a], {(f.section, f.name): f for f in found.facts[b]}
    rows, same = [], []
    names = {(f.section, f.name): f for f in facts}
    for key in dict.fromkeys([*names, *others]):
        left, right = names.get(key), others.get(key)
        texts = [fact.text if fact else MISSING for fact in (left, right)]
        if texts[0] == texts[1]:
            same.append(f"{key[1]} {texts[0]}")
        else:
            ratio = _ratio(left, right)
            rows.append((key[1], *texts, ratio))
    sentence = found.sentences.get((a, b)) or found.sentences.get((b, a), "")
    equal = f" Equal in both, to the digits shown: {', '.join(same)}." if same else ""
    note = f"{sentence}{equal}"
    columns = [Column(title) for title in ("What", a, b, f"{b} / {a}")]
    return Table(columns, rows, title=f"{a} and {b}", note=note.strip())


def _ratio(left: Fact | None, right: Fact | None) -> str:
    if not (left and right and left.number and right.number) or left.number * right.number <= 0:
        return ""
    return f"\N{MULTIPLICATION SIGN}{factor(right.number / left.number)}"


def _recipe(recipe: RecipeFacts) -> Iterable[Fact]:
    for name, text in (recipe.origin | recipe.values).items():
        yield Fact("Recipe", name, text)


def _measured(ranking: Ranking, cells: Sequence[Cell]) -> Iterable[Fact]:
    for column, cell in zip(ranking.columns, cells, strict=True):
        if column.section is None or column.title == WARM_UP:
            continue
        text = f"{cell.text} ({cell.range})" if cell.range else cell.text
        value = cell.sort if column.has_ratio and isinstance(cell.sort, int | float) else None
        yield Fact(column.section, column.title, text, float(value) if value else None)


def _ends(curves: Losses | None) -> Iterable[Fact]:
    for column, end in curves.ends.items() if curves else ():
        name = _OUTPUTS.get(column) or loss_title(column)
        yield Fact("Curves", f"{name}, mean of the last tenth", figure(end))


def _same(a: RecipeFacts, b: RecipeFacts) -> tuple[int, int]:
    """Return how many of the recipes' values are equal, and how many there are."""
    names = set(a.values) | set(b.values)
    return sum(a.values.get(name) == b.values.get(name) for name in names), len(names)


def _similarity(a: Row, b: Row, same: tuple[int, int]) -> str:
    share = f"{same[0]} of {many(same[1], 'recipe value')} and settings"
    if a.recipe != b.recipe and same[0] == same[1]:
        return "Two recipes with equal values, which differ in their networks or updates."
    if a.recipe != b.recipe:
        return f"Two recipes, equal in {share}."
    if a.framework != b.framework:
        return f"One recipe in two frameworks, equal in {share}."
    return f"Two versions of one recipe in one framework, equal in {share}."


def _differences(a: str, b: str, ranks: Standings) -> Iterable[str]:
    if ranks.quality and {a, b} <= set(ranks.quality.labels):
        yield _difference(
            a,
            b,
            ranks.quality,
            "a final FID that is lower by a factor of {} than that of",
            "in FID",
        )
    if ranks.speed and {a, b} <= set(ranks.speed.labels):
        yield _difference(a, b, ranks.speed, "{} times the speed of", "in speed")


def _difference(a: str, b: str, ranks: RankedGroup, words: str, where: str) -> str:
    better, worse = sorted((a, b), key=ranks.labels.index)
    found = ranks.between(better, worse)
    if found is None and min(ranks.spreads[label].seeds for label in (a, b)) > 1:
        # It measured them as one, or has too few turns in common.
        return f"The speed study does not compare them {where}."
    if found is None:
        return f"One seed is too few to compare them {where}."
    certain = interval(found)
    if not ranks.clearly(better, worse):
        if found.scale == "ratio":
            higher = ranks.metric.higher_is_better
            sides = (better, worse) if higher else (worse, better)
            certain = f"{' / '.join(sides)}: {certain}"
        if min(found.seeds) < FEWEST_SEEDS:
            return f"Too few seeds to distinguish them {where} ({certain})."
        odd = "; means and geometric means are in opposite order" if found.clear else ""
        return f"They cannot be distinguished {where} ({certain}{odd})."
    if found.scale == "difference":
        return f"{better} is clearly better {where} than {worse} ({certain})."
    return f"{better} has {words.format(factor(found.estimate))} {worse} ({certain})."
