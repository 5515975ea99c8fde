"""A comparison as a sentence, as cells of tables, as Markdown and as JSON."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gan_bench.analysis.statistics import Difference, SeedValues
from gan_bench.compare import ComparedRow, Comparison, Kind, Side
from gan_bench.metrics import SPEED
from gan_bench.system.files import write_atomically, writing_to
from gan_bench.text import (
    MISSING,
    WIDE,
    Column,
    Table,
    figure,
    interval,
    listed,
    many,
)

_LONGEST_NAME = 24
"""Longer names of implementations may wrap in the terminal."""


def comparison_answer(comparison: Comparison) -> str:
    """Return the comparison in one sentence."""
    rows = comparison.rows
    compared = [row for row in rows if row.comparable]
    parts = []
    for kind in (Kind.BETTER, Kind.WORSE):
        names = [row.label for row in compared if row.kind == kind]
        if names:
            parts.append(f"B is {kind} than A in {listed(names, 4)}")
    unclear = [row.label for row in compared if row.kind == Kind.INDISTINGUISHABLE]
    if unclear:
        who = "they" if parts else "A and B"
        parts.append(f"{who} {Kind.INDISTINGUISHABLE.label} in {listed(unclear, 4)}")
    if not compared:
        reasons = list(dict.fromkeys(row.verdict for row in rows))
        parts.append(f"A and B cannot be compared ({listed(reasons, 3)})")
    elif len(compared) < len(rows):
        parts.append(f"{many(len(rows) - len(compared), 'more row')} cannot be compared")
    failed = _failures(rows)
    if failed:
        parts.append(failed)
    return f"By {comparison.metric.name}, {'; '.join(parts)}."


def _failures(rows: Sequence[ComparedRow]) -> str | None:
    """Return how many runs of implementations in both folders failed, if the shares differ."""
    both = [(row.a, row.b) for row in rows if row.a and row.b]
    (in_a, of_a), (in_b, of_b) = (
        (sum(pair[side].failures for pair in both), sum(pair[side].runs for pair in both))
        for side in (0, 1)
    )
    if in_a * of_b == in_b * of_a:
        return None
    return f"{in_b:,} of {many(of_b, 'run')} failed in B against {in_a:,} of {of_a:,} in A"


def write_markdown(comparison: Comparison, out: Path) -> Path:
    """Write ``compare.md`` into a folder, which is created if necessary.

    Raises
    ------
    UsageError
        The file cannot be written.
    """
    differing = [f"- {sentence}" for sentence in notes(comparison)]
    parts = [
        "# B against A",
        comparison_answer(comparison),
        f"- A: `{comparison.a}`\n- B: `{comparison.b}`",
        verdict_table(comparison).to_markdown(),
        cost_table(comparison).to_markdown(),
        "\n".join(differing),
        " ".join(method(comparison)),
    ]
    path = out / "compare.md"
    with writing_to(out, "comparison"):
        write_atomically(path, ("\n\n".join(filter(None, parts)) + "\n").encode())
    return path


def as_dict(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as plain values."""
    return {
        "answer": comparison_answer(comparison),
        "a": str(comparison.a),
        "b": str(comparison.b),
        "metric": comparison.metric.name,
        "higher_is_better": comparison.metric.higher_is_better,
        "rows": [
            {
                "implementation": row.label,
                "verdict": row.verdict,
                "kind": row.kind,
                "protocol": row.protocol,
                "difference": _plain(row.difference),
                "images_per_s_ratio": _plain(row.speed),
                "a": _side(row.a),
                "b": _side(row.b),
                "notes": list(row.notes),
            }
            for row in comparison.rows
        ],
        "left_out": list(comparison.left_out),
    }


def _plain(difference: Difference | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    # A ratio of figures far apart may overflow, and infinity is no JSON number.
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(difference).items()
    }


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    names = ("figure", "images_per_s", "finish_s", "peak_rss_mb")
    spreads: dict[str, SeedValues | None] = {name: getattr(side, name) for name in names}
    by_seed = {name: spread.by_seed if spread else {} for name, spread in spreads.items()}
    return {**by_seed, "runs": side.runs, "not_ok": side.not_ok}


