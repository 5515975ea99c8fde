"""The answer: a recommendation, up to three verdicts, and what makes them less certain."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Literal

from gan_bench.analysis.final_scores import failed
from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.runs import busy, time_doubts
from gan_bench.analysis.statistics import FEWEST_SEEDS, SeedValues, interval
from gan_bench.analysis.summary import Group, Summary
from gan_bench.analysis.time_to_quality import EqualTime
from gan_bench.metrics import SPEED, metric
from gan_bench.results.record import Record
from gan_bench.results.status import NOT_SCORED
from gan_bench.text import duration, factor, figure, listed, many

NAMED = 4
"""Implementations that a sentence names before it counts the rest."""
Certainty = Literal["clear", "tied", "uncertain", "none"]


@dataclass(frozen=True)
class Verdict:
    """The best implementation by one measure, and how certain that is."""

    topic: str
    leaders: tuple[str, ...]
    """Label of the best, and of those not distinguishable from it; empty if nothing is ranked."""
    figure: str
    """Value of the best, e.g. ``FID 23.1``; empty if there is none."""
    certainty: Certainty
    badge: str
    """The certainty in two or three words."""
    sentence: str


@dataclass(frozen=True)
class Standings:
    """The rankings behind the verdicts; None where there is nothing to rank."""

    quality: RankedGroup | None
    speed: RankedGroup | None
    equal_time: RankedGroup | None
    busy: bool = False
    """Whether other processes used the machine, so that no difference in time is certain."""


def standings(group: Group, equal: EqualTime | None) -> Standings:
    """Return a group's rankings; a budget that is too short to rank quality ranks speed only."""
    fids = {row.label: row.fid for row in group.rows if row.fid and not row.saw_reference}
    speeds = {row.label: row.images_per_s for row in group.rows if row.images_per_s}
    ranked = not group.too_short
    fid = metric(group.metric or "")
    return Standings(
        quality=RankedGroup(fids, fid, looks=group.looks) if fids and ranked else None,
        speed=RankedGroup(speeds, metric(SPEED)) if speeds else None,
        equal_time=RankedGroup(equal.fids, fid, looks=group.looks) if equal and ranked else None,
        busy=any(busy(run) for row in group.rows for run in row.ok_runs),
    )


def answer(group: Group, ranks: Standings, equal: EqualTime | None) -> list[Verdict]:
    """Return the verdicts on quality, speed and quality at equal time."""
    if not any(row.ok_runs for row in group.rows):
        return [_none("No result", _nothing_finished(group))]
    verdicts = [_quality(group, ranks.quality), _speed(group, ranks.speed, busy=ranks.busy)]
    if ranks.equal_time and equal:
        verdicts.append(_equal_time(group, ranks.equal_time, equal, busy=ranks.busy))
    return verdicts


class Unranked(Enum):
    """Why quality is not ranked."""

    TOO_SHORT = auto()
    SAW_REFERENCE = auto()
    NOT_SCORED = auto()

    @staticmethod
    def of(group: Group) -> "Unranked":
        """Return the reason for a group whose quality is not ranked."""
        if group.too_short:
            return Unranked.TOO_SHORT
        scored = any(row.fid for row in group.rows)
        return Unranked.SAW_REFERENCE if scored else Unranked.NOT_SCORED


def _unranked_sentence(group: Group) -> str:
    return {
        Unranked.TOO_SHORT: f"{group.too_short}, so only speed is ranked.",
        Unranked.SAW_REFERENCE: (
            "Every implementation that has a score was trained on the reference images, so "
            "quality is not ranked."
        ),
        Unranked.NOT_SCORED: "No final snapshot has a score, so quality is not ranked.",
    }[Unranked.of(group)]


def _none(topic: str, sentence: str) -> Verdict:
    return Verdict(topic, (), "", "none", "not ranked", sentence)


