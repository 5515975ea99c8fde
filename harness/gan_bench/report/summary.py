"""What the runs come to: one row an implementation in each comparable group, as plain values."""

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from gan_bench.presets import PRESETS
from gan_bench.record import Record
from gan_bench.report.groups import Setting, comparable_groups, differing
from gan_bench.report.runs import Run
from gan_bench.report.variants import variants
from gan_bench.results import Results
from gan_bench.score.result import Scores


@dataclass(frozen=True)
class Spread:
    """A figure of several seeds."""

    values: tuple[float, ...]

    @staticmethod
    def of(values: Iterable[float | None]) -> "Spread | None":
        """Return the spread of what was measured, or None if nothing was."""
        kept = tuple(v for v in values if v is not None and math.isfinite(v))
        return Spread(kept) if kept else None

    @property
    def mean(self) -> float:
        """The arithmetic mean."""
        return statistics.fmean(self.values)

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The least."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The greatest."""
        return max(self.values)

    @property
    def seeds(self) -> int:
        """How many there are."""
        return len(self.values)

    def overlaps(self, other: "Spread") -> bool:
        """Whether the ranges from least to greatest have a point in common."""
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True)
class Row:
    """One implementation, over its seeds; figures are of the runs that are ok."""

    label: str
    runs: tuple[Run, ...]
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
    def status(self) -> str:
        """E.g. ``ok``, or ``2 ok, 1 diverged``."""
        statuses = Counter(run.status for run in self.runs)
        if len(statuses) == 1:
            return next(iter(statuses))
        return ", ".join(f"{number} {status}" for status, number in statuses.most_common())

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
    interval: tuple[float, float] | None
    """Of the first seed's FID, for the distributions themselves."""
    counts: tuple[int, int] | None
    """Real images and samples behind the FID."""


@dataclass(frozen=True)
class Group:
    """Runs that may be ranked together."""

    setting: Setting
    title: str
    """What tells it from the other groups; empty if it is the only one."""
    rows: tuple[Row, ...]
    """Best first where quality is ranked, else fastest first."""
    metric: str | None
    """E.g. ``fid_lenet``; None where nothing was scored."""
    floor: float | None
    floor_reason: str | None
    ceiling: Spread | None
    """Of the untrained generators of all runs."""
    externals: tuple[tuple[str, Scores], ...]
    """Samples from elsewhere by name, under the same protocol."""
    finals: dict[str, Final]
    """By label, the figures of the final snapshots."""
    floors: dict[str, float | None]
    """The floor of every metric."""
    warnings: tuple[str, ...]
    """What a reader of the scores must know."""
    too_short: str | None
    """Why quality is not ranked, as the first part of a sentence; None if it is."""

    @property
    def runs(self) -> list[Run]:
        """All runs of all rows."""
        return [run for row in self.rows for run in row.runs]

    @property
    def features(self) -> str:
        """The feature model's name."""
        return self.metric.removeprefix("fid_") if self.metric else "not scored"


@dataclass(frozen=True)
class Summary:
    """All of a results folder."""

    groups: tuple[Group, ...]
    runs: tuple[Run, ...]
    differing: tuple[str, ...]
    """The parts of `Setting` in which the groups differ."""
    externals: tuple[tuple[str, Scores], ...] = ()
    """Samples from elsewhere by name, under protocols that no run was scored with."""

    @property
    def labels(self) -> list[str]:
        """Every row's label, sorted, each once."""
        return sorted({row.label for group in self.groups for row in group.rows})


def summarise(runs: Sequence[Run], results: Results) -> Summary:
    """Return the comparable groups with their rows.

    Parameters
    ----------
    runs
        All of them.
    results
        The frames with the scores, and each protocol's floor.
    """
    grouped = comparable_groups(runs)
    apart = differing(list(grouped))
    groups = tuple(
        _group(setting, members, results, setting.describe(apart) if len(grouped) > 1 else "")
        for setting, members in grouped.items()
    )
    shown = {group.setting.protocol for group in groups}
    return Summary(
        groups=groups,
        runs=tuple(runs),
        differing=tuple(apart),
        externals=tuple(
            (name, file) for name, file in _externals(results) if file.fingerprint not in shown
        ),
    )


