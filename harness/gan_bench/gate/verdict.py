"""What the gate says of each implementation of the baseline, and of all together."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from scipy import stats

from gan_bench.gate.baseline import FEWEST_BASELINE, FEWEST_CANDIDATES, Entry, SeedFigures
from gan_bench.gate.comparability import incomparable, noted
from gan_bench.gate.paired_seeds import fresh_seeds, own_seeds
from gan_bench.gate.prediction_bound import LEVEL, SPEED, Measured, holm_levels, measure, scale_of
from gan_bench.text import listed, many, sanitize

Verdict = Literal["pass", "improvement", "regression", "incomparable", "diverged", "not measured"]
EXIT_CODES: Final[dict[Verdict, int]] = {
    "regression": 1,
    "diverged": 1,
    "incomparable": 3,
    "not measured": 4,
    "pass": 0,
    "improvement": 0,
}
"""Those that stand earlier take precedence."""
_TRAINED = ("ok", "diverged")
"""Statuses that say something of how training goes; the others say something of the program."""


@dataclass(frozen=True)
class Row:
    """One implementation of the baseline."""

    baseline: Entry
    verdict: Verdict
    why: str
    """What makes it so, in words."""
    candidate: Entry | None = None
    measured: Measured | None = None
    """Of the seeds that decided; None where no figures were compared."""
    paired: tuple[float, float] | None = None
    """Both sides' means over the baseline's own seeds, where these decided."""
    level: float = LEVEL
    """At which the figures were tested, after Holm."""
    p_failures: float | None = None
    """Of the candidate's failing more often than the baseline, before Holm."""
    failures: str = ""
    """How often training went wrong, in words; empty where it never did."""
    troubles: str = ""
    """Which runs have no figure, in words; empty where each has."""
    crashed: bool = False
    """Whether a run ended by itself before its end, for another reason than its losses."""
    notes: tuple[str, ...] = ()
    """What else differs between the two."""
    seeds: tuple[int, ...] = ()
    """The candidate's that decided."""
    first: "Row | None" = None
    """The trip before, where fresh seeds decided."""
    distinct: bool = True
    """Whether its implementation stands once in the baseline."""

    @property
    def label(self) -> str:
        """The implementation's name, with data and budget where it stands there several times."""
        return self.baseline.implementation if self.distinct else self.baseline.label

    @property
    def tripped(self) -> bool:
        """Whether it is to be confirmed, or fails."""
        return EXIT_CODES[self.verdict] == 1


def exit_code(rows: Sequence[Row]) -> int:
    """Return the gate's exit code: the precedence is that of `EXIT_CODES`."""
    codes = {EXIT_CODES[row.verdict] for row in rows}
    return next((code for code in EXIT_CODES.values() if code in codes), 0)


def judge(
    baseline: Entry,
    candidate: Entry | None,
    metric: str,
    margin: float,
    *,
    seeds: Collection[int] | None = None,
) -> Row:
    """Compare one implementation; the verdict on its figures comes with all rows, by `decide`.

    Parameters
    ----------
    baseline, candidate
        Its two sides; no candidate where there is no run of it.
    metric
        The figure's name, or ``images_per_s``.
    margin
        By how much it may be worse, as a share.
    seeds
        The candidate's seeds that count; by default all that are not the baseline's own.
    """
    if candidate is None:
        return Row(baseline, "not measured", "there is no finished run of it")
    row = Row(baseline, "not measured", "", candidate, notes=tuple(noted(baseline, candidate)))
    apart = incomparable(baseline, candidate, metric)
    if apart:
        return replace(row, verdict="incomparable", why=listed(apart))
    if metric != SPEED and seeds is None:
        own = own_seeds(baseline, candidate, metric, margin)
        if own.passes and own.decides(candidate, fresh_seeds(baseline, candidate)):
            kind: Verdict = "improvement" if own.improvement else "pass"
            return replace(row, verdict=kind, why=own.why, seeds=own.seeds, paired=own.means)
    chosen = fresh_seeds(baseline, candidate) if seeds is None else seeds
    counted = [one for one in candidate.seeds if one.seed in chosen]
    before, after = figures(baseline.seeds, metric), figures(counted, metric)
    p_failures, failures = _failures(baseline, counted)
    row = replace(
        row,
        seeds=tuple(one.seed for one in counted),
        p_failures=p_failures,
        failures=failures,
        troubles=_troubles(counted, len(after), metric),
        crashed=any(one.status not in _TRAINED for one in counted),
    )
    if scale_of(metric) == "ratio" and any(value <= 0 for value in (*before, *after)):
        return replace(row, why=f"a {metric} of 0 has no logarithm to compare")
    if len(before) < FEWEST_BASELINE:
        why = f"the baseline has {many(len(before), 'seed')} with {metric}, it takes"
        return replace(row, why=f"{why} {FEWEST_BASELINE}")
    if len(after) < FEWEST_CANDIDATES:
        repeated = len(candidate.seeds) - len(fresh_seeds(baseline, candidate))
        told = repeated and seeds is None
        not_own = f", {repeated} on the baseline's own seeds do not count" if told else ""
        why = f"{many(len(after), 'seed')} of {FEWEST_CANDIDATES} needed{row.troubles}{not_own}"
        return replace(row, why=why)
    return replace(row, measured=measure(metric, before, after, margin))


