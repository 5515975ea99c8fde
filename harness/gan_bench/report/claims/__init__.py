"""The claims of the recipes' sources, what the runs show, and whether each claim holds."""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from gan_bench.analysis.statistics import (
    LEVEL,
    Difference,
    SeedValues,
    compare,
    holm,
    mean_interval,
    p_value,
)
from gan_bench.analysis.summary import Group, Row
from gan_bench.plan import RunSpec
from gan_bench.report.claims.measures import Measures
from gan_bench.report.claims.sources import QUALITY, SCORES, Claim, sources_claims
from gan_bench.report.sections.ranking_rows import score_text
from gan_bench.text import figure, listed, many

Verdict = Literal["holds", "does not hold", "undecided"]
NOTE = (
    "Ratios are of geometric means. In brackets: 95 % interval, without Holm's correction. The "
    "loss is its mean over the last tenth of the steps. Roughness: the standard deviation of a "
    "loss's changes from step to step, divided by its absolute mean, over the second half of the "
    "steps."
)
"""How to read the verdicts."""
_PENDING = "not trained yet"
_TOO_SHORT = "the budget is too short to rank quality"
_ONE_SEED = "one seed"


@dataclass(frozen=True)
class ClaimRow:
    """A claim in one framework."""

    claim: str
    source: str
    """The document's id."""
    pair: str
    """E.g. ``keras-enhanced against keras-baseline``."""
    measured: str
    """The values, with the 95 % interval if there are enough seeds."""
    verdict: Verdict
    why: str
    tested: str = ""
    """The part of the claim that the verdict is on; empty if it is on the whole."""
    not_tested: str = ""
    """The other part."""

    @property
    def verdict_in_words(self) -> str:
        """E.g. ``holds``, or ``improves: holds; plausible: not tested``."""
        if not self.tested:
            return self.verdict
        return f"{self.tested}: {self.verdict}; {self.not_tested}: not tested"

    @property
    def document(self) -> str:
        """The number of the source's document."""
        return self.source.partition("_")[0]


@dataclass(frozen=True)
class _Effect:
    p: float
    towards: Literal["lower", "higher"]
    how: str


@dataclass(frozen=True)
class _Finding:
    claim: Claim
    pair: str
    measured: str
    effect: _Effect | None
    reason: str = ""
    """Why no effect was tested."""
    verdict: Verdict = "undecided"
    """Without a test."""


def claims(group: Group, losses: pd.DataFrame) -> list[ClaimRow]:
    """Return the verdict on each claim about the recipes of a group.

    Values are those of the runs that succeeded, compared by Welch's test, but for claims about
    training itself, whose other side is the untrained generator. The p values are corrected by
    Holm's method over the claims of the group that can be tested; the 95 % intervals are not
    corrected.

    Returns
    -------
    list of ClaimRow
        By claim, then by framework; none for claims about recipes that the group does not have.

    Raises
    ------
    GanBenchError
        The file of the claims is damaged.
    """
    by_run = {str(run_id): rows for run_id, rows in losses.groupby("run_id", sort=False)}
    measures = Measures(by_run, group.setting.protocol, group.features)
    others = [Measures(by_run, one.fingerprint, one.features) for one in group.others]
    findings = [
        finding
        for claim in sources_claims()
        for finding in _findings(claim, group, measures, others)
    ]
    tested = [finding.effect for finding in findings if finding.effect]
    corrected = iter(holm([effect.p for effect in tested]))
    return [
        _judged(finding, finding.effect, next(corrected), len(tested))
        if finding.effect
        else _row(finding, finding.verdict, finding.reason)
        for finding in findings
    ]


_VERBS: dict[Verdict, tuple[str, str]] = {
    "holds": ("holds", "hold"),
    "does not hold": ("does not hold", "do not hold"),
    "undecided": ("is undecided", "are undecided"),
}


def in_short(rows: Sequence[ClaimRow]) -> str:
    """Return how many claims hold, in one line."""
    number = many(len({(row.claim, row.source) for row in rows}), "claim")
    counts = Counter(row.verdict for row in rows)
    named = [many(counts[verdict], *verbs) for verdict, verbs in _VERBS.items() if counts[verdict]]
    partly = len({(row.claim, row.source) for row in rows if row.tested})
    part = f"; of {many(partly, 'claim')} only a part is tested" if partly else ""
    return f"{number}, {many(len(rows), 'comparison')}: {listed(named)}{part}" if rows else ""


def by_claim(rows: Sequence[ClaimRow]) -> list[list[ClaimRow]]:
    """Return the rows of each claim together."""
    found: dict[tuple[str, str], list[ClaimRow]] = {}
    for row in rows:
        found.setdefault((row.claim, row.source), []).append(row)
    return list(found.values())


