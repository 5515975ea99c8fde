"""A comparison as one sentence, as cells of tables, as markdown and as JSON."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gan_bench.analysis.statistics import Difference, SeedValues
from gan_bench.compare import ComparedRow, Comparison, Side
from gan_bench.errors import UsageError
from gan_bench.metrics import SPEED
from gan_bench.system.files import write_atomically
from gan_bench.text import MISSING, figure, listed, many, markdown_text


def comparison_answer(comparison: Comparison) -> str:
    """Return the comparison in one sentence."""
    rows = comparison.rows
    compared = [row for row in rows if row.comparable]
    parts = []
    for kind in ("better", "worse"):
        names = [row.label for row in compared if row.kind == kind]
        if names:
            parts.append(f"B is {kind} than A in {listed(names, 4)}")
    same = [row.label for row in compared if row.kind == "cannot be told apart"]
    if same and parts:
        parts.append(f"they cannot be told apart in {listed(same, 4)}")
    elif same:
        parts.append(f"A and B cannot be told apart in {listed(same, 4)}")
    if not compared:
        reasons = list(dict.fromkeys(row.verdict for row in rows))
        parts.append(f"nothing can be said of A and B ({listed(reasons, 3)})")
    elif len(compared) < len(rows):
        parts.append(f"{many(len(rows) - len(compared), 'more row')} cannot be compared")
    failed = _failures(rows)
    if failed:
        parts.append(failed)
    return f"By {comparison.metric.name}, {'; '.join(parts)}."


def _failures(rows: Sequence[ComparedRow]) -> str | None:
    """Return how many runs failed where both sides were run, if the numbers differ."""
    both = [(row.a, row.b) for row in rows if row.a and row.b]
    (in_a, of_a), (in_b, of_b) = (
        (sum(pair[side].failures for pair in both), sum(pair[side].runs for pair in both))
        for side in (0, 1)
    )
    if in_a * of_b == in_b * of_a:
        return None
    return f"{in_b:,} of {many(of_b, 'run')} failed in B against {in_a:,} of {of_a:,} in A"


def write_markdown(comparison: Comparison, out: Path) -> Path:
    """Write ``compare.md`` into a folder, which is made if it is not there.

    Raises
    ------
    UsageError
        It cannot be written.
    """
    verdicts = [
        (
            row.label,
            *(mean_and_spread(side.figure if side else None) for side in (row.a, row.b)),
            *difference_cells(row.difference),
            _test(row.difference),
            row.verdict,
        )
        for row in comparison.rows
    ]
    columns = ("Implementation", f"{comparison.metric.name}, A", "B", difference_title(comparison))
    cost_rows = [(row.label, *costs(row)) for row in comparison.rows]
    of_costs = ("Implementation", "Images/s, A", "B", "B / A", "95 % interval")
    differing = list(notes(comparison))
    lines = [
        "# B against A",
        comparison_answer(comparison),
        f"- A: `{comparison.a}`\n- B: `{comparison.b}`",
        _markdown((*columns, "95 % interval", "p", "Test", "Verdict"), verdicts),
        _markdown((*of_costs, "Time to finish (s)", "Peak memory (MB)", "A", "B"), cost_rows),
        *(["\n".join(f"- {sentence}" for sentence in differing)] if differing else []),
        " ".join(method(comparison)),
    ]
    path = out / "compare.md"
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(path, ("\n\n".join(lines) + "\n").encode())
    except OSError as error:
        raise UsageError(
            f"The comparison cannot be written to {out} ({error.strerror}); name another folder "
            "with --out."
        ) from error
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


def difference_title(comparison: Comparison) -> str:
    """Return the column's title: what is shown of B and A."""
    differences = [row.difference for row in comparison.rows if row.difference]
    scales = {difference.scale for difference in differences} or {comparison.metric.scale}
    if len(scales) > 1:  # a value of 0 has no ratio
        return "B / A or B - A"
    return "B / A" if scales == {"ratio"} else "B - A"


def mean_and_spread(spread: SeedValues | None) -> str:
    """Return e.g. ``12.3 ± 0.41``, a mean and a standard deviation."""
    if spread is None:
        return MISSING
    if spread.seeds < 2:
        return figure(spread.mean)
    return f"{figure(spread.mean)} ± {figure(statistics.stdev(spread.values))}"


def difference_cells(difference: Difference | None) -> tuple[str, str, str]:
    """Return the estimate, its interval, and p."""
    if difference is None:
        return MISSING, MISSING, MISSING
    sign = "+" if difference.scale == "difference" and difference.estimate > 0 else ""
    interval = f"{figure(difference.low)} to {figure(difference.high)}"
    return f"{sign}{figure(difference.estimate)}", interval, figure(difference.p)


def _test(difference: Difference | None) -> str:
    if difference is None:
        return MISSING
    return "paired" if difference.paired else "Welch"


def costs(row: ComparedRow) -> list[str]:
    """Return throughput, time to finish, memory and statuses of both sides."""
    sides = (row.a, row.b)
    changes = []
    for name in ("finish_s", "peak_rss_mb"):
        spreads = [getattr(side, name) if side else None for side in sides]
        # As the report has them.
        means = [figure(s and (s.median if name == "finish_s" else s.high)) for s in spreads]
        changes.append(" → ".join(means) if set(means) != {MISSING} else MISSING)
    return [
        *(_mean(side.images_per_s if side else None) for side in sides),
        *difference_cells(row.speed)[:2],
        *changes,
        *(side.status if side else MISSING for side in sides),
    ]


def _mean(spread: SeedValues | None) -> str:
    return figure(spread.mean if spread else None)


def notes(comparison: Comparison) -> Iterable[str]:
    """Name what differs between A and B and is not in the verdicts, once for equal rows."""
    labels: dict[str, list[str]] = {}
    for row in comparison.rows:
        for note in row.notes:
            labels.setdefault(note, []).append(row.label)
    together: dict[tuple[str, ...], list[str]] = {}
    for note, names in labels.items():
        together.setdefault(tuple(names), []).append(note)
    for having, notes in together.items():
        yield f"{listed(having, 4)}: {'; '.join(notes)}."


def method(comparison: Comparison) -> Iterable[str]:
    """Return sentences on what is compared, and how."""
    yield (
        f"{comparison.metric.name}: mean ± standard deviation over the seeds that are ok, of "
        f"{'steady training' if comparison.metric.name == SPEED else 'the final snapshots'}; "
        f"{'higher' if comparison.metric.higher_is_better else 'lower'} is better."
    )
    yield (
        f"{_SCALES[comparison.metric.scale]} The test is paired where one side has all seeds of "
        "the other, else it is Welch's. p is corrected by Holm for the number of rows, and below "
        "0.05 it is a verdict."
    )
    yield "Images/s are compared where device, threads and machine are the same."


_SCALES = {
    "ratio": "Logarithms are compared: B / A is the ratio of the geometric means.",
    "difference": "B - A is the difference of the means.",
}


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(markdown_text(cell) for cell in line)} |" for line in lines)
