"""The verdict on each implementation of a baseline, and the exit code."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from scipy import stats

from gan_bench.analysis.statistics import FEWEST_SEEDS, holm, holm_levels
from gan_bench.gate.baseline import FEWEST_BASELINE, Entry, SeedFigures
from gan_bench.gate.bounds import LEVEL, Measured, fresh_seeds, measure, paired_seeds
from gan_bench.gate.comparability import incomparable, noted
from gan_bench.metrics import SPEED
from gan_bench.metrics import metric as metric_of
from gan_bench.text import figure, listed, many, percent, sanitize

Verdict = Literal["pass", "improvement", "regression", "incomparable", "diverged", "not measured"]
EXIT_CODES: Final[dict[Verdict, int]] = {
    "regression": 1,
    "diverged": 1,
    "incomparable": 3,
    "not measured": 4,
    "pass": 0,
    "improvement": 0,
}
"""Earlier ones take precedence."""
_TRAINED = ("ok", "diverged")
"""Statuses that are a result of training; the others concern the program or the machine."""


@dataclass(frozen=True)
class GateRow:
    """One implementation of the baseline."""

    baseline: Entry
    verdict: Verdict
    why: str
    """The reason, in words."""
    candidate: Entry | None = None
    measured: Measured | None = None
    """The test of the seeds that decided; None if no values were tested."""
    paired: tuple[float, float] | None = None
    """Means of both sides over the baseline's own seeds, if these decided."""
    level: float = LEVEL
    """Level of the test of the values, after Holm's correction."""
    p_failures: float | None = None
    """One-sided p value for the candidate failing more often, before Holm's correction."""
    failures: str = ""
    """How many runs diverged or collapsed, in words; empty if none did."""
    unmeasured: str = ""
    """The runs without a value, in words; empty if there are none."""
    uncounted: str = ""
    """As ``unmeasured``, without the runs that count as failures."""
    lacking: bool = False
    """True if a run should have a value and has none: it crashed or could not be scored."""
    notes: tuple[str, ...] = ()
    """Differences between the two that do not count."""
    seeds: tuple[int, ...] = ()
    """The candidate's seeds that decided: those with a value, and those that failed."""
    first: "GateRow | None" = None
    """The verdict before the rerun; None if there was no rerun."""
    distinct: bool = True
    """False if the baseline has the implementation more than once."""

    @property
    def label(self) -> str:
        """The implementation's name, with data and budget if the baseline has it more than once."""
        return self.baseline.implementation if self.distinct else self.baseline.label

    @property
    def fails(self) -> bool:
        """True if the row fails, unless a rerun passes."""
        return EXIT_CODES[self.verdict] == 1


def exit_code(rows: Sequence[GateRow]) -> int:
    """Return the gate's exit code, by the precedence in `EXIT_CODES`."""
    codes = {EXIT_CODES[row.verdict] for row in rows}
    return next((code for code in EXIT_CODES.values() if code in codes), 0)


def assess(
    baseline: Entry,
    candidate: Entry | None,
    metric: str,
    margin: float,
    *,
    seeds: Collection[int] | None = None,
) -> GateRow:
    """Compare one implementation; `with_verdicts` tests all rows together.

    By default all fresh seeds of the candidate count, unless the baseline's own seeds are enough.
    """
    if candidate is None:
        return GateRow(baseline, "not measured", "it has no finished run")
    row = GateRow(baseline, "not measured", "", candidate, notes=tuple(noted(baseline, candidate)))
    obstacles = incomparable(baseline, candidate, metric)
    if obstacles:
        return replace(row, verdict="incomparable", why=listed(obstacles))
    fresh = fresh_seeds(baseline, candidate)
    if metric != SPEED and seeds is None:
        own = paired_seeds(baseline, candidate, metric, margin)
        if own.is_enough(candidate, fresh):
            kind: Verdict = "improvement" if own.improvement else "pass"
            return replace(row, verdict=kind, why=own.why, seeds=own.seeds, paired=own.means)
    chosen = fresh if seeds is None else seeds
    counted = [run for run in candidate.seeds if run.seed in chosen]
    before, after = values_of(baseline.seeds, metric), values_of(counted, metric)
    p_failures, failures = _failures(baseline, counted)
    rest = [run for run in candidate.seeds if run not in counted]
    unused = _unmeasured(rest, metric)
    row = replace(
        row,
        seeds=tuple(run.seed for run in counted if run.failed or values_of([run], metric)),
        p_failures=p_failures,
        failures=failures,
        unmeasured="".join(f", {words}" for words in _unmeasured(counted, metric)),
        uncounted="".join(
            f"; {words}" for words in _unmeasured([r for r in counted if not r.failed], metric)
        ),
        lacking=any(run.lacks(metric) for run in counted),
    )
    if metric_of(metric).scale == "ratio" and any(value <= 0 for value in (*before, *after)):
        return replace(row, why=f"a value of {metric} is 0 and has no logarithm")
    if len(before) < FEWEST_BASELINE:
        why = f"the baseline has {many(len(before), 'seed')} with {metric}"
        return replace(row, why=f"{why}, but needs {FEWEST_BASELINE}")
    if len(after) < FEWEST_SEEDS:
        ignored = ""
        if rest and seeds is None:
            how = f": {listed(unused)}" if unused else ""
            ignored = f", {many(len(rest), 'run')} on the baseline's own seeds not counted{how}"
        why = f"{many(len(after), 'seed')} of {FEWEST_SEEDS} needed{row.unmeasured}{ignored}"
        return replace(row, why=why)
    notes = (*row.notes, *(f"of the other seeds, {words}" for words in unused))
    return replace(row, measured=measure(metric, before, after, margin), notes=notes)


