"""The effect of one field of a recipe: rows of a group that differ in that field alone."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from gan_bench.analysis.groups import SCHEDULE, facts_in_words
from gan_bench.analysis.identity import identity
from gan_bench.analysis.statistics import Ratio, SeedValues, paired_ratio
from gan_bench.analysis.studied_speed import RankedSpeed
from gan_bench.analysis.summary import Group, Row
from gan_bench.analysis.updates import GENERATOR_STEPS
from gan_bench.plan import RunSpec
from gan_bench.text import many, told_apart

UPDATES: Final = {"discriminator": "discriminator_steps", "generator": GENERATOR_STEPS}
"""By network, the field with the number of its updates in a step."""


class Base(Enum):
    """Why a row is the one that the others are compared with."""

    DEFAULT = auto()
    """It has the field's default."""
    DEFAULT_NOT_RUN = auto()
    """It has the lowest value; no run has the default."""
    DEFAULT_REPEATED = auto()
    """It has the lowest value; the default has several rows."""
    DEFAULT_WITHOUT_RESULT = auto()
    """It has the lowest value of those with a result, and the default has none."""
    DEFAULT_UNKNOWN = auto()
    """It has the lowest value; the runs do not record the default, or there is none."""


@dataclass(frozen=True)
class EffectRow:
    """One value of the field."""

    value: Any
    """As JSON has it."""
    is_default: bool
    """Whether it is the field's default; False if that is unknown."""
    row: Row
    fid: Ratio | None
    """The final FID over that of the base, by seed; None for the base and without common seeds."""
    images_per_s: Ratio | None
    """The throughput over that of the base, in the same way."""
    updates: Mapping[str, int]
    """Updates of each network in a whole run, by `UPDATES`; without those that are not known."""


@dataclass(frozen=True)
class Effect:
    """The rows of one implementation that differ in one field, in the order of its values."""

    label: str
    """The implementation's name, with what else tells its rows apart."""
    field: str
    rows: tuple[EffectRow, ...]
    """Two at least."""
    base: EffectRow
    """The row that the others are compared with."""
    why: Base
    default: Any = None
    """The field's default; None if it is unknown."""


def effects(group: Group) -> list[Effect]:
    """Return the effect of each field that differs between rows that are equal in all else.

    What follows from the field and the budget, such as the number of steps, may differ too. Of a
    grid of two fields, each field has an effect for each value of the other one. Those with the
    fewest other values that differ from the defaults come first, and of these those of the best
    implementation. Rows of which no run succeeded have no effect to show.
    """
    by_name: dict[str, list[Row]] = {}
    for row in group.rows:
        by_name.setdefault(row.runs[0].spec.implementation.name, []).append(row)
    found = [e for name, rows in by_name.items() for e in _of(name, rows, group.speed)]
    return sorted(found, key=_changed)


def _of(name: str, rows: Sequence[Row], speed: RankedSpeed | None) -> Iterable[Effect]:
    """Yield the effects of one implementation."""
    specs = [row.runs[0].spec for row in rows]
    facts = [identity(spec) for spec in specs]
    for field in dict.fromkeys(field for spec in specs for field in spec.recipe_values):
        if len({_text(spec.recipe_values.get(field)) for spec in specs}) < 2:
            continue
        alike: dict[str, list[Row]] = {}
        for row, spec, known in zip(rows, specs, facts, strict=True):
            if field in spec.recipe_values:
                alike.setdefault(_all_else(spec, known, field), []).append(row)
        labels = _labels(name, [members[0].runs[0].spec for members in alike.values()], field)
        for label, members in zip(labels, alike.values(), strict=True):
            once = _once(members, field)
            if len(once) > 1 and any(row.ok_runs for row in once):
                yield _effect(label, field, once, members, speed)


