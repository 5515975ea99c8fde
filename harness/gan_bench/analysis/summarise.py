"""How runs become comparable groups with their rows."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from gan_bench.analysis.groups import Setting, comparable_groups, differing, other_protocols
from gan_bench.analysis.runs import Run
from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import Final, Group, Row, Scored, Summary
from gan_bench.analysis.versions import variants
from gan_bench.plan.request import PRESETS
from gan_bench.results.load import Results
from gan_bench.results.record import Record


def summarise(runs: Sequence[Run], results: Results) -> Summary:
    """Return the comparable groups with their rows.

    Parameters
    ----------
    runs
        All of them.
    results
        The frames with the scores, and each protocol's floor.
    """
    scores = _Scores(results)
    grouped = comparable_groups(runs, scores.features)
    apart = differing(list(grouped))
    groups = [
        _group(setting, members, scores, setting.describe(apart) if len(grouped) > 1 else "")
        for setting, members in grouped.items()
    ]
    groups.sort(key=lambda group: -sum(len(row.ok_runs) for row in group.rows))
    shown = {scored.fingerprint for group in groups for scored in group.protocols}
    return Summary(
        groups=tuple(groups),
        runs=tuple(runs),
        differing=tuple(apart),
        externals=tuple(
            (name, file) for name, file in scores.externals if file.fingerprint not in shown
        ),
    )


class _Scores:
    """The scores by protocol and run, so that no frame is searched for every row."""

    def __init__(self, results: Results) -> None:
        self.protocols = results.protocols
        self.features = {n: file.protocol.features for n, file in results.protocols.items()}
        self.externals = [(one.facts.name, f) for one in results.externals for f in one.scores]
        last = {run_id: record.spec.steps for run_id, record in results.records.items()}
        self.final: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.untrained: dict[tuple[str, str], float] = {}
        for row in results.scores.to_dict("records"):
            key = (str(row["protocol"]), str(row["run_id"]))
            if row["step"] == last.get(key[1]):
                self.final.setdefault(key, []).append({str(k): v for k, v in row.items()})
            elif row["step"] == 0 and row["metric"] == f"fid_{row['features']}":
                self.untrained[key] = row["value"]

    def of(self, protocol: str | None, run: Run) -> dict[str, dict[str, Any]]:
        """Return the rows of a run's final snapshot by metric."""
        return {row["metric"]: row for row in self.final.get((protocol or "", run.run_id), ())}


def _group(setting: Setting, runs: Sequence[Run], scores: _Scores, title: str) -> Group:
    protocol = setting.protocol
    by_label = variants(runs)
    metric = f"fid_{scores.features[protocol]}" if protocol else None
    rows = [_row(label, members, scores, protocol, metric) for label, members in by_label.items()]
    too_short = _too_short(runs, setting)
    rows.sort(key=_by_speed if too_short else _by_quality)
    others = other_protocols(runs, protocol, scores.features)
    return Group(
        setting=setting,
        title=title,
        rows=tuple(rows),
        scored=_scored(protocol, by_label, scores) if protocol else None,
        others=tuple(_scored(other, by_label, scores) for other in others),
        too_short=too_short,
    )


def _scored(protocol: str, by_label: Mapping[str, Sequence[Run]], scores: _Scores) -> Scored:
    example = scores.protocols[protocol]
    features = example.protocol.features
    runs = [run for members in by_label.values() for run in members]
    return Scored(
        fingerprint=protocol,
        features=features,
        finals={
            label: _final(members, scores, protocol, f"fid_{features}")
            for label, members in by_label.items()
        },
        floors=dict(example.floor),
        floor_reason=example.floor_reason,
        ceiling=SeedValues.of(scores.untrained.get((protocol, run.run_id)) for run in runs),
        externals=tuple((n, file) for n, file in scores.externals if file.fingerprint == protocol),
        warnings=example.warnings,
    )


