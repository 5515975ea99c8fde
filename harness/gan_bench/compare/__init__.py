"""``gan-bench compare``: whether the second of two results folders is better."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from html import escape
from pathlib import Path

from gan_bench.analysis import statistics
from gan_bench.analysis.identity import MACHINE, SAME_FOR_QUALITY, SAME_FOR_SPEED
from gan_bench.analysis.statistics import Difference, SeedValues, holm
from gan_bench.compare.pairing import (
    Folder,
    RunGroup,
    differing_facts,
    fact_against,
    label,
    partners,
    read_folder,
)
from gan_bench.errors import UsageError
from gan_bench.metrics import SPEED, Metric
from gan_bench.metrics import metric as metric_of
from gan_bench.results.scores import Protocol, differences
from gan_bench.text import against, did_you_mean, listed, many

__all__ = ["ComparedRow", "Comparison", "Kind", "Side", "compare"]


class Kind(StrEnum):
    """The result of comparing B with A; its value is the ``kind`` in JSON."""

    BETTER = "better"
    WORSE = "worse"
    INDISTINGUISHABLE = "indistinguishable"
    INCOMPARABLE = "incomparable"
    ONE_SEED = "one seed"
    NO_VALUE = "no value"
    ONLY = "only"

    @property
    def label(self) -> str:
        """The kind in words."""
        return "cannot be distinguished" if self is Kind.INDISTINGUISHABLE else self.value


@dataclass(frozen=True)
class Side:
    """The runs of one implementation in one folder, with the values of those that succeeded."""

    figure: SeedValues | None
    """Values of the metric."""
    images_per_s: SeedValues | None
    finish_s: SeedValues | None
    """Seconds of warm-up and training."""
    peak_rss_mb: SeedValues | None
    runs: int
    failures: int
    """Number of runs that failed."""
    not_ok: dict[str, int]
    """Number of runs that did not succeed, by status."""

    @staticmethod
    def of(group: RunGroup, metric: str, protocol: str | None) -> "Side":
        """Return the values of a group of runs under one protocol."""
        return Side(
            figure=group.values(metric, protocol),
            images_per_s=group.values(SPEED, None),
            finish_s=SeedValues.by({run.spec.seed: run.finish_s for run in group.trained}),
            peak_rss_mb=group.measured(lambda record: record.peak_rss_mb),
            runs=len(group.runs),
            failures=group.failures,
            not_ok=group.not_ok,
        )

    @property
    def status(self) -> str:
        """E.g. ``3 ok``, or ``2 ok, 1 diverged``."""
        ok = self.runs - sum(self.not_ok.values())
        words = [f"{ok} ok"] if ok or not self.not_ok else []
        return ", ".join([*words, *(f"{count} {status}" for status, count in self.not_ok.items())])


@dataclass(frozen=True)
class ComparedRow:
    """One implementation in both folders."""

    label: str
    a: Side | None
    b: Side | None
    kind: Kind
    verdict: str
    """The kind in words, with its reason."""
    protocol: str | None = None
    difference: Difference | None = None
    """B relative to A, with p corrected for the number of rows."""
    speed: Difference | None = None
    """Ratio of the throughputs, B / A; None if the machines differ or only one is an own loop."""
    notes: tuple[str, ...] = ()
    """Other differences between the two, in words."""

    @property
    def comparable(self) -> bool:
        """True if values were compared."""
        return self.kind in (Kind.BETTER, Kind.WORSE, Kind.INDISTINGUISHABLE)


@dataclass(frozen=True, repr=False)
class Comparison:
    """The comparison of the second folder, B, with the first, A."""

    a: Path
    b: Path
    metric: Metric
    rows: tuple[ComparedRow, ...]
    left_out: tuple[str, ...]
    """One sentence for each file that could not be read."""

    def __repr__(self) -> str:
        """Return the comparison in one sentence."""
        from gan_bench.compare.output import comparison_answer

        return f"<Comparison of {self.a} and {self.b}: {comparison_answer(self)}>"

    def _repr_html_(self) -> str:
        """Return the sentence and the table of verdicts."""
        from gan_bench.compare.output import comparison_answer, verdict_table

        return f"<p>{escape(comparison_answer(self))}</p>\n{verdict_table(self).to_html()}"


def compare(a: Path, b: Path, metric: str | None = None) -> Comparison:
    """Compare two results folders, implementation by implementation.

    Parameters
    ----------
    a, b
        The results before and after a change.
    metric
        Name of a recorded metric such as ``fid_lenet``, or ``images_per_s``; by default the FID
        that both folders have for the most implementations.

    Raises
    ------
    UsageError
        A folder is no results folder or has no runs, or neither folder has the metric.
    """
    folders = read_folder(a), read_folder(b)
    chosen = metric_of(_metric(folders, metric))
    pairs = partners(folders[0].groups, folders[1].groups)
    present = [group for pair in pairs if (group := pair[0] or pair[1])]
    rows = [
        _row(label(group, present), pair, folders, chosen)
        for group, pair in zip(present, pairs, strict=True)
    ]
    left = dict.fromkeys((*folders[0].results.left_out, *folders[1].results.left_out))
    return Comparison(a, b, chosen, tuple(_with_verdicts(rows, chosen)), tuple(left))


def _metric(folders: tuple[Folder, Folder], name: str | None) -> str:
    recorded = list(dict.fromkeys((*folders[0].metrics, *folders[1].metrics)))
    fids = [one for one in recorded if metric_of(one).is_fid]
    if name is not None and not (name == "fid" and fids):
        of_family = [one for one in recorded if one.startswith(f"{name}_")]
        if name in recorded or name == SPEED:
            return name
        if len(of_family) == 1:  # such as kid, which is kid_lenet
            return of_family[0]
        have = f"they have {listed(recorded)}." if recorded else "they have no metrics."
        hint = did_you_mean(name, of_family or recorded, have)
        raise UsageError(
            f"Neither {folders[0].path} nor {folders[1].path} has the metric {name!r} for a "
            f"finished run; {hint}"
        )

    def rank(fid: str) -> tuple[bool, int]:
        counts = [sum(bool(g.protocols(fid)) for g in folder.groups) for folder in folders]
        return all(counts), sum(counts)

    return max(fids, key=rank, default=SPEED)


def _row(
    label: str,
    groups: tuple[RunGroup | None, RunGroup | None],
    folders: tuple[Folder, Folder],
    metric: Metric,
) -> ComparedRow:
    """Compare one implementation; `_with_verdicts` decides on the differences."""
    a, b = groups
    if a is None or b is None:
        in_a, in_b = (
            Side.of(group, metric.name, _first(group.protocols(metric.name))) if group else None
            for group in groups
        )
        return ComparedRow(label, in_a, in_b, Kind.ONLY, f"only in {'A' if a else 'B'}")
    of_b = b.protocols(metric.name)
    of_a = a.protocols(metric.name, prefer=of_b)
    common = of_a[0] if of_a and of_a[0] in of_b else None
    side_a = Side.of(a, metric.name, _first(of_a))
    side_b = Side.of(b, metric.name, common or _first(of_b))
    same_clock = not (a.setting.differences(b.setting, MACHINE) or _one_own_loop(a, b))
    row = ComparedRow(
        label,
        side_a,
        side_b,
        kind=Kind.INDISTINGUISHABLE,
        verdict=Kind.INDISTINGUISHABLE.label,
        protocol=common,
        speed=_compared(side_b.images_per_s, side_a.images_per_s, metric_of(SPEED))
        if same_clock
        else None,
        notes=tuple(_notes(a, b)),
    )
    obstacles = _incomparable(a, b, metric)
    if not obstacles and of_a and of_b and common is None:
        obstacles = _differing_protocols(folders[0].protocol(of_a[0]), folders[1].protocol(of_b[0]))
    if obstacles:
        verdict = f"incomparable: {', '.join(obstacles)}"
        return replace(row, kind=Kind.INCOMPARABLE, verdict=verdict)
    if side_a.figure is None or side_b.figure is None:
        missing = [name for name, side in (("A", side_a), ("B", side_b)) if side.figure is None]
        return replace(row, kind=Kind.NO_VALUE, verdict=f"no value in {' and '.join(missing)}")
    difference = _compared(side_b.figure, side_a.figure, metric)
    if difference is None:
        return replace(row, kind=Kind.ONE_SEED, verdict="one seed: nothing certain")
    return replace(row, difference=difference)


def _with_verdicts(rows: Sequence[ComparedRow], metric: Metric) -> list[ComparedRow]:
    """Correct the rows' p values for their number, and decide which differences are clear."""
    corrected = iter(holm([row.difference.p for row in rows if row.difference]))
    decided = []
    for row in rows:
        if row.difference is None:
            decided.append(row)
            continue
        difference = replace(row.difference, p=next(corrected), adjusted=True)
        kind = Kind.INDISTINGUISHABLE
        if difference.clear:
            kind = Kind.BETTER if difference.better(metric) else Kind.WORSE
        decided.append(replace(row, difference=difference, kind=kind, verdict=kind.label))
    return decided


