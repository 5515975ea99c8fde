"""How a gate is told: one sentence, a table for the terminal, markdown, and JSON."""

from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from gan_bench.errors import UsageError
from gan_bench.gate import Gate
from gan_bench.gate.baseline import Entry
from gan_bench.gate.bound import SPEED
from gan_bench.gate.strip import strip
from gan_bench.gate.verdict import EXIT_CODES, Row
from gan_bench.report.numbers import MISSING, figure, listed, many
from gan_bench.report.render import markdown_text
from gan_bench.tables import simple_table

UNIT = "images/s for each GFLOP/s that the probe found"
_WIDE = 110
"""Columns of a terminal from which on every column of the table has its place."""
_STYLES = {"pass": "green", "improvement": "green", "regression": "red", "diverged": "red"}


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


def print_gate(console: Console, gate: Gate) -> None:
    """Print the answer, one row an implementation, and why each is what it is."""
    console.print(Text(answer(gate), style="bold"))
    console.print(
        Text(
            f"Baseline {gate.baseline_path}, frozen {gate.baseline.created_at[:10]} with gan-bench "
            f"{gate.baseline.gan_bench}; margin {percent(gate.margin)}."
        )
    )
    wide = console.width >= _WIDE
    columns = [("implementation", "name"), ("baseline", "number"), ("candidate", "number")]
    columns += [("spread", "number"), ("seeds", "number")] if wide else []
    columns += [("bound", "number"), ("verdict", "text")]
    cells: list[list[str | Text]] = []
    for row in gate.rows:
        before, after, spread, seeds, bound = _cells(row)
        middle = [spread, seeds] if wide else []
        verdict = Text(row.verdict, style=_STYLES.get(row.verdict, "yellow"))
        cells.append([row.label, before, after, *middle, bound, verdict])
    console.print(simple_table(columns, cells))
    for row in gate.rows:
        console.print(Text(f"{row.label}: {row.why}."))
        if row.notes:
            console.print(Text(f"  differs, and is compared all the same: {listed(row.notes)}."))


def markdown(gate: Gate) -> str:
    """Return the page for a pull request or a job's summary."""
    # The comment lets a workflow find the page that it wrote before.
    lines = ["<!-- gan-bench gate -->", f"### {_text(answer(gate))}", ""]
    titles = ("implementation", "baseline", "spread", "candidate", "bound", "seeds", "verdict")
    lines += [f"| {' | '.join(titles)} |", "|---|--:|--:|--:|--:|--:|---|"]
    for row in gate.rows:
        before, after, spread, seeds, bound = _cells(row)
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


def _cells(row: Row) -> tuple[str, str, str, str, str]:
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