def _nothing_finished(group: Group) -> str:
    statuses = Counter(run.status for run in group.runs)
    if set(statuses) == {"pending"}:
        return f"No run has finished yet: {many(len(group.runs), 'run')} planned."
    counted = listed([f"{number} {status}" for status, number in statuses.most_common()])
    return f"No run succeeded ({counted}), so there is nothing to rank."


def _quality(group: Group, ranks: RankedGroup | None) -> Verdict:
    topic = "Quality"
    if ranks is None:
        return _none(topic, _unranked_sentence(group))
    best = ranks.best
    mean = figure(ranks.spreads[best].mean)
    others = len(ranks.labels) > 1
    lead = "has the lowest final FID" if others else "is the only one with a final FID"
    planned = next(len(row.runs) for row in group.rows if row.label == best)
    opening = (
        f"{best} {lead} ({group.features} features): {mean} "
        f"({_seeds(ranks.spreads[best], planned)})"
    )
    return _verdict(topic, ranks, f"FID {mean}", opening)


def _equal_time(group: Group, ranks: RankedGroup, equal: EqualTime, *, busy: bool) -> Verdict:
    best = ranks.best
    mean = figure(ranks.spreads[best].mean)
    opening = (
        f"After {duration(equal.seconds)}, the median time in which {equal.fastest} finishes, "
        f"{best} has the lowest FID: {mean} ({_seeds(ranks.spreads[best])})"
    )
    verdict = _verdict("Quality at equal time", ranks, f"FID {mean}", opening, busy=busy)
    return _doubted(verdict, group)


def _speed(group: Group, ranks: RankedGroup | None, *, busy: bool) -> Verdict:
    topic = "Speed"
    if ranks is None:
        return _none(topic, "No run was long enough to measure its speed, so speed is not ranked.")
    best = ranks.best
    rate = f"{figure(ranks.spreads[best].mean)} images/s"
    opening = f"{best} trains {rate} ({_seeds(ranks.spreads[best])})"
    if len(ranks.labels) > 1:
        opening = f"{best} trains fastest: {rate} ({_seeds(ranks.spreads[best])})"
    verdict = _doubted(_verdict(topic, ranks, rate, opening, busy=busy), group)
    own = [row.label for row in group.rows if row.own_loop and row.label in ranks.labels]
    if own:
        times = "its clock includes its" if len(own) == 1 else "their clocks include their"
        loop = "an own loop" if len(own) == 1 else "own loops"
        note = f"{listed(own, NAMED)}: {loop}; {times} own data pipeline."
        verdict = replace(verdict, sentence=f"{verdict.sentence} {note}")
    return verdict


def _doubted(verdict: Verdict, group: Group) -> Verdict:
    """Return a verdict on times with what makes them less reliable."""
    doubts = time_doubts(run for row in group.rows for run in row.ok_runs)
    return replace(verdict, sentence=" ".join((verdict.sentence, *doubts)))


def _verdict(
    topic: str, ranks: RankedGroup, shown: str, opening: str, *, busy: bool = False
) -> Verdict:
    best, *others = ranks.labels
    if not others:
        return Verdict(topic, (best,), shown, "none", "nothing to compare with", f"{opening}.")
    certainty, badge = _certainty(ranks, busy=busy)
    if badge in (_TOO_FEW, _BUSY):
        # What two seeds, or runs beside other work, happen to show would contradict the badge.
        sentence = f"{opening}, before {others[0]} ({_short(ranks.spreads[others[0]])})."
        return Verdict(topic, (best,), shown, certainty, badge, sentence)
    clear = [label for label in others if label not in (*ranks.equals, *ranks.unknown)]
    parts = [opening]
    if ranks.equals:
        named = [f"{label} ({_short(ranks.spreads[label])})" for label in ranks.equals]
        parts[0] += f", but cannot be distinguished from {listed(named, NAMED)}"
    if clear:
        parts.append(_against(ranks, clear[0]))
    if ranks.unknown:
        named = [f"{label} ({_short(ranks.spreads[label])})" for label in ranks.unknown]
        parts.append(f"too few seeds to judge {listed(named, NAMED)}")
    sentence = f"{'; '.join(parts)}."
    return Verdict(topic, (best, *ranks.equals), shown, certainty, badge, sentence)


