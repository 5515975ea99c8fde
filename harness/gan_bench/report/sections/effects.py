"""What a field of a recipe changes: a table for each field that was run with several values."""

from collections import Counter
from dataclasses import dataclass

from gan_bench.analysis.effects import UPDATES, Base, Effect, effects
from gan_bench.analysis.statistics import Ratio, SeedValues
from gan_bench.analysis.summary import Group, Row
from gan_bench.report.sections.method import value_text
from gan_bench.report.sections.recipe_vs_framework import ratio_text
from gan_bench.text import MISSING, Column, Table, count, figure, interval, listed

NOTE = (
    "The rows of a table differ in one field of the recipe and in what follows from it, such as "
    "the number of steps; all other values, the data, the budget and the protocol are the same, "
    "and throughputs are from one machine. FIDs and images/s are means over the seeds. A ratio is "
    "the geometric mean of the ratios of single seeds, over the seeds that both rows have, or for "
    "images/s that of a speed study. "
    "Brackets hold 95 % intervals (Student's t), without a correction for the number of "
    "comparisons; a ratio whose interval contains 1 shows no clear effect."
)
_MOST_TABLES = 12
_FIRST = 3
"""Tables that the page shows unfolded."""


@dataclass(frozen=True)
class EffectTables:
    """The tables of a group, and what to know of them beside `NOTE`."""

    tables: tuple[Table, ...]
    notes: tuple[str, ...]

    @property
    def first(self) -> tuple[Table, ...]:
        """The tables that are shown unfolded."""
        return self.tables[:_FIRST]

    @property
    def further(self) -> tuple[Table, ...]:
        """The tables that are folded."""
        return self.tables[_FIRST:]


def effect_tables(group: Group) -> EffectTables | None:
    """Return the tables of a group, None if no field has several values there."""
    found = effects(group)
    if not found:
        return None
    notes = []
    if group.too_short:
        notes.append(f"{group.too_short}: the FIDs only show that scoring works.")
    if len(found) > _MOST_TABLES:
        notes.append(
            f"{_MOST_TABLES} of {len(found):,} tables are shown: those with the fewest other "
            "values that differ from the defaults, and of these those of the best "
            "implementations. The ranking has the figures of all rows."
        )
    return EffectTables(
        tuple(_table(effect, group) for effect in found[:_MOST_TABLES]), tuple(notes)
    )


def _table(effect: Effect, group: Group) -> Table:
    base = value_text(effect.base.value)
    networks = [n for n in UPDATES if any(n in row.updates for row in effect.rows)]
    titles = ["Seeds"]
    titles += [f"Final FID ({group.features})", f"FID / that of {base}"] if group.scored else []
    titles += ["Images/s", f"Speed / that of {base}"]
    titles += [f"Updates {network[0].upper()}" for network in networks] or ["Steps"]
    rows = []
    for one in effect.rows:
        name = f"{value_text(one.value)}{' (default)' * one.is_default}"
        cells = [_seeds(one.row)]
        if group.scored:
            fids = one.row.fid, effect.base.row.fid
            cells += [_mean(fids[0], group.finals[one.row.label].interval), _ratio(one.fid, *fids)]
        speeds = one.row.images_per_s, effect.base.row.images_per_s
        cells.append(figure(speeds[0].mean if speeds[0] else None))
        cells.append(_ratio(one.images_per_s, *speeds))
        steps = count(one.row.runs[0].spec.steps)
        cells += [count(one.updates.get(network)) for network in networks] or [steps]
        rows.append((name, *cells))
    return Table(
        [Column(effect.field), *(Column(title, "number") for title in titles)],
        rows,
        title=f"Effect of {effect.field} on {effect.label}",
        note=" ".join(filter(None, (_why(effect), _seen(effect)))),
    )


def _seen(effect: Effect) -> str:
    """Return what is wrong with the FIDs of runs that trained on the reference images."""
    if not any(one.row.saw_reference for one in effect.rows):
        return ""
    return "These runs trained on the reference images, so their FIDs are no measure of quality."


def _why(effect: Effect) -> str:
    """Return why the ratios are not to the default; empty if they are."""
    value, default = value_text(effect.base.value), value_text(effect.default)
    number = isinstance(effect.base.value, int | float)
    lowest = f"ratios are to {value}, the {'lowest' if number else 'first'} value"
    return {
        Base.DEFAULT: "",
        Base.DEFAULT_NOT_RUN: f"The default, {default}, was not run, so {lowest}.",
        Base.DEFAULT_REPEATED: f"The default, {default}, has several rows, so {lowest}.",
        Base.DEFAULT_WITHOUT_RESULT: (
            f"The default, {default}, has no result, so {lowest} with a result."
        ),
        Base.DEFAULT_UNKNOWN: f"The runs record no default, so {lowest}.",
    }[effect.why]


def _seeds(row: Row) -> str:
    """Return how many seeds succeeded, and what became of the others."""
    succeeded, planned = len(row.ok_runs), len(row.runs)
    if succeeded == planned:
        return f"{succeeded}"
    others = Counter(run.status for run in row.runs if run.status != "ok")
    named = [f"{number} {status}" for status, number in others.most_common()]
    return f"{succeeded} of {planned}, {listed(named)}"


def _mean(fids: SeedValues | None, of_mean: tuple[float, float] | None) -> str:
    if fids is None:
        return MISSING
    seeds = interval(*of_mean) if of_mean and fids.seeds > 1 else "one seed"
    return f"{figure(fids.mean)} ({seeds})"


def _ratio(ratio: Ratio | None, mine: SeedValues | None, base: SeedValues | None) -> str:
    """Return a ratio with its interval, and over how many seeds if a side has more."""
    if mine is None or base is None:
        return MISSING
    if mine is base:
        return "1"
    common = len(set(mine.seed_numbers) & set(base.seed_numbers))
    if ratio is None:
        return MISSING if common else "no common seed"
    text = ratio_text(ratio)
    if common == max(mine.seeds, base.seeds):
        return text
    if common == 1:
        return text.replace("one seed", "one common seed")
    return f"{text.removesuffix(')')}; {common} seeds)"