def _judged(finding: _Finding, effect: _Effect, p: float, tested: int) -> ClaimRow:
    test = f"{p_value(p)} ({effect.how}, Holm over {many(tested, 'comparison')})"
    if p >= 1 - LEVEL:
        return _row(finding, "undecided", f"{test}: may be chance")
    if effect.towards == finding.claim.direction:
        return _row(finding, "holds", test)
    if finding.claim.possibility:
        why = f"not seen in these runs, which does not refute that it is possible; {test}"
        return _row(finding, "undecided", why)
    return _row(finding, "does not hold", f"{test}: it is {effect.towards}")


def _row(finding: _Finding, verdict: Verdict, why: str) -> ClaimRow:
    claim = finding.claim
    return ClaimRow(
        *(claim.text, claim.source, finding.pair, finding.measured, verdict, why),
        tested=claim.tested or "",
        not_tested=claim.not_tested or "",
    )


def _findings(
    claim: Claim, group: Group, measures: Measures, others: Sequence[Measures]
) -> Iterator[_Finding]:
    by_name = sorted(group.rows, key=lambda row: (row.framework, row.label))
    for row in by_name:
        if row.recipe != claim.recipe:
            continue
        if row.pending and claim.than is None:
            yield _Finding(claim, row.label, measures.describe(claim.measure), None, _PENDING)
            continue
        if claim.than is not None:
            for other in by_name:
                if (other.recipe, other.framework) == (claim.than, row.framework):
                    yield _against(claim, group, measures, row, other)
        elif claim.since is not None:
            yield _progress(claim, group, measures, row)
        elif claim.value is not None:
            yield _published(claim, [measures, *others], row)
        else:
            yield _correlation(claim, group, measures, row)


def _against(claim: Claim, group: Group, measures: Measures, row: Row, other: Row) -> _Finding:
    sides = {one.label: measures.final(one, claim.measure) for one in (row, other)}
    pair = f"{row.label} against {other.label}"
    pending = [one.label for one in (row, other) if one.pending]
    if pending:
        reason = f"{_PENDING}: {' and '.join(pending)}"
        return _Finding(claim, pair, measures.describe(claim.measure), None, reason)
    missing = [label for label, side in sides.items() if not side]
    found = _compared(claim, group, measures, pair, sides[row.label], sides[other.label], missing)
    return _unless_seen(found, row, other)


def _progress(claim: Claim, group: Group, measures: Measures, row: Row) -> _Finding:
    spec = row.runs[0].spec
    points = _two_points(claim, spec)
    if points is None:
        if claim.epochs is None:
            reason = "too few evaluation points"
        else:
            epochs = spec.steps * spec.images_per_step / spec.train_images
            reason = f"trained for {figure(epochs)} epochs; the claim is about {claim.epochs:g}"
        return _Finding(claim, row.label, measures.describe(claim.measure), None, reason)
    early, late = points
    before, after = (
        measures.at(row, claim.measure, {run.run_id: step for run in row.runs}) for step in points
    )
    pair = f"{row.label}, step {late:,} against step {early:,}"
    missing = [f"step {step:,}" for step, side in ((late, after), (early, before)) if not side]
    if early == 0 and not missing:
        return _unless_seen(_trained(claim, group, measures, pair, after, before), row)
    return _unless_seen(_compared(claim, group, measures, pair, after, before, missing), row)


def _unless_seen(finding: _Finding, *rows: Row) -> _Finding:
    """Leave scores undecided if a row was trained on the reference images."""
    seen = [row.label for row in rows if row.saw_reference]
    if not seen or finding.claim.measure not in SCORES:
        return finding
    return replace(
        finding,
        effect=None,
        verdict="undecided",
        reason=f"{seen[0]} was trained on the reference images",
    )


def _two_points(claim: Claim, spec: RunSpec) -> tuple[int, int] | None:
    """Return the earlier and the later evaluation point that a claim compares."""
    late = spec.steps
    if claim.epochs is not None:
        images = claim.epochs * spec.train_images
        enough = [s for s in spec.evaluation_steps if s * spec.images_per_step >= images]
        if not enough:
            return None
        late = min(enough)
    earlier = [step for step in spec.evaluation_steps if step < late]
    if claim.since == "half":
        earlier = sorted(filter(None, earlier), key=lambda step: abs(step - late / 2))
    return (earlier[0], late) if earlier else None