def _compared(b: SeedValues | None, a: SeedValues | None, metric: Metric) -> Difference | None:
    return statistics.compare(b, a, metric) if a and b else None


def _first(protocols: Sequence[str]) -> str | None:
    return next(iter(protocols), None)


def _incomparable(a: RunGroup, b: RunGroup, metric: Metric) -> list[str]:
    """Return the fields that make the two incomparable, each with both values."""
    if metric.name != SPEED:
        return a.setting.differences(b.setting, SAME_FOR_QUALITY)
    own = [against("own loop", a.facts["own loop"], b.facts["own loop"])]
    return [
        *a.setting.differences(b.setting, SAME_FOR_SPEED),
        *(own if _one_own_loop(a, b) else []),
    ] + [
        f"machine (several in {letter})"
        for letter, group in (("A", a), ("B", b))
        if len({run.hardware for run in group.trained}) > 1
    ]


def _one_own_loop(a: RunGroup, b: RunGroup) -> bool:
    """Whether the clock of one side alone includes its data pipeline."""
    return a.facts["own loop"] != b.facts["own loop"]


def _differing_protocols(a: Protocol, b: Protocol) -> list[str]:
    return [against(f"protocol {n}", getattr(a, n), getattr(b, n)) for n in differences(a, b)]


def _notes(a: RunGroup, b: RunGroup) -> list[str]:
    """Return the differences that do not prevent the comparison, in words."""
    notes = a.setting.differences(b.setting, MACHINE)
    notes += [fact_against(name, a, b) for name in differing_facts(a, b)]
    seeds = a.weights.keys() & b.weights.keys()
    if seeds and all(a.weights[s] == b.weights[s] is not None for s in seeds):
        notes.append("the final weights are bit-identical, seed by seed")
    for letter, group in (("A", a), ("B", b)):
        if any(
            r.record and r.record.circumstances.device_exclusive is False for r in group.trained
        ):
            notes.append(f"the device was not exclusive in {letter}, so its times are less certain")
        if any(run.gpu_shared is None for run in group.trained):
            notes.append(f"it is unknown whether the GPU was exclusive in {letter}")
        if group.collapsed:
            notes.append(
                f"{group.collapsed} of {many(len(group.trained), 'run')} collapsed in {letter}"
            )
    return notes
