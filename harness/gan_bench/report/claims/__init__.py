"""The claims of the recipes' sources, what the runs show, and whether each claim holds.

A claim is about a recipe, so it is decided once, over all frameworks that the group has. A seed is
a block: twins with one seed start from the same weights and see the same batches, so their values
are no independent ones.
"""

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from gan_bench.analysis.factors import cells_of
from gan_bench.analysis.statistics import FEWEST_SEEDS, LEVEL, holm, holm_levels, p_value
from gan_bench.analysis.studied_factors import StudiedFactors
from gan_bench.analysis.summary import Group
from gan_bench.report.claims.effects import (
    Effect,
    measured_effect,
    size_in_words,
    studied_effect,
    tested_effect,
)
from gan_bench.report.claims.evidence import Evidence, evidence
from gan_bench.report.claims.measures import SHORT, Measures
from gan_bench.report.claims.power import MOST_SEEDS, POWER
from gan_bench.report.claims.sources import Claim, sources_claims
from gan_bench.text import figure, listed, many, percent

Verdict = Literal["holds", "does not hold", "undecided"]
NOTE = (
    "A claim is decided over all frameworks together: the mean of a seed's twins is one value, "
    "because twins with one seed are not independent. Ratios are of "
    "geometric means. In brackets: 95 % interval, without Holm's correction. The loss is its mean "
    "over the last tenth of the steps. Roughness: the standard deviation of a loss's changes from "
    "step to step, divided by its absolute mean, over the second half of the steps. Quality is not "
    "judged of a recipe whose mean FID is above half of the untrained generators'."
)
"""How to read the verdicts."""
_ONE_SEED = "one seed"
_THREE_SEEDS = "It would need three seeds or more."


@dataclass(frozen=True)
class ClaimRow:
    """The verdict on a claim, or what one of several frameworks shows of it."""

    claim: str
    source: str
    """The document's id."""
    pair: str
    """E.g. ``enhanced against baseline in keras and torch``."""
    measured: str
    """The values, with the 95 % interval if there are enough seeds."""
    verdict: Verdict
    """That on the claim."""
    why: str
    tested: str = ""
    """The part of the claim that the verdict is on; empty if it is on the whole."""
    not_tested: str = ""
    """The other part."""
    remedy: str = ""
    """What would decide, as a sentence; empty if it is decided."""
    framework: str = ""
    """The framework of a row that is no verdict, but a part of what the verdict is on."""
    subject: str = ""
    """What the claim is about, e.g. ``enhanced against baseline``."""
    short: str = ""
    """What is claimed and measured in a few words, e.g. ``lower FID (ratio 0.85)``."""

    @property
    def verdict_in_words(self) -> str:
        """E.g. ``holds``, or ``improves: holds; plausible: not tested``; empty of one framework."""
        if self.framework:
            return ""
        if not self.tested:
            return self.verdict
        return f"{self.tested}: {self.verdict}; {self.not_tested}: not tested"

    @property
    def document(self) -> str:
        """The number of the source's document."""
        return self.source.partition("_")[0]


@dataclass(frozen=True)
class _Finding:
    claim: Claim
    every: Sequence[Evidence]
    pair: str
    measured: str
    size: str = ""
    """Of the effect, e.g. ``ratio 0.85``."""
    effect: Effect | None = None
    reason: str = ""
    """Why no effect was tested."""
    remedy: str = ""
    verdict: Verdict = "undecided"
    """Without a test."""


def claims(group: Group, losses: pd.DataFrame) -> list[ClaimRow]:
    """Return the verdict on each claim about the recipes of a group.

    Values are those of the runs that succeeded. Two recipes are compared by Welch's test; over
    several frameworks, a value is that of a seed, the mean over the frameworks that have it, each
    without its own level. Two points of the same runs are compared seed by seed. Claims about
    training itself, whose other side is the untrained generator, are counted. The p values are
    corrected by Holm's method over the claims of the group that can be tested; the 95 % intervals
    are not corrected.

    Returns
    -------
    list of ClaimRow
        By claim: the verdict, and if there are several frameworks, a row of each. None for claims
        about recipes that the group does not have.

    Raises
    ------
    GanBenchError
        The file of the claims is damaged.
    """
    by_run = {str(run_id): rows for run_id, rows in losses.groupby("run_id", sort=False)}
    speed = StudiedFactors.measured(cells_of(group.rows), group.speed) if group.speed else None
    measures = Measures(by_run, group.setting.protocol, group.features, speed)
    others = [Measures(by_run, one.fingerprint, one.features) for one in group.others]
    findings = [
        _finding(claim, part, measures)
        for claim in sources_claims()
        for part in _decided_together(evidence(claim, group, measures, others))
    ]
    p_values = [finding.effect.p for finding in findings if finding.effect]
    corrected = iter(zip(holm(p_values), holm_levels(p_values, 1 - LEVEL), strict=True))
    rows: list[ClaimRow] = []
    for finding in findings:
        if finding.effect:
            p, level = next(corrected)
            row = _judged(finding, finding.effect, p, level, len(p_values))
        else:
            row = _row(finding, finding.verdict, finding.reason, finding.remedy)
        rows += [row, *_by_framework(finding, row)]
    return rows