def _compared(
    claim: Claim,
    group: Group,
    measures: Measures,
    pair: str,
    a: Mapping[int, float],
    b: Mapping[int, float],
    missing: Sequence[str],
) -> _Finding:
    what = measures.describe(claim.measure)
    x, y = SeedValues.by(a), SeedValues.by(b)
    if missing or x is None or y is None:
        reason = f"not measured: {' and '.join(missing)}"
        return _Finding(claim, pair, what, None, reason)
    difference = compare(x, y, measures.metric(claim.measure))
    same = x.seeds == y.seeds
    seeds = many(x.seeds, "seed") if same else f"{x.seeds} and {many(y.seeds, 'seed')}"
    values = [score_text(claim.measure, side.mean) for side in (x, y)]
    measured = f"{what}: {values[0]} against {values[1]}"
    if difference is None:
        return _Finding(claim, pair, f"{measured}, {seeds}", None, _untested(claim, group))
    measured = f"{measured}, {_in_words(difference)}, {seeds}"
    if group.too_short and claim.measure in QUALITY:
        return _Finding(claim, pair, measured, None, _TOO_SHORT)
    none = 1 if difference.scale == "ratio" else 0
    how = f"Welch, {seeds}"
    towards: Literal["lower", "higher"] = "lower" if difference.estimate < none else "higher"
    p = difference.p if difference.same_order else 1.0
    return _Finding(claim, pair, measured, _Effect(p, towards, how))


def _trained(
    claim: Claim,
    group: Group,
    measures: Measures,
    pair: str,
    trained: Mapping[int, float],
    untrained: Mapping[int, float],
) -> _Finding:
    """Compare with the untrained generator by counting seeds.

    No test: that training changes a generator needs none, and as one of many it would make all
    others less powerful.
    """
    seeds = sorted(set(trained) & set(untrained))
    wanted = claim.direction
    change = -1 if wanted == "lower" else 1
    so = sum(change * (trained[seed] - untrained[seed]) > 0 for seed in seeds)
    what = f"{measures.describe(claim.measure)}: {figure(statistics.fmean(trained.values()))}"
    measured = (
        f"{what} against {figure(statistics.fmean(untrained.values()))} untrained, "
        f"{many(len(seeds), 'seed')}"
    )
    if group.too_short and claim.measure in QUALITY:
        return _Finding(claim, pair, measured, None, _TOO_SHORT)
    reason = f"{wanted} in {so} of {many(len(seeds), 'seed')}; counted, not tested"
    if 0 < so < len(seeds) or not seeds:
        return _Finding(claim, pair, measured, None, reason)
    verdict: Verdict = "holds" if so else "does not hold"
    return _Finding(claim, pair, measured, None, reason, verdict)


def _published(claim: Claim, every: Sequence[Measures], row: Row) -> _Finding:
    texts = []
    for measures in every:
        found = list(measures.final(row, claim.measure).values())
        if found:
            spread = f", {figure(min(found))} to {figure(max(found))}" if len(found) > 1 else ""
            seeds = many(len(found), "seed")
            what = measures.describe(claim.measure)
            texts.append(f"{what}: {figure(statistics.fmean(found))}{spread}, {seeds}")
    texts = texts or ["nothing was scored"]
    measured = "; ".join([*texts, f"published: {figure(claim.value, 4)}"])
    return _Finding(claim, row.label, measured, None, claim.untestable or "")


def _correlation(claim: Claim, group: Group, measures: Measures, row: Row) -> _Finding:
    found = list(measures.final(row, claim.measure).values())
    what = measures.describe(claim.measure)
    if not found:
        reason = "not measured: this needs losses, and FIDs of four points after the first"
        return _Finding(claim, row.label, what, None, reason)
    seeds = many(len(found), "seed")
    interval = mean_interval(found)
    if interval is None:
        measured = f"{what}: {figure(found[0])}, {seeds}"
        return _Finding(claim, row.label, measured, None, _untested(claim, group))
    mean, low, high, p = interval
    low, high = max(low, -1.0), min(high, 1.0)  # the limits of a correlation
    measured = f"{what}: {figure(mean)} ({figure(low)} to {figure(high)}), {seeds}"
    if group.too_short:
        return _Finding(claim, row.label, measured, None, _TOO_SHORT)
    effect = _Effect(p, "lower" if mean < 0 else "higher", f"against zero, {seeds}")
    return _Finding(claim, row.label, measured, effect)


def _untested(claim: Claim, group: Group) -> str:
    return _TOO_SHORT if group.too_short and claim.measure in QUALITY else _ONE_SEED


def _in_words(difference: Difference) -> str:
    low, high = figure(difference.low), figure(difference.high)
    if difference.scale == "ratio":
        return f"ratio {figure(difference.estimate)} ({low} to {high})"
    return f"difference {figure(difference.estimate)} ({low} to {high})"
