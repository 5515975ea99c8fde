"""Studies as files: a page with its chart, a table of trials, and JSON."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gan_bench.metrics import fid_name
from gan_bench.sensitivity.chart import best_chart
from gan_bench.sensitivity.output import (
    Measured,
    answer,
    curve_table,
    importance_table,
    method,
    notes,
    setting,
    spread_table,
)
from gan_bench.system.files import write_atomically, writing_to
from gan_bench.text import markdown_text

PAGE, CHART, TRIALS = "sensitivity.md", "sensitivity.png", "trials.csv"


def trials_csv(measured: Sequence[Measured]) -> bytes:
    """Return one row for each trial."""
    fields = dict.fromkeys(name for one in measured for name in one.study.ranges)
    text = io.StringIO()
    metric = fid_name(measured[0].study.features)
    columns = ("implementation", "recipe", "framework", "trial", "run_id", "outcome")
    writer = csv.writer(text, lineterminator="\n")
    values = [f"value_{name}" for name in fields]
    writer.writerow((*columns, metric, f"untrained_{metric}", *values))
    for study in (one.study for one in measured):
        of = study.spec.implementation
        for trial in study.trials:
            facts = (study.label, of.recipe, of.framework, trial.number, trial.run_id)
            figures = (trial.outcome, trial.fid, trial.untrained_fid)
            writer.writerow((*facts, *figures, *(trial.values.get(name) for name in fields)))
    return text.getvalue().encode()


def write_page(measured: Sequence[Measured], out: Path) -> list[Path]:
    """Write the page, its chart and the table of trials; return their paths.

    Raises
    ------
    UsageError
        They cannot be written.
    """
    curves = [(one.study, one.curve) for one in measured if one.curve is not None]
    picture = best_chart(curves) if curves else None
    parts: list[str] = [
        "# Sensitivity to hyperparameters",
        "\n".join(f"- {markdown_text(answer(one))}" for one in measured),
        markdown_text(setting(measured)),
    ]
    if picture is not None:
        parts.append(f"![{markdown_text(picture.alt)}]({CHART})")
    for table in (curve_table(measured), spread_table(measured), importance_table(measured)):
        parts += [f"## {table.title}", table.to_markdown()]
    if left := notes(measured):
        parts.append("\n".join(f"- {markdown_text(sentence)}" for sentence in left))
    parts += [
        "## What the figures mean",
        "\n".join(f"- {markdown_text(sentence)}" for sentence in method(measured)),
        f"[{TRIALS}]({TRIALS}) has the values, the run and the FID of each trial.",
    ]
    files = {
        PAGE: ("\n\n".join(parts) + "\n").encode(),
        **({CHART: picture.content} if picture else {}),
        TRIALS: trials_csv(measured),
    }
    with writing_to(out, "page"):
        for name, content in files.items():
            write_atomically(out / name, content)
    return [out / name for name in files]


def as_dict(measured: Sequence[Measured]) -> dict[str, Any]:
    """Return what ``--json`` prints."""
    return {"studies": [_as_dict(one) for one in measured], "setting": setting(measured)}


def _as_dict(one: Measured) -> dict[str, Any]:
    study, curve = one.study, one.curve
    lows, highs = (None, None) if curve is None else (curve.low, curve.high)
    return {
        "implementation": study.label,
        "study": study.id,
        "answer": answer(one),
        "sampler": study.sampler,
        "features": study.features,
        "seed": study.spec.seed,
        "dataset": study.spec.dataset_label,
        "budget_images": study.spec.budget_images,
        "ranges": {name: asdict(of) for name, of in study.ranges.items()},
        "n_trials": len(study.trials),
        "n_counted": len(study.counted),
        "n_with_fid": len(study.finished),
        "diverged": study.number("diverged"),
        "collapsed": study.number("collapsed"),
        "quartiles": one.quartiles,
        "best_fid": None if curve is None else curve.fid.tolist(),
        "best_fid_low": None if lows is None else lows.tolist(),
        "best_fid_high": None if highs is None else highs.tolist(),
        "importance": None
        if one.importance is None
        else {name: asdict(of) | {"clear": of.clear} for name, of in one.importance.items()},
        "trials": [asdict(trial) for trial in study.trials],
    }