@dataclass(frozen=True)
class _Test:
    rejected: bool
    level: float


def with_verdicts(rows: Sequence[GateRow]) -> list[GateRow]:
    """Decide the rows that have values, with Holm's correction over all tests.

    A row may have two tests: of its values and of the number of failures. Both count.
    """
    worse = [row.measured.p_worse if row.measured else None for row in rows]
    failing = [row.p_failures if row.failures else None for row in rows]
    tests = _tests([*worse, *failing])
    better = _tests([row.measured.p_better if row.measured else None for row in rows])
    return [
        _with_verdict(row, tests[i], tests[len(rows) + i], better[i]) for i, row in enumerate(rows)
    ]


def _tests(p_values: Sequence[float | None]) -> list[_Test | None]:
    """Test hypotheses together; None if there is no p value."""
    known = [p for p in p_values if p is not None]
    corrected, levels = iter(holm(known)), iter(holm_levels(known, LEVEL))
    return [
        None if p is None else _Test(rejected=next(corrected) <= LEVEL, level=next(levels))
        for p in p_values
    ]


def confirmed(first: GateRow, rerun: GateRow) -> GateRow:
    """Return the verdict of the rerun, which alone counts, with the reason of both tests."""
    seeds = listed([str(seed) for seed in first.seeds], 6)
    words = f"seeds {seeds} failed ({first.why})"
    if rerun.fails:
        why = f"{words}, and so did the fresh seeds: {rerun.why}"
    elif EXIT_CODES[rerun.verdict] == 0:
        why = f"{words}, but the fresh seeds alone passed: {rerun.why}"
    else:
        why = f"{words}, and the fresh seeds cannot confirm it: {rerun.why}"
    return replace(rerun, why=why, first=first)


def values_of(seeds: Sequence[SeedFigures], metric: str) -> list[float]:
    """Return a metric of the seeds that succeeded; speed is divided by the probe's GFLOP/s."""
    found = []
    for run in seeds:
        value = run.figures.get(metric)
        if metric == SPEED:
            rate, probe = run.images_per_s, run.probe_gflops
            value = rate / probe if rate is not None and probe is not None else None
        if run.status == "ok" and value is not None:
            found.append(value)
    return found


def _with_verdict(
    row: GateRow, worse: _Test | None, failing: _Test | None, better: _Test | None
) -> GateRow:
    if failing is not None and failing.rejected:
        return replace(row, verdict="diverged", why=f"{row.failures}{row.uncounted}")
    measured = row.measured
    if measured is None or worse is None or better is None:
        return row
    row = replace(row, level=worse.level)
    before, after = measured.mean
    also = f"{f'; {row.failures}' if row.failures else ''}{row.uncounted}"
    change = f"{_change(measured)} ({figure(before, 4)} to {figure(after, 4)})"
    if worse.rejected:
        return replace(row, verdict="regression", why=f"{change}, beyond the bound{also}")
    if row.lacking:
        return replace(row, why=f"{change}, but not every run has a value{row.unmeasured}")
    if better.rejected:
        why = f"{change}, better by more than chance and the margin allow{also}"
        return replace(row, verdict="improvement", why=why)
    why = f"{change}, within the bound{also}"
    return replace(row, verdict="pass", why=why)


def _change(measured: Measured) -> str:
    before, after = measured.mean
    if measured.scale == "ratio" or before > 0:
        return percent(after / before - 1, 1, signed=True)
    return f"{'+' * (after > before)}{figure(after - before)}"


def _failures(baseline: Entry, counted: Sequence[SeedFigures]) -> tuple[float | None, str]:
    """Compare the numbers of diverged and collapsed runs by Fisher's exact test, one-sided."""
    tried = [run for run in baseline.seeds if run.status in _TRAINED]
    trying = [run for run in counted if run.status in _TRAINED]
    failed = [run for run in trying if run.failed]
    if not failed:
        return None, ""
    before = sum(run.failed for run in tried)
    table = np.array([[len(failed), len(trying) - len(failed)], [before, len(tried) - before]])
    words = Counter("collapsed" if run.status == "ok" else "diverged" for run in failed)
    what = listed([f"{count} {word}" for word, count in words.items()])
    p = float(stats.fisher_exact(table, alternative="greater").pvalue)
    return p, f"{what} of {many(len(trying), 'run')}; in the baseline {before} of {len(tried)}"


_REASONS = 2
"""Different reasons that are named for one kind of failure; there may be one for each run."""


def _unmeasured(runs: Iterable[SeedFigures], metric: str) -> list[str]:
    """Return how many runs have no value, for each kind of failure with its reasons."""
    reasons: dict[str, list[str]] = {}
    for run in runs:
        if run.status != "ok":
            reasons.setdefault(f"ended as {run.status}", []).append(run.reason or "")
        elif not values_of([run], metric):
            why = "" if metric == SPEED else run.without.get(metric) or run.reason or ""
            if metric in run.scored_otherwise:
                why = "scored under another protocol"
            reasons.setdefault(f"without {metric}", []).append(why)
    return [f"{len(whys)} {how}{_why(whys)}" for how, whys in reasons.items()]


def _why(reasons: Sequence[str]) -> str:
    lines = [" ".join(sanitize(reason).split()).rstrip(".") for reason in reasons]
    different = list(dict.fromkeys(filter(None, lines)))
    more = [many(len(different) - _REASONS, "other reason")] if len(different) > _REASONS else []
    return f" ({'; '.join([*different[:_REASONS], *more])})" if different else ""