def _final(runs: Sequence[Run], scores: _Scores, protocol: str, metric: str) -> Final:
    found: dict[str, dict[int, float | None]] = {}
    interval = counts = None
    for run in sorted(runs, key=lambda run: run.spec.seed):
        if run.status != "ok":
            continue
        of_run = scores.of(protocol, run)
        for name, row in of_run.items():
            found.setdefault(name, {})[run.spec.seed] = row["value"]
        fid = of_run.get(metric)
        if fid is not None and counts is None and pd.notna(fid["value"]):
            counts = (int(fid["n_real"]), int(fid["n_fake"]))
            if pd.notna(fid["low"]) and pd.notna(fid["high"]):
                interval = (float(fid["low"]), float(fid["high"]))
    spreads = {name: SeedValues.by(values) for name, values in found.items()}
    return Final({name: s for name, s in spreads.items() if s is not None}, interval, counts)


def _by_quality(row: Row) -> tuple[bool, float, float, str]:
    # A FID against a reference that was seen in training is no smaller than the others.
    return (row.saw_reference, row.fid.mean if row.fid else math.inf, *_by_speed(row))


def _by_speed(row: Row) -> tuple[float, str]:
    return (-row.images_per_s.mean if row.images_per_s else math.inf, row.label)


def _row(
    label: str, runs: Sequence[Run], scores: _Scores, protocol: str | None, metric: str | None
) -> Row:
    runs = sorted(runs, key=lambda run: run.spec.seed)
    ok = [(run, run.record) for run in runs if run.record and run.record.status == "ok"]
    fids = {run.run_id: scores.of(protocol, run).get(metric or "") for run, _ in ok}
    present = [row for row in fids.values() if row is not None]
    return Row(
        label=label,
        runs=tuple(runs),
        fid=SeedValues.by(
            {run.spec.seed: row["value"] for run, _ in ok if (row := fids[run.run_id]) is not None}
        ),
        images_per_s=SeedValues.by({run.spec.seed: record.images_per_s for run, record in ok}),
        warmup_s=SeedValues.by({run.spec.seed: record.warmup_s for run, record in ok}),
        finish_s=SeedValues.by({run.spec.seed: run.finish_s for run, _ in ok}),
        peak_mb=SeedValues.by({run.spec.seed: record.peak_rss_mb for run, record in ok}),
        machine_fraction=SeedValues.by(
            {run.spec.seed: record.multiply_adds_fraction for run, record in ok}
        ),
        # A score may hold None, which is not True either.
        rank_deficient=any(row["rank_deficient"] is True for row in present),
        remarks=tuple(_remarks(label, runs, [record for _, record in ok], present)),
    )


def _remarks(
    label: str,
    runs: Sequence[Run],
    records: Sequence[Record],
    final: Sequence[Mapping[str, Any]],
) -> Iterable[str]:
    if any("test" in run.spec.train_splits for run in runs):
        yield (
            f"{label}: it trained on the test split too, so the reference of its scores was seen "
            "in training and its FID is not ranked."
        )
    resumed = [str(record.spec.seed) for record in records if record.untimed_steps]
    if resumed:
        yield (
            f"{label}: seed {', '.join(resumed)} was resumed; the steps after the resumption have "
            "no time of their own, so the time to finish leaves it out."
        )
    if any(record.images_per_s is None for record in records):
        yield f"{label}: too few steps for a steady rate, all of them were warm-up."
    if any(row["all_equal"] is True for row in final):
        yield f"{label}: all samples of a final snapshot are one and the same image."
    missing = len(records) - sum(pd.notna(row["value"]) for row in final)
    if records and missing:
        yield f"{label}: no final FID for {missing} of {len(records)} finished seeds."


def _too_short(runs: Sequence[Run], setting: Setting) -> str | None:
    enough = min(
        preset.budget.amount
        for preset in PRESETS.values()
        if preset.ranks_quality and preset.budget.unit == "images" and preset.budget.amount
    )
    # A recipe's own epochs are what its authors found enough.
    own = all(run.spec.budget.unit == "recipe" for run in runs)
    if setting.budget_images >= enough or own:
        return None
    presets = sorted({run.spec.preset or "none" for run in runs})
    named = f"preset {' and '.join(presets)}" if presets != ["none"] else "no preset"
    return f"{setting.budget_images:,} images ({named}) are too few to rank quality"
