"""How a gate is told: one sentence, a table for the terminal, markdown, and JSON."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_bench.errors import UsageError
from gan_bench.gate.baseline import Entry
from gan_bench.gate.prediction_bound import SPEED
from gan_bench.gate.stored import Gate
from gan_bench.gate.verdict import EXIT_CODES, Row
from gan_bench.text import MISSING, figure, listed, many, markdown_text

_COLUMNS = 56
_BOUND, _ONE, _SEVERAL = "|", "o", "8"


def strip(row: Row) -> str:
    """Return three lines: the axis, the baseline's seeds and the candidate's, with the bound.

    An ``o`` is a seed, an ``8`` several that fall together, ``|`` the bound that the candidate's
    mean, ``^``, may not cross. The axis is logarithmic where the metric is compared as a ratio.
    """
    measured = row.measured
    if measured is None:
        return ""
    bound = measured.worst(row.level)
    mean = measured.mean[1]
    log = measured.scale == "ratio"
    values = [*measured.baseline, *measured.candidate, bound, mean]
    places = [math.log(value) if log else value for value in values]
    low, high = min(places), max(places)

    def column(value: float) -> int:
        place = math.log(value) if log else value
        return round((place - low) / (high - low) * (_COLUMNS - 1)) if high > low else 0

    left, right = figure(min(values)), figure(max(values))
    width = max(len("candidate"), 9)
    dashes = "-" * max(0, _COLUMNS - len(left) - len(right) - 2)
    lines = [f"{'':{width}} {left} {dashes} {right}"]
    for name, seeds in (("baseline", measured.baseline), ("candidate", measured.candidate)):
        lines.append(f"{name:{width}} {_marks([column(value) for value in seeds], column(bound))}")
    under = [" "] * _COLUMNS
    under[column(mean)] = "^"
    lines.append(f"{'mean':{width}} {''.join(under)}")
    return "\n".join(line.rstrip() for line in lines)


def _marks(columns: Sequence[int], bound: int) -> str:
    marks = [" "] * _COLUMNS
    marks[bound] = _BOUND
    for place in columns:
        marks[place] = _SEVERAL if marks[place] in (_ONE, _SEVERAL) else _ONE
    return "".join(marks)


UNIT = "images/s for each GFLOP/s that the probe found"


def answer(gate: Gate) -> str:
    """Return the outcome in one sentence."""
    counts = Counter(row.verdict for row in gate.rows)
    word = {0: "passes", 1: "fails", 3: "cannot compare", 4: "measured too little"}[gate.exit_code]
    parts = []
    for verdict in (*EXIT_CODES,):
        names = [row.label for row in gate.rows if row.verdict == verdict]
        if names and (verdict != "pass" or len(counts) > 1):
            parts.append(f"{verdict} in {listed(names, 4)}")
    what = "; ".join(parts) or many(len(gate.rows), "implementation")
    metric = f"{gate.metric} ({UNIT})" if gate.metric == SPEED else gate.metric
    return f"The gate {word} by {metric}: {what}."


def markdown(gate: Gate) -> str:
    """Return the page for a pull request or a job's summary."""
    # The comment lets a workflow find the page that it wrote before.
    lines = ["<!-- gan-bench gate -->", f"### {_text(answer(gate))}", ""]
    titles = ("implementation", "baseline", "spread", "candidate", "bound", "seeds", "verdict")
    lines += [f"| {' | '.join(titles)} |", "|---|--:|--:|--:|--:|--:|---|"]
    for row in gate.rows:
        before, after, spread, seeds, bound = cells(row)
        verdict = row.verdict if row.verdict in ("pass", "improvement") else f"**{row.verdict}**"
        values = (row.label, before, spread, after, bound, seeds)
        lines.append(f"| {' | '.join(_text(value) for value in values)} | {verdict} |")
    lines.append("")
    for row in gate.rows:
        lines.append(f"- {_text(row.label)}: {_text(row.why)}.")
    plots = [f"{row.label}\n{plot}" for row in gate.rows if (plot := strip(row))]
    if plots:
        legend = "o a seed, 8 several, | the bound, ^ the candidate's mean"
        lines += ["", "```text", *"\n\n".join(plots).replace("`", "'").splitlines(), legend, "```"]
    notes = [f"{row.label}: {listed(row.notes)}." for row in gate.rows if row.notes]
    if notes:
        lines += ["", "What else differs from the baseline, and was compared all the same:", ""]
        lines += [f"- {_text(note)}" for note in notes]
    lines += ["", _protocol(gate), ""]
    return "\n".join(lines)


def as_dict(gate: Gate) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {
        "baseline": str(gate.baseline_path),
        "results": str(gate.results),
        "metric": gate.metric,
        "unit": UNIT if gate.metric == SPEED else None,
        "margin": gate.margin,
        "exit_code": gate.exit_code,
        "answer": answer(gate),
        "rows": [_row(row) for row in gate.rows],
        "left_out": list(gate.left_out),
    }


def _row(row: Row) -> dict[str, Any]:
    measured = row.measured
    means = measured.mean if measured else row.paired
    return {
        "implementation": row.label,
        "dataset": row.baseline.dataset,
        "budget_images": row.baseline.budget_images,
        "verdict": row.verdict,
        "why": row.why,
        "baseline": means and means[0],
        "spread": measured and measured.spread,
        "candidate": means and means[1],
        "bound": measured and measured.worst(row.level),
        "level": measured and row.level,
        "p": measured and measured.p_worse,
        "baseline_seeds": len(measured.baseline) if measured else None,
        "candidate_seeds": list(row.seeds),
        "failures": row.failures or None,
        "notes": list(row.notes),
        "first": _row(row.first) if row.first else None,
    }


def cells(row: Row) -> tuple[str, str, str, str, str]:
    """Return baseline, candidate, spread, seeds and bound."""
    measured = row.measured
    if measured is None and row.paired is not None:
        before, after = row.paired
        return figure(before), figure(after), MISSING, f"{len(row.seeds)}, paired", MISSING
    if measured is None:
        return MISSING, MISSING, MISSING, MISSING, MISSING
    before, after = measured.mean
    spread = f"{measured.spread:.1%}" if measured.scale == "ratio" else figure(measured.spread)
    seeds = f"{len(measured.baseline)} against {len(measured.candidate)}"
    return figure(before), figure(after), spread, seeds, figure(measured.worst(row.level))


def _protocol(gate: Gate) -> str:
    entries: list[Entry] = [row.baseline for row in gate.rows]
    data = listed(list(dict.fromkeys(f"{e.dataset}, {e.budget_images:,} images" for e in entries)))
    protocols = {p for e in entries if (p := e.protocol(gate.metric))}
    scored = "; ".join(
        f"{p.n_fake:,} samples against {p.n_real:,} real images, protocol `{p.fingerprint}`"
        for p in protocols
    )
    return (
        f"Trained on {_text(data)}. {scored + '. ' if scored else ''}A mean over seeds "
        f"beyond the bound is a regression: a one-sided prediction bound, corrected for the number "
        f"of implementations, and a margin of {percent(gate.margin)} on top."
    )


def _text(text: str) -> str:
    """Return text for a line of markdown, which also notifies nobody."""
    return str(markdown_text(text)).replace("@", "&#64;")


def percent(share: float) -> str:
    """Return a share as a percentage without needless zeros, e.g. ``5%``, ``2.5%``."""
    return f"{100 * share:.4g}%"


def write_text(path: Path, text: str, *, append: bool = False) -> None:
    """Write a file of the gate's, or add to one that a CI server keeps.

    Raises
    ------
    UsageError
        It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if append else "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}).") from error