_TOO_FEW = "too few seeds"
_BUSY = "not certain: other load"


def _certainty(ranks: RankedGroup, *, busy: bool) -> tuple[Certainty, str]:
    """Return how certain it is that the best is best, for programs and in words."""
    short = ranks.best_is_short or len(ranks.unknown) == len(ranks.labels) - 1
    if busy and not ranks.equals and not (ranks.unknown and short):
        return "uncertain", _BUSY
    if ranks.equals:
        return "tied", f"no clear lead: {1 + len(ranks.equals)} not distinguishable"
    if not ranks.unknown:
        return "clear", "clear lead"
    if short:
        return "uncertain", _TOO_FEW
    return "uncertain", f"clear lead, except over {len(ranks.unknown)} with too few seeds"


def _against(ranks: RankedGroup, worse: str) -> str:
    """Return how far the best is from the next one that is distinguishable from it."""
    found = ranks.between(ranks.best, worse)
    assert found is not None
    short = _short(ranks.spreads[worse])
    ratio = found.scale == "ratio"
    much = f"by a factor of {factor(found.estimate)}" if ratio else f"by {figure(found.estimate)}"
    if not ranks.metric.higher_is_better:
        return f"{worse} ({short}) is clearly higher, {much} ({interval(found)})"
    return f"it is clearly faster than {worse} ({short}), {much} ({interval(found)})"


def _seeds(spread: SeedValues, planned: int | None = None) -> str:
    of = f" of {planned} planned" if planned and planned != spread.seeds else ""
    if spread.seeds < 2:
        return f"one seed{of}"
    return f"mean of {spread.seeds} seeds{of}, {figure(spread.low)} to {figure(spread.high)}"


def _short(spread: SeedValues) -> str:
    seeds = {1: ", one seed", 2: ", two seeds"}.get(spread.seeds, "")
    return f"{figure(spread.mean)}{seeds}"


def advice(group: Group, ranks: Standings) -> str:
    """Return which implementation to use and how certain that is, in one or two sentences."""
    if not any(row.ok_runs for row in group.rows):
        none = "has finished yet" if all(row.pending for row in group.rows) else "succeeded"
        return f"There is no recommendation: no run {none}."
    quality, speed = ranks.quality, ranks.speed
    if quality is None:
        why = {
            Unranked.TOO_SHORT: "This budget is too short to compare quality",
            Unranked.SAW_REFERENCE: "Quality is not ranked, as all trained on the reference images",
            Unranked.NOT_SCORED: "Quality is not ranked, as nothing was scored",
        }[Unranked.of(group)]
        if speed is None:
            return f"{why}."
        if len(speed.labels) == 1:
            return f"{why}, and only the speed of {speed.best} was measured."
        return f"{why}; {speed.best} trains fastest ({_certainty(speed, busy=ranks.busy)[1]})."
    best = quality.best
    if len(quality.labels) == 1:
        return f"Only {best} has a score, so there is nothing to choose from."
    if len(quality.unknown) == len(quality.labels) - 1:
        return (
            f"There are too few seeds for a recommendation. {best} has the lowest FID so far; run "
            "3 seeds or, better, 5 (--seeds 5) before you decide."
        )
    if quality.unknown and quality.best_is_short:
        return (
            f"{best} has the lowest FID, but too few seeds to distinguish it from "
            f"{listed(quality.unknown, NAMED, last='or')}. Run more seeds before you decide."
        )
    ignored = f" (leaving out {listed(quality.unknown, NAMED)}: too few seeds)"
    unsure = ignored if quality.unknown else ""
    if not quality.equals:
        return (
            f"Use {best}: it has the lowest FID, and the lead is clear{unsure}. "
            f"{'' if ranks.busy else _pace(best, speed)}".strip()
        )
    together = [best, *quality.equals]
    fastest = _fastest(together, None if ranks.busy else speed)
    these = f"the {len(together)} implementations whose FIDs cannot be distinguished"
    rest = [label for label in together if label != fastest[0]]
    if speed and len(fastest) == 1 and all(speed.clearly(fastest[0], other) for other in rest):
        return f"Use {fastest[0]}: it clearly trains fastest among {these}{unsure}."
    any_of = listed(fastest, NAMED, last="or")
    return f"Use {any_of}: among {these}{unsure}, none clearly trains faster."