def verdict_table(comparison: Comparison) -> Table:
    """Return the table of values, differences and verdicts; the last column is the verdict."""
    rows = [
        (
            row.label,
            *(_mean_and_spread(side.figure if side else None) for side in (row.a, row.b)),
            *_difference_cells(row.difference),
            row.verdict,
        )
        for row in comparison.rows
    ]
    numbers = (Column(title, "number") for title in ("A", "B", _difference_title(comparison)))
    columns = (
        *(_label_column(comparison), *numbers, Column("95 % interval", "number", WIDE)),
        *(Column("p", "number", WIDE), Column("verdict")),
    )
    return Table(columns, rows)


def cost_table(comparison: Comparison) -> Table:
    """Return the table of throughput, time to finish, memory and statuses of both sides."""
    columns = (
        *(_label_column(comparison), Column("images/s A", "number"), Column("B", "number")),
        *(Column("B / A", "number"), Column("95 % interval", "number", WIDE)),
        *(Column("finish (s)", "number"), Column("peak (MiB)", "number", WIDE)),
        *(Column("runs A"), Column("runs B")),
    )
    return Table(columns, [(row.label, *_costs(row)) for row in comparison.rows])


def _label_column(comparison: Comparison) -> Column:
    short = max(len(row.label) for row in comparison.rows) <= _LONGEST_NAME
    return Column("implementation", "name" if short else "text")


def _difference_title(comparison: Comparison) -> str:
    differences = [row.difference for row in comparison.rows if row.difference]
    scales = {difference.scale for difference in differences} or {comparison.metric.scale}
    if len(scales) > 1:  # a value of 0 has no ratio
        return "B / A or B - A"
    return "B / A" if scales == {"ratio"} else "B - A"


def _mean_and_spread(spread: SeedValues | None) -> str:
    if spread is None:
        return MISSING
    if spread.seeds < 2:
        return figure(spread.mean)
    return f"{figure(spread.mean)} ± {figure(statistics.stdev(spread.values))}"


def _difference_cells(difference: Difference | None) -> tuple[str, str, str]:
    """Return the estimate, its interval, and p."""
    if difference is None:
        return MISSING, MISSING, MISSING
    sign = "+" if difference.scale == "difference" and difference.estimate > 0 else ""
    bounds = interval(difference.low, difference.high)
    return f"{sign}{figure(difference.estimate)}", bounds, figure(difference.p)


def _costs(row: ComparedRow) -> list[str]:
    sides = (row.a, row.b)
    changes = []
    for name in ("finish_s", "peak_rss_mb"):
        spreads = [getattr(side, name) if side else None for side in sides]
        # As in the report: the median time, the highest memory.
        values = [figure(s and (s.median if name == "finish_s" else s.high)) for s in spreads]
        changes.append(" → ".join(values) if set(values) != {MISSING} else MISSING)
    rates = [side.images_per_s if side else None for side in sides]
    return [
        *(figure(rate.mean if rate else None) for rate in rates),
        *_difference_cells(row.speed)[:2],
        *changes,
        *(side.status if side else MISSING for side in sides),
    ]


def notes(comparison: Comparison) -> Iterable[str]:
    """Return sentences on other differences between A and B; rows with the same ones share one."""
    labels: dict[str, list[str]] = {}
    for row in comparison.rows:
        for note in row.notes:
            labels.setdefault(note, []).append(row.label)
    together: dict[tuple[str, ...], list[str]] = {}
    for note, names in labels.items():
        together.setdefault(tuple(names), []).append(note)
    for shared_by, shared in together.items():
        yield f"{listed(shared_by, 4)}: {'; '.join(shared)}."


def method(comparison: Comparison) -> Iterable[str]:
    """Return sentences on the values that are compared and on the test."""
    measured = (
        "training after the warm-up" if comparison.metric.name == SPEED else "final snapshots"
    )
    yield (
        f"{comparison.metric.name}: mean ± standard deviation over the seeds that succeeded, from "
        f"{measured}; {'higher' if comparison.metric.higher_is_better else 'lower'} is better."
    )
    yield (
        f"{_SCALES[comparison.metric.scale]} The test is Welch's, over all seeds of both "
        "sides. p is corrected by Holm's method for the number of rows, intervals are not; "
        "with p below 0.05, B is called better or worse."
    )
    yield "Images/s are compared only if device, threads and machine are the same."


_SCALES = {
    "ratio": "Logarithms are compared: B / A is the ratio of the geometric means.",
    "difference": "B - A is the difference of the means.",
}
