"""What the gate says of each implementation of the baseline, and of all together."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from scipy import stats

from gan_bench.gate.baseline import FEWEST_BASELINE, Entry, SeedFigures
from gan_bench.gate.bound import (
    LEVEL,
    SPEED,
    Measured,
    holm_levels,
    mean_of,
    measure,
    paired_bound,
    scale_of,
)
from gan_bench.gate.comparable import incomparable, noted
from gan_bench.report.numbers import listed, many
from gan_bench.report.plain import plain

FEWEST_CANDIDATES: Final = 3
"""Seeds without which a candidate is not measured."""
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
            return replace(row, verdict=own.verdict, why=own.why, seeds=own.seeds, paired=own.means)
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


def fresh_seeds(baseline: Entry, candidate: Entry) -> list[int]:
    """Return the candidate's seeds that are not the baseline's own, in their order."""
    own = {one.seed for one in baseline.seeds}
    return [one.seed for one in candidate.seeds if one.seed not in own]


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


@dataclass(frozen=True)
class OwnSeeds:
    """What the candidate's runs on the baseline's own seeds say."""

    seeds: tuple[int, ...] = ()
    """Those that both ran to the end; none where one failed that the baseline's did not."""
    bits: bool = False
    """Whether weights and figures are all equal to the bit."""
    bound: float | None = None
    """How much worse the candidate is at most, with a confidence of 95 %, as a share."""
    margin: float = 0.0
    means: tuple[float, float] | None = None
    """Of the metric, baseline and candidate; geometric where it is compared as a ratio."""

    @property
    def promising(self) -> bool:
        """Whether what there is does not speak against a pass."""
        return self.bits or (self.bound is not None and self.bound <= self.margin)

    @property
    def passes(self) -> bool:
        """Whether they are enough, and the same bits or not worse by more than the margin."""
        return len(self.seeds) >= FEWEST_CANDIDATES and self.promising

    def decides(self, candidate: Entry, fresh: Sequence[int]) -> bool:
        """Tell whether fresh seeds, where there are some, have nothing to say against it."""
        runs = [one for one in candidate.seeds if one.seed in fresh]
        return not runs or (self.bits and all(r.status == "ok" and not r.failed for r in runs))

    @property
    def verdict(self) -> Verdict:
        """The verdict where they are enough."""
        better = self.bound is not None and self.bound <= -self.margin / (1 + self.margin)
        return "improvement" if better and not self.bits else "pass"

    @property
    def why(self) -> str:
        """What makes it so."""
        seeds = listed([str(seed) for seed in self.seeds], 6)
        if self.bits:
            return f"the same weights and figures to the bit on the baseline's seeds {seeds}"
        bound = self.bound or 0.0
        much = f"at most {bound:.1%} worse" if bound > 0 else f"at least {-bound:.1%} better"
        less = "more" if self.verdict == "improvement" else "less"
        than = "" if self.verdict == "pass" and bound <= 0 else f", {less} than the margin"
        return f"paired with the baseline's own seeds {seeds} it is {much} (95 % bound){than}"


def own_seeds(baseline: Entry, candidate: Entry, metric: str, margin: float) -> OwnSeeds:
    """Compare what both sides ran on the same seeds: the same start, data and noise.

    Returns
    -------
    OwnSeeds
        Without any seed where none is common, or one of the candidate's has no figure.
    """
    known = {one.seed: one for one in baseline.ok}
    both = [(known[one.seed], one) for one in candidate.seeds if one.seed in known]
    values = [(a.figures.get(metric), b.figures.get(metric)) for a, b in both if b.status == "ok"]
    before = [a for a, b in values if a is not None and b is not None]
    after = [b for a, b in values if a is not None and b is not None]
    if len(after) < len(both) or any(b.failed and not a.failed for a, b in both):
        return OwnSeeds()
    bits = all(
        a.weights_sha256 is not None
        and a.weights_sha256 == b.weights_sha256
        and a.figures[metric] == b.figures[metric]
        for a, b in both
    )
    bound = paired_bound(metric, before, after)
    if len(both) == 1 and not bits:  # one pair has no interval: its own difference must do
        bound = paired_bound(metric, before * 2, after * 2)
    if not both:
        return OwnSeeds()
    means = (mean_of(metric, before), mean_of(metric, after))
    return OwnSeeds(tuple(b.seed for _, b in both), bits, bound, margin, means)


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
    return words + (f" ({' '.join(plain(reason).split()).rstrip('.')})" if reason else "")
