"""The gate: whether a change made an implementation worse than its baseline."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gan_bench.errors import UsageError
from gan_bench.gate.baseline import Baseline, Entry
from gan_bench.gate.bound import SPEED
from gan_bench.gate.freeze import entries, preferred
from gan_bench.gate.verdict import Row, decide, exit_code, judge
from gan_bench.report.numbers import listed

MARGIN = 0.05
"""By how much a mean may be worse before it matters, as a share; ``--margin``."""


@dataclass(frozen=True)
class Gate:
    """A gate's outcome, for every way to show it."""

    baseline_path: Path
    baseline: Baseline
    results: Path
    metric: str
    margin: float
    rows: tuple[Row, ...]
    left_out: tuple[str, ...] = ()
    """A sentence for each thing in the results folder that was not compared."""

    @property
    def exit_code(self) -> int:
        """0, 1, 3 or 4."""
        return exit_code(self.rows)


def choose_metric(baseline: Baseline, asked: str | None) -> str:
    """Return the metric that is compared: by default the first FID of the baseline.

    Raises
    ------
    UsageError
        The baseline has not the metric that was asked for.
    """
    known = baseline.metrics
    timed = any(one.images_per_s is not None for e in baseline.entries for one in e.seeds)
    everything = [*known, SPEED] if timed else list(known)
    if asked is None:
        fids = [metric for metric in known if metric.startswith("fid_")]
        chosen = next(iter(["fid_lenet"] if "fid_lenet" in fids else fids or everything), None)
        if chosen is None:
            raise UsageError("The baseline has no metric at all; freeze one of scored runs.")
        return chosen
    if asked not in everything:
        raise UsageError(f"The baseline has no metric {asked!r}; it has {listed(everything)}.")
    return asked


def compare_stored(
    baseline: Sequence[Entry], results: Path, metric: str, margin: float
) -> tuple[list[Row], tuple[str, ...]]:
    """Judge entries of a baseline against what a results folder holds.

    Returns
    -------
    rows, left_out
        One row an entry; a sentence for each thing of the folder that was not compared.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    found = entries(results, prefer=preferred(baseline))
    rows = [judge(entry, _partner(entry, found.entries), metric, margin) for entry in baseline]
    return decide(rows), found.left_out


def _partner(entry: Entry, candidates: Sequence[Entry]) -> Entry | None:
    """Return the candidate of an implementation; one of its data and budget where there is one."""
    same = [one for one in candidates if one.implementation == entry.implementation]

    def likeness(one: Entry) -> tuple[bool, bool]:
        return one.data_sha256 == entry.data_sha256, one.budget_images == entry.budget_images

    return max(same, key=likeness, default=None)