def _all_else(spec: RunSpec, facts: Mapping[str, Any], field: str) -> str:
    """Return a key of everything but the field and what follows from it."""
    kept = {key: value for key, value in facts.items() if key not in SCHEDULE}
    kept["recipe_values"] = {key: v for key, v in spec.recipe_values.items() if key != field}
    # A group may have runs that saw the reference beside others.
    return json.dumps(
        [kept, len(spec.evaluation_steps), spec.train_splits], sort_keys=True, default=str
    )


def _labels(name: str, specs: Sequence[RunSpec], field: str) -> list[str]:
    own = (f"recipe {field}", *SCHEDULE)
    facts = [
        {key: text for key, text in facts_in_words(spec).items() if key not in own}
        | {"evaluations": many(len(spec.evaluation_steps), "evaluation point")}
        for spec in specs
    ]
    return told_apart(name, facts)


def _once(rows: Sequence[Row], field: str) -> list[Row]:
    """Return the rows whose value no other row has, lowest value first.

    Of several rows with one value, such as two sets of evaluation points, none is the right one.
    """
    by_value: dict[str, list[Row]] = {}
    for row in rows:
        by_value.setdefault(_text(_value(row, field)), []).append(row)
    return sorted(
        (members[0] for members in by_value.values() if len(members) == 1),
        key=lambda row: _order(_value(row, field)),
    )


def _effect(
    label: str,
    field: str,
    rows: Sequence[Row],
    repeated: Sequence[Row],
    speed: RankedSpeed | None,
) -> Effect:
    """Return the effect in the rows; ``repeated`` also has those of values with several rows."""
    default, known = _default(rows, field)
    of_default = next((r for r in rows if known and _value(r, field) == default), None)
    with_result = [row for row in rows if row.fid] or [row for row in rows if row.ok_runs]
    base = with_result[0]
    if of_default in with_result:
        why, base = Base.DEFAULT, of_default
    elif of_default:
        why = Base.DEFAULT_WITHOUT_RESULT
    elif not known:
        why = Base.DEFAULT_UNKNOWN
    elif any(_value(row, field) == default for row in repeated):
        why = Base.DEFAULT_REPEATED
    else:
        why = Base.DEFAULT_NOT_RUN
    compared = {
        row.label: _compared(row, base, field, speed, is_default=row is of_default) for row in rows
    }
    return Effect(label, field, tuple(compared.values()), compared[base.label], why, default)


def _compared(
    row: Row, base: Row, field: str, speed: RankedSpeed | None, *, is_default: bool
) -> EffectRow:
    def ratio(mine: SeedValues | None, theirs: SeedValues | None) -> Ratio | None:
        return paired_ratio(mine, theirs) if row is not base and mine and theirs else None

    measured = row is not base and row.images_per_s and base.images_per_s
    spec = row.runs[0].spec
    in_a_step = {network: spec.recipe_values.get(name) for network, name in UPDATES.items()}
    return EffectRow(
        value=_value(row, field),
        is_default=is_default,
        row=row,
        fid=ratio(row.fid, base.fid),
        images_per_s=(
            speed.ratio(row.label, base.label)
            if speed and measured
            else ratio(row.images_per_s, base.images_per_s)
        ),
        updates={n: spec.steps * k for n, k in in_a_step.items() if type(k) is int},
    )


def _default(rows: Sequence[Row], field: str) -> tuple[Any, bool]:
    """Return the default, and whether the runs record it."""
    for spec in (run.spec for row in rows for run in row.runs):
        if spec.recipe_defaults is not None:
            return spec.recipe_defaults.get(field, spec.recipe_values[field]), True
    return None, False


def _changed(effect: Effect) -> int:
    """Return how many other fields differ from their defaults, as far as that is recorded."""
    defaults = effect.rows[0].row.runs[0].spec.recipe_defaults or {}
    return len(defaults.keys() - {effect.field})


def _value(row: Row, field: str) -> Any:
    return row.runs[0].spec.recipe_values[field]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _order(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return not number, float(value) if number else 0.0, _text(value)
