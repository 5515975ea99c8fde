"""The outcome of a gate as a sentence, a table, Markdown, JSON, JUnit XML and annotations."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree import ElementTree

from markupsafe import Markup

from gan_bench.gate import Gate
from gan_bench.gate.baseline import Entry
from gan_bench.gate.verdict import EXIT_CODES, GateRow
from gan_bench.metrics import SPEED
from gan_bench.text import (
    MISSING,
    WIDE,
    Column,
    Table,
    figure,
    listed,
    many,
    markdown_text,
    percent,
)

_COLUMNS = 56
_BOUND, _ONE, _SEVERAL = "|", "o", "8"


def seed_plot(row: GateRow) -> str:
    """Return a text plot of the seeds of baseline and candidate.

    ``o`` is one seed and ``8`` several; ``^`` is the candidate's mean, which must not cross the
    bound, ``|``. The axis is logarithmic if the metric is compared as a ratio.
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


UNIT = "images/s for each GFLOP/s of the calibration probe"


def gate_answer(gate: Gate) -> str:
    """Return the outcome in one sentence."""
    counts = Counter(row.verdict for row in gate.rows)
    word = {0: "passes", 1: "fails", 3: "cannot compare", 4: "has too few values"}[gate.exit_code]
    parts = []
    for verdict in EXIT_CODES:
        names = [row.label for row in gate.rows if row.verdict == verdict]
        if names and (verdict != "pass" or len(counts) > 1):
            parts.append(f"{verdict} in {listed(names, 4)}")
    what = "; ".join(parts) or many(len(gate.rows), "implementation")
    metric = f"{gate.metric} ({UNIT})" if gate.metric == SPEED else gate.metric
    return f"The gate {word} by {metric}: {what}."


def markdown(gate: Gate) -> str:
    """Return the page for a pull request or a job's summary."""
    # A workflow finds its earlier page by this comment.
    lines = ["<!-- gan-bench gate -->", f"### {_text(gate_answer(gate))}", ""]
    lines += [_quiet(gate_table(gate, _emphasised).to_markdown()), ""]
    for row in gate.rows:
        lines.append(f"- {_text(row.label)}: {_text(row.why)}.")
    plots = [f"{row.label}\n{plot}" for row in gate.rows if (plot := seed_plot(row))]
    if plots:
        legend = "o a seed, 8 several, | the bound, ^ the candidate's mean"
        lines += ["", "```text", *"\n\n".join(plots).replace("`", "'").splitlines(), legend, "```"]
    notes = [f"{row.label}: {listed(row.notes)}." for row in gate.rows if row.notes]
    if notes:
        lines += ["", "Differences from the baseline that do not count:", ""]
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
        "answer": gate_answer(gate),
        "rows": [_row(row) for row in gate.rows],
        "left_out": list(gate.left_out),
    }


def _row(row: GateRow) -> dict[str, Any]:
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


def gate_table(gate: Gate, verdict: Callable[[GateRow], object]) -> Table:
    """Return one row for each implementation; `verdict` makes the last cell."""
    columns = (
        *(Column("implementation", "name"), Column("baseline", "number")),
        *(Column("candidate", "number"), Column("spread", "number", WIDE)),
        *(Column("seeds", "number", WIDE), Column("bound", "number"), Column("verdict")),
    )
    return Table(columns, [(row.label, *_cells(row), verdict(row)) for row in gate.rows])


def _emphasised(row: GateRow) -> str:
    good = row.verdict in ("pass", "improvement")
    return row.verdict if good else Markup("**{}**").format(row.verdict)


def _cells(row: GateRow) -> tuple[str, str, str, str, str]:
    measured = row.measured
    if measured is None and row.paired is not None:
        before, after = row.paired
        return figure(before), figure(after), MISSING, f"{len(row.seeds)}, paired", MISSING
    if measured is None:
        return MISSING, MISSING, MISSING, MISSING, MISSING
    before, after = measured.mean
    spread = percent(measured.spread, 1) if measured.scale == "ratio" else figure(measured.spread)
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
        f"Trained on {_text(data)}. {scored + '. ' if scored else ''}A mean over the seeds that is "
        "worse than the bound is a regression. The bound is a one-sided prediction bound, "
        f"corrected for the number of implementations, plus a margin of {percent(gate.margin)}."
    )


def _text(text: str) -> str:
    """Return text for a line of Markdown in which @ mentions nobody."""
    return _quiet(markdown_text(text))


def _quiet(markdown: str) -> str:
    return str(markdown).replace("@", "&#64;")


_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS = {
    "regression": "failure",
    "diverged": "failure",
    "incomparable": "error",
    "not measured": "error",
}


def junit(gate: Gate) -> bytes:
    """Return the XML file: a bad verdict is a failure, or an error if nothing was compared."""
    kinds = [_KINDS.get(row.verdict) for row in gate.rows]
    counts = {
        "tests": str(len(gate.rows)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": "0",
    }
    root = ElementTree.Element("testsuites", {"name": "gan-bench", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": f"gate {gate.metric}", **counts})
    for row, kind in zip(gate.rows, kinds, strict=True):
        case = ElementTree.SubElement(
            suite, "testcase", name=_clean(row.label), classname=f"gan-bench.gate.{gate.metric}"
        )
        why = _clean(f"{row.verdict}: {row.why}")
        if kind is not None:
            ElementTree.SubElement(case, kind, message=why, type=row.verdict).text = why
        text = "\n".join(filter(None, [why, seed_plot(row), *row.notes]))
        ElementTree.SubElement(case, "system-out").text = _clean(text)
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _clean(text: str) -> str:
    """Return a text in which characters that XML does not allow are replaced."""
    return _NOT_XML.sub("\ufffd", text)


_ANNOTATION_KINDS = {
    "regression": "error",
    "diverged": "error",
    "incomparable": "error",
    "not measured": "error",
    "improvement": "notice",
}


def annotations(gate: Gate) -> list[str]:
    """Return one line for each implementation with another verdict than pass."""
    return [
        f"::{kind} title={_property(f'gan-bench gate: {row.label}')}::"
        f"{_data(f'{gate.metric}: {row.verdict}. {row.why}')}"
        for row in gate.rows
        if (kind := _ANNOTATION_KINDS.get(row.verdict))
    ]


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
