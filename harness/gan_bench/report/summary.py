"""What the runs come to: one row an implementation in each comparable group, as plain values."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gan_bench.presets import PRESETS
from gan_bench.record import Record
from gan_bench.report.groups import Setting, comparable_groups, differing, other_protocols
from gan_bench.report.runs import Run
from gan_bench.report.spread import Spread
from gan_bench.report.variants import variants
from gan_bench.results import Results
from gan_bench.score.result import Scores


@dataclass(frozen=True)
class Row:
    """One implementation, over its seeds; figures are of the runs that are ok."""

    label: str
    runs: tuple[Run, ...]
    """By seed."""
    fid: Spread | None
    """Of the final snapshot."""
    images_per_s: Spread | None
    warmup_s: Spread | None
    finish_s: Spread | None
    peak_mb: Spread | None
    machine_fraction: Spread | None
    rank_deficient: bool
    """Whether a covariance behind a final FID, the samples' or the reference's, is."""
    remarks: tuple[str, ...]
    """Sentences on figures that are missing or odd."""

    @property
    def ok_runs(self) -> tuple[Run, ...]:
        """The runs that trained to the end."""
        return tuple(run for run in self.runs if run.status == "ok")

    @property
    def failed_runs(self) -> tuple[Run, ...]:
        """The runs that ended in another way."""
        return tuple(run for run in self.runs if run.status not in ("ok", "pending"))

    @property
    def status(self) -> str:
        """E.g. ``ok``, or ``2 ok, 1 diverged``."""
        statuses = Counter(run.status for run in self.runs)
        if len(statuses) == 1:
            return next(iter(statuses))
        return ", ".join(f"{number} {status}" for status, number in statuses.most_common())

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        return self.runs[0].spec.implementation.recipe

    @property
    def framework(self) -> str:
        """The framework's name."""
        return self.runs[0].spec.implementation.framework

    @property
    def saw_reference(self) -> bool:
        """Whether it trained on the split that its scores compare with."""
        return any("test" in run.spec.train_splits for run in self.runs)

    @property
    def parameters(self) -> dict[str, int]:
        """Trainable parameters by network, empty where the recipe does not say."""
        return self.runs[0].spec.parameters or {}

    @property
    def multiply_adds_per_image(self) -> float | None:
        """Of a training step, for each real image that it consumes."""
        spec = self.runs[0].spec
        if spec.multiply_adds_per_step is None:
            return None
        return spec.multiply_adds_per_step / spec.images_per_step


@dataclass(frozen=True)
class Final:
    """All figures of an implementation's final snapshots."""

    spreads: dict[str, Spread]
    """By metric, over the seeds."""
    interval: tuple[float, float] | None = None
    """Of the first seed's FID, for the distributions themselves."""
    counts: tuple[int, int] | None = None
    """Real images and samples behind the FID."""


@dataclass(frozen=True)
class Scored:
    """What a group's runs come to under one protocol."""

    fingerprint: str
    features: str
    """The feature model's name."""
    finals: dict[str, Final]
    """By label, the figures of the final snapshots."""
    floors: dict[str, float | None]
    """By metric: real images of the other split, scored like samples."""
    floor_reason: str | None
    ceiling: Spread | None
    """The FID of the untrained generators of all runs."""
    externals: tuple[tuple[str, Scores], ...]
    """Samples from elsewhere by name, under the same protocol."""
    warnings: tuple[str, ...]
    """What a reader of the scores must know."""

    @property
    def metric(self) -> str:
        """The FID's name, e.g. ``fid_lenet``."""
        return f"fid_{self.features}"

    def spread(self, label: str, name: str) -> Spread | None:
        """Return a row's figure by the metric's name, with or without that of the features."""
        spreads = self.finals[label].spreads
        return spreads.get(name) or spreads.get(f"{name}_{self.features}")

    def floor_of(self, name: str) -> float | None:
        """Return a metric's floor by its name, with or without that of the features."""
        return self.floors.get(name, self.floors.get(f"{name}_{self.features}"))


@dataclass(frozen=True)
class Group:
    """Runs that may be ranked together."""

    setting: Setting
    title: str
    """What tells it from the other groups; empty if it is the only one."""
    rows: tuple[Row, ...]
    """Best first where quality is ranked, else fastest first."""
    scored: Scored | None
    """Under the protocol that ranks the group; None where nothing was scored."""
    others: tuple[Scored, ...]
    """Under protocols of other feature models."""
    too_short: str | None
    """Why quality is not ranked, as the first part of a sentence; None if it is."""

    @property
    def runs(self) -> list[Run]:
        """All runs of all rows."""
        return [run for row in self.rows for run in row.runs]

    @property
    def protocols(self) -> tuple[Scored, ...]:
        """The group's own and the others."""
        return (self.scored, *self.others) if self.scored else self.others

    @property
    def metric(self) -> str | None:
        """E.g. ``fid_lenet``; None where nothing was scored."""
        return self.scored.metric if self.scored else None

    @property
    def features(self) -> str:
        """The feature model's name."""
        return self.scored.features if self.scored else "not scored"

    @property
    def floor(self) -> float | None:
        """The FID of real images against real ones."""
        return self.scored.floors.get(self.scored.metric) if self.scored else None

    @property
    def finals(self) -> dict[str, Final]:
        """By label, the figures of the final snapshots under the group's protocol."""
        return self.scored.finals if self.scored else {row.label: Final({}) for row in self.rows}


@dataclass(frozen=True)
class Summary:
    """All of a results folder."""

    groups: tuple[Group, ...]
    """Those with most finished runs first."""
    runs: tuple[Run, ...]
    differing: tuple[str, ...]
    """The parts of `Setting` in which the groups differ."""
    externals: tuple[tuple[str, Scores], ...] = ()
    """Samples from elsewhere by name, under protocols that no run was scored with."""

    @property
    def rows(self) -> dict[str, Row]:
        """One row of each label, sorted."""
        rows = {row.label: row for group in self.groups for row in group.rows}
        return dict(sorted(rows.items()))


def summarise(runs: Sequence[Run], results: Results) -> Summary:
    """Return the comparable groups with their rows.

    Parameters
    ----------
    runs
        All of them.
    results
        The frames with the scores, and each protocol's floor.
    """
    features = {name: file.protocol.features for name, file in results.protocols.items()}
    grouped = comparable_groups(runs, features)
    apart = differing(list(grouped))
    scores = _Scores(results)
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
        ceiling=Spread.of(scores.untrained.get((protocol, run.run_id)) for run in runs),
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
    spreads = {name: Spread.by(values) for name, values in found.items()}
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
        fid=Spread.by(
            {run.spec.seed: row["value"] for run, _ in ok if (row := fids[run.run_id]) is not None}
        ),
        images_per_s=Spread.by({run.spec.seed: record.images_per_s for run, record in ok}),
        warmup_s=Spread.by({run.spec.seed: record.warmup_s for run, record in ok}),
        finish_s=Spread.by({run.spec.seed: run.finish_s for run, _ in ok}),
        peak_mb=Spread.by({run.spec.seed: record.peak_rss_mb for run, record in ok}),
        machine_fraction=Spread.by(
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