def _decided_together(every: Sequence[Evidence]) -> list[Sequence[Evidence]]:
    """Return the evidence, apart if a framework has several rows, as with other recipe values."""
    frameworks = {one.framework for one in every}
    if not every:
        return []
    return [every] if len(frameworks) == len(every) else [[one] for one in every]


_VERBS: dict[Verdict, tuple[str, str]] = {
    "holds": ("holds", "hold"),
    "does not hold": ("does not hold", "do not hold"),
    "undecided": ("is undecided", "are undecided"),
}


def in_short(rows: Sequence[ClaimRow]) -> str:
    """Return how many claims hold, in one line."""
    verdicts = [row for row in rows if not row.framework]
    counts = Counter(row.verdict for row in verdicts)
    named = [many(counts[verdict], *verbs) for verdict, verbs in _VERBS.items() if counts[verdict]]
    partly = len({(row.claim, row.source) for row in verdicts if row.tested})
    part = f"; of {many(partly, 'claim')} only a part is tested" if partly else ""
    distinct = len({(row.claim, row.source) for row in verdicts})
    number = many(distinct, "claim")
    if len(verdicts) > distinct:
        number += f", {many(len(verdicts), 'verdict')}"
    return f"{number}: {listed(named)}{part}" if verdicts else ""


def by_document(rows: Sequence[ClaimRow]) -> list[str]:
    """Return a sentence on the claims of each document about one thing.

    E.g. ``Document 002, enhanced against baseline. Holds: lower images/s (ratio 0.75). Undecided:
    lower FID (ratio 0.98).``
    """
    found: dict[tuple[str, str], list[ClaimRow]] = {}
    for row in rows:
        if not row.framework:
            found.setdefault((row.document, row.subject), []).append(row)
    sentences = []
    for (document, subject), members in found.items():
        parts = [f"Document {document}, {subject}"]
        for verdict in _VERBS:
            for remedy, shorts in _by_remedy(members, verdict).items():
                parts.append(f"{verdict.capitalize()}: {', '.join(shorts)}")
                parts += [remedy.rstrip(".")] if remedy else []
        sentences.append(". ".join(parts) + ".")
    return sentences