def _group(setting: Setting, runs: Sequence[Run], results: Results, title: str) -> Group:
    example = results.protocols.get(setting.protocol or "")
    metric = f"fid_{example.protocol.features}" if example else None
    scores = results.scores
    ours = scores["run_id"].isin([run.run_id for run in runs])
    every = scores[ours & (scores["protocol"] == setting.protocol)]
    scores = every[every["metric"] == metric]
    rows = [_row(label, members, scores) for label, members in variants(runs).items()]
    too_short = _too_short(runs, setting)
    rows.sort(key=_by_speed if too_short else _by_quality)
    return Group(
        setting=setting,
        title=title,
        rows=tuple(rows),
        metric=metric,
        floor=example.floor.get(metric) if example and metric else None,
        floor_reason=example.floor_reason if example else None,
        ceiling=Spread.of(scores.loc[scores["step"] == 0, "value"].astype(float)),
        externals=tuple(
            (name, file)
            for name, file in _externals(results)
            if file.fingerprint == setting.protocol
        ),
        finals={label: _final(members, every, metric) for label, members in variants(runs).items()},
        floors=example.floor if example else {},
        warnings=example.warnings if example else (),
        too_short=too_short,
    )


def _externals(results: Results) -> list[tuple[str, Scores]]:
    return [(one.facts.name, file) for one in results.externals for file in one.scores]


def _final(runs: Sequence[Run], scores: pd.DataFrame, metric: str | None) -> Final:
    last = {run.run_id: run.spec.steps for run in runs if run.status == "ok"}
    final = scores[scores["step"] == scores["run_id"].map(last)]
    spreads = {
        str(name): Spread.of(of_metric["value"].astype(float))
        for name, of_metric in final.groupby("metric", sort=False)
    }
    interval = counts = None
    of_fid = final[(final["metric"] == metric) & final["value"].notna()]
    if len(of_fid):
        first = of_fid.iloc[0]
        counts = (int(first["n_real"]), int(first["n_fake"]))
        if pd.notna(first["low"]) and pd.notna(first["high"]):
            interval = (float(first["low"]), float(first["high"]))
    return Final(
        spreads={name: spread for name, spread in spreads.items() if spread is not None},
        interval=interval,
        counts=counts,
    )


def _by_quality(row: Row) -> tuple[float, float, str]:
    return (row.fid.mean if row.fid else math.inf, *_by_speed(row))


def _by_speed(row: Row) -> tuple[float, str]:
    return (-row.images_per_s.median if row.images_per_s else math.inf, row.label)


def _row(label: str, runs: Sequence[Run], scores: pd.DataFrame) -> Row:
    records = [run.record for run in runs if run.record and run.record.status == "ok"]
    last = {record.run_id: record.spec.steps for record in records}
    final = scores[scores["step"] == scores["run_id"].map(last)]
    return Row(
        label=label,
        runs=tuple(sorted(runs, key=lambda run: run.spec.seed)),
        fid=Spread.of(final["value"].astype(float)),
        images_per_s=Spread.of(record.images_per_s for record in records),
        warmup_s=Spread.of(record.warmup_s for record in records),
        finish_s=Spread.of(run.finish_s for run in runs if run.status == "ok"),
        peak_mb=Spread.of(record.peak_rss_mb for record in records),
        machine_fraction=Spread.of(record.multiply_adds_fraction for record in records),
        # The column may hold None, which is not True either.
        rank_deficient=any(value is True for value in final["rank_deficient"].tolist()),
        remarks=tuple(_remarks(label, runs, records, final)),
    )


def _remarks(
    label: str, runs: Sequence[Run], records: Sequence[Record], final: pd.DataFrame
) -> Iterable[str]:
    if any("test" in run.spec.train_splits for run in runs):
        yield (
            f"{label}: it trained on the test split too, so the reference of its scores was seen "
            "in training."
        )
    resumed = [str(record.spec.seed) for record in records if record.untimed_steps]
    if resumed:
        yield (
            f"{label}: seed {', '.join(resumed)} was resumed; the steps after the resumption have "
            "no time of their own, so the time to finish leaves it out."
        )
    if any(record.images_per_s is None for record in records):
        yield f"{label}: too few steps for a steady rate, all of them were warm-up."
    if any(value is True for value in final["all_equal"].tolist()):
        yield f"{label}: all samples of a final snapshot are one and the same image."
    missing = len(records) - int(final["value"].notna().sum())
    if records and missing:
        yield f"{label}: no final FID for {missing} of {len(records)} finished seeds."


def _too_short(runs: Sequence[Run], setting: Setting) -> str | None:
    enough = min(
        preset.budget.amount
        for preset in PRESETS.values()
        if preset.ranks_quality and preset.budget.unit == "images" and preset.budget.amount
    )
    presets = sorted({run.spec.preset or "none" for run in runs})
    named = f"preset {' and '.join(presets)}" if presets != ["none"] else "no preset"
    if all(
        run.spec.preset in PRESETS
        and PRESETS[run.spec.preset].ranks_quality
        and (run.spec.budget == PRESETS[run.spec.preset].budget or run.budget_images >= enough)
        for run in runs
    ):
        return None
    if setting.budget_images < enough:
        return f"{setting.budget_images:,} images ({named}) are too few to rank quality"
    return f"These runs follow no protocol that ranks quality ({named})"