def decide(rows: Sequence[Row]) -> list[Row]:
    """Give every row its verdict: figures and failures tested at levels that Holm's method gives.

    Each row may make two tests, of its figures and of how often training failed; both count.
    """
    p_values, places = [], []
    for i, row in enumerate(rows):
        for kind, p in (
            ("worse", row.measured.p_worse if row.measured else None),
            ("failures", row.p_failures if row.failures else None),
        ):
            if p is not None:
                p_values.append(p)
                places.append((i, kind))
    levels = dict(zip(places, zip(p_values, holm_levels(p_values), strict=True), strict=True))
    better = [i for i, row in enumerate(rows) if row.measured]
    better_levels = dict(
        zip(better, holm_levels([m.p_better for row in rows if (m := row.measured)]), strict=True)
    )
    return [_decided(row, i, levels, better_levels.get(i, LEVEL)) for i, row in enumerate(rows)]


def confirmed(first: Row, rerun: Row) -> Row:
    """Return the verdict of the rerun, which alone counts, with what tripped before."""
    seeds = listed([str(seed) for seed in first.seeds], 6)
    words = f"seeds {seeds} tripped ({first.why})"
    if rerun.tripped:
        why = f"{words}, and so did the fresh seeds: {rerun.why}"
    elif EXIT_CODES[rerun.verdict] == 0:
        why = f"{words}, the fresh seeds alone did not: {rerun.why}"
    else:
        why = f"{words}, which the fresh seeds could not confirm: {rerun.why}"
    return replace(rerun, why=why, first=first)


def figures(seeds: Sequence[SeedFigures], metric: str) -> list[float]:
    """Return a metric of the runs that are ok; speed as images/s for each GFLOP/s probed."""
    found = []
    for one in seeds:
        value = one.figures.get(metric)
        if metric == SPEED:
            rate, probe = one.images_per_s, one.probe_gflops
            value = rate / probe if rate is not None and probe is not None else None
        if one.status == "ok" and value is not None:
            found.append(value)
    return found


def _decided(
    row: Row,
    place: int,
    levels: dict[tuple[int, str], tuple[float, float]],
    better_level: float,
) -> Row:
    worse, failures = levels.get((place, "worse")), levels.get((place, "failures"))
    if failures is not None and failures[0] <= failures[1]:
        return replace(row, verdict="diverged", why=row.failures)
    measured = row.measured
    if measured is None or worse is None:
        return row
    row = replace(row, level=worse[1])
    before, after = measured.mean
    also = f"; {row.failures}" if row.failures else ""
    change = f"{_change(measured)} ({before:.4g} to {after:.4g})"
    if worse[0] <= worse[1]:
        return replace(row, verdict="regression", why=f"{change}, beyond the bound{also}")
    if row.crashed:
        return replace(row, why=f"{change}, but not every run came to its end{row.troubles}")
    if measured.p_better <= better_level:
        why = f"{change}, better than chance and margin{also}"
        return replace(row, verdict="improvement", why=why)
    why = f"{change}, within what seeds and margin allow{also}"
    return replace(row, verdict="pass", why=why)


def _change(measured: Measured) -> str:
    before, after = measured.mean
    if measured.scale == "ratio" or before > 0:
        return f"{after / before - 1:+.1%}"
    return f"{after - before:+.3g}"


def _failures(baseline: Entry, counted: Sequence[SeedFigures]) -> tuple[float | None, str]:
    """Compare how often training went wrong: Fisher's exact test, one-sided."""
    tried = [one for one in baseline.seeds if one.status in _TRAINED]
    trying = [one for one in counted if one.status in _TRAINED]
    failed = [one for one in trying if one.failed]
    if not failed:
        return None, ""
    before = sum(one.failed for one in tried)
    table = np.array([[len(failed), len(trying) - len(failed)], [before, len(tried) - before]])
    words = Counter("collapsed" if one.status == "ok" else "diverged" for one in failed)
    what = listed([f"{count} {word}" for word, count in words.items()])
    p = float(stats.fisher_exact(table, alternative="greater").pvalue)
    return p, f"{what} of {many(len(trying), 'run')}; in the baseline {before} of {len(tried)}"


def _troubles(counted: Sequence[SeedFigures], able: int, metric: str) -> str:
    """Return which runs have no figure, each after a comma."""
    statuses = Counter(one.status for one in counted if one.status != "ok")
    words = "".join(f", {count} ended as {status}" for status, count in statuses.items())
    unscored = sum(one.status == "ok" for one in counted) - able
    words += f", {unscored} without {metric}" if unscored else ""
    reason = next((one.reason for one in counted if one.status != "ok" and one.reason), None)
    return words + (f" ({' '.join(sanitize(reason).split()).rstrip('.')})" if reason else "")
