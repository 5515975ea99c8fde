"""Any two implementations of a group side by side, from their recipes and records alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.statistics import FEWEST_SEEDS, interval
from gan_bench.analysis.summary import Group, Row
from gan_bench.report.charts.loss_curves import Losses
from gan_bench.report.claims.sources import sources_claims
from gan_bench.report.sections.answer import Standings
from gan_bench.report.sections.method import recipe_values
from gan_bench.report.sections.tables import Cell, Matrix, Ranking
from gan_bench.text import MISSING, factor, figure, many

_MOST_ROWS = 40
"""With more, the page holds no sentence for each pair: they grow with the square."""
_SECTIONS = {
    **dict.fromkeys(("Parameters G", "Parameters D", "Multiply-adds per image (M)"), "Size"),
    **dict.fromkeys(("KID", "Precision", "Recall", "Coverage", "Modes"), "Quality"),
    "Failed": "Reliability",
}
"""Of the ranking's columns; those of the FIDs are of quality too, all others of speed."""
_NO_VALUES = ("recipe", "implementation source sha256", "implementation from")
"""Of a recipe's facts, those that are none of its values."""
_LOSSES = {
    "generator": "Generator's loss at the end",
    "discriminator": "Discriminator's loss at the end",
    "d_real": "D(x) at the end",
    "d_fake": "D(G(z)) at the end",
}


@dataclass(frozen=True)
class Fact:
    """One thing that is known of an implementation."""

    section: str
    name: str
    text: str
    number: float | None = None
    """Where the two can be compared by a ratio."""


@dataclass(frozen=True)
class Pairs:
    """All that any two of a group's implementations are compared by."""

    facts: Mapping[str, tuple[Fact, ...]]
    """By label."""
    sentences: Mapping[tuple[str, str], str]
    """By pair of labels in the ranking's order; none where there are too many pairs."""


def pairs(group: Group, ranking: Ranking, ranks: Standings, curves: Sequence[Losses]) -> Pairs:
    """Return the facts of each implementation, and what can be said of each pair.

    Parameters
    ----------
    group
        The implementations.
    ranking
        Its table.
    ranks
        What is certain of its order.
    curves
        The losses.
    """
    by_label = {one.label: one for one in curves}
    cells = {row.label: row.cells for row in ranking.rows}
    facts = {
        row.label: (
            *_recipe(row),
            *_measured(ranking, cells[row.label]),
            *_ends(by_label.get(row.label)),
        )
        for row in group.rows
    }
    sentences = {}
    if len(group.rows) <= _MOST_ROWS:
        for place, a in enumerate(group.rows):
            for b in group.rows[place + 1 :]:
                same = _same(facts[a.label], facts[b.label])
                sentences[a.label, b.label] = " ".join(
                    [_likeness(a, b, same), *_differences(a.label, b.label, ranks)]
                )
    return Pairs(facts, sentences)


def told(group: Group, found: Pairs) -> list[Matrix]:
    """Return the comparisons that markdown shows: each twin pair, and what the sources compare."""
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
    return [_matrix(a, b, found) for a, b in wanted]


def are_twins(a: Row, b: Row) -> bool:
    """Whether two rows are one recipe with equal values in two frameworks."""
    values = (a.runs[0].spec.recipe_values, b.runs[0].spec.recipe_values)
    return a.recipe == b.recipe and a.framework != b.framework and values[0] == values[1]


def _matrix(a: str, b: str, found: Pairs) -> Matrix:
    facts, others = found.facts[a], {(f.section, f.name): f for f in found.facts[b]}
    rows, same = [], []
    names = {(f.section, f.name): f for f in facts}
    for key in dict.fromkeys([*names, *others]):
        left, right = names.get(key), others.get(key)
        texts = [one.text if one else MISSING for one in (left, right)]
        if texts[0] == texts[1]:
            same.append(f"{key[1]} {texts[0]}")
        else:
            ratio = _ratio(left, right)
            rows.append((key[1], (texts[0], texts[1], ratio)))
    sentence = found.sentences.get((a, b)) or found.sentences.get((b, a), "")
    note = f"{sentence} The same in both: {', '.join(same)}." if same else sentence
    return Matrix(
        title=f"{a} and {b}",
        corner="What",
        columns=(a, b, "Ratio"),
        rows=tuple(rows),
        note=note.strip(),
    )


def _ratio(left: Fact | None, right: Fact | None) -> str:
    if not (left and right and left.number and right.number) or left.number * right.number <= 0:
        return ""
    return f"\N{MULTIPLICATION SIGN}{factor(right.number / left.number)}"


def _recipe(row: Row) -> Iterable[Fact]:
    for name, text in recipe_values(row).items():
        yield Fact("Recipe", name, text)


def _measured(ranking: Ranking, cells: Sequence[Cell]) -> Iterable[Fact]:
    for column, cell in zip(ranking.columns, cells, strict=True):
        if column.title in ("Rank", "Parity", "Status"):
            continue
        text = f"{cell.text} ({cell.range})" if cell.range else cell.text
        number = cell.sort if isinstance(cell.sort, int | float) else None
        fid = column.title.startswith("Final FID")
        section = "Quality" if fid else _SECTIONS.get(column.title, "Speed")
        compared = column.title not in ("Failed", "KID")
        yield Fact(section, column.title, text, float(number) if number and compared else None)


def _ends(curves: Losses | None) -> Iterable[Fact]:
    for column, name in _LOSSES.items():
        if curves and column in curves.ends:
            yield Fact("Curves", name, figure(curves.ends[column]))


def _same(a: Sequence[Fact], b: Sequence[Fact]) -> tuple[int, int]:
    """Return how many of the recipe's values are equal, and how many there are."""
    left, right = (
        {f.name: f.text for f in facts if f.section == "Recipe" and f.name not in _NO_VALUES}
        for facts in (a, b)
    )
    names = set(left) | set(right)
    return sum(left.get(name) == right.get(name) for name in names), len(names)


def _likeness(a: Row, b: Row, same: tuple[int, int]) -> str:
    share = f"{same[0]} of {many(same[1], 'value')}"
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
    if found is None:
        return f"One seed cannot tell them apart {where}."
    if not ranks.clearly(better, worse):
        if min(found.seeds) < FEWEST_SEEDS:
            return f"Too few seeds to tell them apart {where} ({interval(found)})."
        odd = "; mean and geometric mean stand in different orders" if found.clear else ""
        return f"They cannot be told apart {where} ({interval(found)}{odd})."
    if found.scale == "difference":
        return f"{better} is clearly better {where} than {worse} ({interval(found)})."
    return f"{better} has {words.format(factor(found.estimate))} {worse} ({interval(found)})."