def in_short(group: Group) -> str:
    """Return the figures of a group that has one implementation, in one sentence."""
    [row] = group.rows
    fids = [(scored.features, scored.spread(row.label, "fid")) for scored in group.protocols]
    parts = [f"FID {figure(fid.mean)} ({features})" for features, fid in fids if fid]
    if row.images_per_s:
        parts.append(f"{figure(row.images_per_s.mean)} images/s")
    if row.finish_s:
        parts.append(f"finished in {duration(row.finish_s.median)}")
    parts.append(many(len(row.ok_runs), "seed") if row.ok_runs else row.status)
    return f"{row.label}, {group.title}: {', '.join(parts)}."


def _fastest(labels: Sequence[str], speed: RankedGroup | None) -> list[str]:
    """Return the labels that no other label is clearly faster than."""
    if speed is None:
        return list(labels)
    known = [label for label in speed.labels if label in labels]
    slower = {label for label in known for other in known if speed.clearly(other, label)}
    return [*(x for x in known if x not in slower), *(x for x in labels if x not in known)]


def _pace(label: str, speed: RankedGroup | None) -> str:
    """Return how its speed compares with the others, or nothing with too few seeds."""
    if speed is None or label not in speed.labels or len(speed.labels) < 2:
        return ""
    faster = [other for other in speed.labels if speed.clearly(other, label)]
    if faster:
        found = speed.between(faster[0], label)
        assert found is not None
        return f"{faster[0]} trains {factor(found.estimate)} times as fast."
    if min(spread.seeds for spread in speed.spreads.values()) < FEWEST_SEEDS:
        return ""
    return "None of the others clearly trains faster."


LEAST_TIMED_S = 5.0
"""Below this many seconds after the warm-up, a throughput is less reliable."""


def _timed_briefly(record: Record) -> bool:
    return record.train_s is not None and record.train_s < max(
        LEAST_TIMED_S, (record.warmup_s or 0.0) + (record.resume_s or 0.0)
    )


def caveats(summary: Summary) -> list[str]:
    """Return what makes the figures less reliable or less comparable."""
    found = time_doubts(summary.runs)
    records = [run.record for run in summary.runs if run.record and run.record.status == "ok"]
    short = [record for record in records if _timed_briefly(record)]
    if short:
        found.append(
            f"In {len(short)} of {many(len(records), 'finished run')}, the timed part took less "
            f"than {LEAST_TIMED_S:g} s or less than the warm-up, so throughput is less reliable: "
            "train longer to compare speed."
        )
    seen = sorted(label for label, row in summary.rows.items() if row.saw_reference)
    if seen:
        found.append(
            f"Trained on the reference images: {listed(seen, NAMED)}. Such a FID cannot be "
            "compared with the others and is not ranked."
        )
    commits = {record.circumstances.git_commit for record in records} - {None}
    if len(commits) > 1:
        found.append(f"The runs come from {len(commits)} git commits.")
    failures = sum(failed(run) for run in summary.runs)
    unscored = sum(run.outcome == NOT_SCORED for run in summary.runs)
    pending = sum(run.status == "pending" for run in summary.runs)
    if failures and records:
        found.append(f"{many(failures, 'run')} failed: see the ranking.")
    if unscored:
        verb = "is" if unscored == 1 else "are"
        found.append(f"{many(unscored, 'run')} {verb} not scored: see the ranking.")
    if pending and records:
        verb = "is" if pending == 1 else "are"
        found.append(f"{many(pending, 'run')} {verb} not finished yet: see the ranking.")
    return found