def _by_remedy(rows: Sequence[ClaimRow], verdict: Verdict) -> dict[str, list[str]]:
    """Return the rows with a verdict in few words; those that the same would decide together."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.verdict == verdict:
            remedy = "" if "seeds would" in row.short else row.remedy
            found.setdefault(remedy, []).append(row.short)
    return found


def by_claim(rows: Sequence[ClaimRow]) -> list[list[ClaimRow]]:
    """Return the rows of each claim together."""
    found: dict[tuple[str, str], list[ClaimRow]] = {}
    for row in rows:
        found.setdefault((row.claim, row.source), []).append(row)
    return list(found.values())


def _judged(finding: _Finding, effect: Effect, p: float, level: float, tested: int) -> ClaimRow:
    test = f"{p_value(p)} ({effect.how}, Holm over {many(tested, 'claim')})"
    if p >= 1 - LEVEL:
        return _row(finding, "undecided", f"{test}: may be chance", _more_seeds(effect, level))
    decided = replace(finding, size=f"{finding.size}; corrected {p_value(p)}")
    if effect.towards == finding.claim.direction:
        return _row(decided, "holds", test)
    if finding.claim.possibility:
        why = f"not seen in these runs, which does not refute that it is possible; {test}"
        remedy = "One recipe in which it is seen would decide; none can refute it."
        return _row(finding, "undecided", why, remedy)
    return _row(decided, "does not hold", f"{test}: it is {effect.towards}")


def _more_seeds(effect: Effect, level: float) -> str:
    if effect.of_each == "repeat":
        return "A longer study of speed would decide it, if there is a difference."
    if effect.seeds < FEWEST_SEEDS:
        return _THREE_SEEDS
    needed = effect.needed(level)
    if needed is None:
        return (
            f"More than {MOST_SEEDS} seeds would be needed: if there is an effect, it is small "
            f"({effect.interval})."
        )
    return (
        f"{max(needed, effect.seeds + 1)} seeds would decide it, with a probability of "
        f"{percent(POWER, 0)}, if effect and spread are as measured."
    )


def _row(finding: _Finding, verdict: Verdict, why: str, remedy: str = "") -> ClaimRow:
    claim = finding.claim
    sizes = [finding.size, _seeds_needed(finding, remedy)]
    size = "; ".join(filter(None, sizes))
    what = _in_few_words(claim)
    return ClaimRow(
        *(claim.text, claim.source, finding.pair, finding.measured, verdict, why),
        tested=claim.tested or "",
        not_tested=claim.not_tested or "",
        remedy=remedy,
        subject=_subject(claim),
        short=f"{what} ({size})" if size else what,
    )


def _seeds_needed(finding: _Finding, remedy: str) -> str:
    """Return how many seeds would decide, if it is that which is lacking."""
    found = re.match(r"(More than \d+|\d+) seeds would", remedy)
    return f"{found[1].lower()} seeds would decide" if found and finding.effect else ""


def _in_few_words(claim: Claim) -> str:
    """Return what is claimed, e.g. ``lower FID``."""
    if claim.value is not None:
        return f"an FID of {figure(claim.value, 4)}"
    if claim.measure == "loss_fid_correlation":
        sign = "negative" if claim.direction == "lower" else "positive"
        return f"{sign} {SHORT[claim.measure]}"
    than = {"start": " than untrained", "half": " at the end than halfway"}
    after = than.get(claim.since or "", "")
    return f"{claim.direction} {SHORT[claim.measure]}{after}"


def _subject(claim: Claim) -> str:
    return f"{claim.recipe} against {claim.than}" if claim.than else claim.recipe


def _by_framework(finding: _Finding, verdict: ClaimRow) -> Iterator[ClaimRow]:
    """Yield what each of several frameworks shows."""
    if len(finding.every) < 2:
        return
    for one in finding.every:
        why = one.reason
        if not why and finding.effect:
            why = _agreement(one, finding.effect)
        yield ClaimRow(
            *(verdict.claim, verdict.source, one.pair, one.measured, verdict.verdict, why),
            framework=one.framework,
            subject=verdict.subject,
        )


def _agreement(one: Evidence, effect: Effect) -> str:
    here = statistics.fmean(one.values.values())
    there = statistics.fmean(one.others.values()) if one.others is not None else 0.0
    if here == there:
        return "equal"
    towards = "lower" if here < there else "higher"
    return f"{towards}, as over all" if towards == effect.towards else f"{towards}, unlike over all"


def _finding(claim: Claim, every: Sequence[Evidence], measures: Measures) -> _Finding:
    fit = [one for one in every if not one.reason]
    if len(every) == 1:
        pair = every[0].pair
    else:
        frameworks = dict.fromkeys(one.framework for one in fit or every)
        pair = f"{_subject(claim)} in {listed(list(frameworks))}"
    if not fit:
        reasons = list(dict.fromkeys(one.reason for one in every))
        remedies = dict.fromkeys(one.remedy for one in every)
        measured = "; ".join(one.measured for one in every)
        if len(every) == 1 and every[0].others is not None:
            measured = measured_effect(claim, every, measures)[0]
        elif len(every) > 1:
            measured = measures.describe(claim.measure)
        reason = reasons[0] + ("; the other frameworks, see below" if len(reasons) > 1 else "")
        remedy = f"It would need {listed(list(remedies))}."
        if claim.value is not None:
            remedy = "No budget decides it: only the source could say how it measured."
            measured = measured if len(every) == 1 else f"published: {figure(claim.value, 4)}"
        return _Finding(claim, every, pair, measured, reason=reason, remedy=remedy)
    if claim.since == "start":
        return _counted(claim, every, fit, pair, measures)
    if studied := studied_effect(claim, fit, measures):
        measured, ratio, effect = studied
        return _Finding(claim, every, pair, measured, size_in_words(ratio), effect)
    measured, difference, values = measured_effect(claim, fit, measures)
    if difference is None:
        return _Finding(claim, every, pair, measured, reason=_ONE_SEED, remedy=_THREE_SEEDS)
    effect = tested_effect(fit, difference, values)
    size = size_in_words(difference)
    if fit[0].others is None:
        size = f"mean {figure(difference.estimate)}"
    return _Finding(claim, every, pair, measured, size, effect)


def _counted(
    claim: Claim, every: Sequence[Evidence], fit: Sequence[Evidence], pair: str, measures: Measures
) -> _Finding:
    """Compare with the untrained generator by counting runs.

    No test: that training changes a generator needs none, and as one of many it would make all
    others less powerful.
    """
    pairs = [
        (value, one.others[seed])
        for one in fit
        for seed, value in one.values.items()
        if one.others is not None and seed in one.others
    ]
    change = -1 if claim.direction == "lower" else 1
    so = sum(change * (trained - untrained) > 0 for trained, untrained in pairs)
    runs = many(len(pairs), "seed") if len(fit) == 1 else many(len(pairs), "run")
    means = [statistics.fmean(side) for side in zip(*pairs, strict=True)] if pairs else []
    shown = f": {figure(means[0])} against {figure(means[1])} untrained, {runs}" if means else ""
    measured = f"{measures.describe(claim.measure)}{shown}"
    reason = f"{claim.direction} in {so} of {runs}; counted, not tested"
    size = f"in {so} of {runs}"
    if 0 < so < len(pairs) or not pairs:
        remedy = "More seeds would not decide it: it is so in some of them only."
        return _Finding(claim, every, pair, measured, size, reason=reason, remedy=remedy)
    verdict: Verdict = "holds" if so else "does not hold"
    return _Finding(claim, every, pair, measured, size, reason=reason, verdict=verdict)
