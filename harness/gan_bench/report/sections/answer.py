"""The answer: what to use for quality, for speed and for both, and how certain each verdict is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Literal

from gan_bench.analysis.final_scores import failed
from gan_bench.analysis.ranks import RankedGroup, undominated
from gan_bench.analysis.runs import busy, time_doubts
from gan_bench.analysis.speed import disturbances
from gan_bench.analysis.statistics import SeedValues, interval
from gan_bench.analysis.summary import Group, Summary, only_elsewhere
from gan_bench.analysis.time_to_quality import EqualTime, EqualUpdates
from gan_bench.metrics import SPEED, metric
from gan_bench.results.record import Record
from gan_bench.results.status import NOT_SCORED
from gan_bench.text import count, duration, factor, figure, listed, many

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
class Choice:
    """What to use for one purpose."""

    purpose: Literal["quality", "speed", "both"]
    leaders: tuple[str, ...]
    """Labels to choose from, the best first; empty if the seeds say nothing yet."""
    how: str
    """What they lead in, e.g. ``lowest final FID, 23.1``."""
    certainty: Certainty
    badge: str


@dataclass(frozen=True)
class Standings:
    """The rankings behind the verdicts; None where there is nothing to rank."""

    quality: RankedGroup | None
    """At equal images: by the final FID."""
    speed: RankedGroup | None
    equal_time: RankedGroup | None
    equal_updates: RankedGroup | None = None
    """None if all made as many updates, too: the ranking would be that of `quality`."""
    busy: bool = False
    """Whether other processes used the machine, so that no difference in time is certain."""
    speed_busy: bool = False
    """The same of the throughputs, which may be those of a study of speed."""


def standings(
    group: Group, equal: EqualTime | None, updates: EqualUpdates | None = None
) -> Standings:
    """Return a group's rankings; a budget that is too short to rank quality ranks speed only."""
    fids = {row.label: row.fid for row in group.rows if row.fid and not row.saw_reference}
    speeds = {row.label: row.images_per_s for row in group.rows if row.images_per_s}
    ranked = not group.too_short
    fid = metric(group.metric or "")
    shared = any(busy(run) for run in group.timed_ok)
    return Standings(
        quality=RankedGroup(fids, fid, looks=group.looks) if fids and ranked else None,
        speed=RankedGroup(speeds, metric(SPEED)) if speeds else None,
        equal_time=RankedGroup(equal.fids, fid, looks=group.looks) if equal and ranked else None,
        equal_updates=(
            RankedGroup(updates.fids, fid, looks=group.looks)
            if updates and ranked and not updates.same
            else None
        ),
        busy=shared,
        speed_busy=shared if group.speed is None else group.speed.found.disturbed,
    )


def answer(
    group: Group,
    ranks: Standings,
    equal: EqualTime | None,
    updates: EqualUpdates | None = None,
) -> list[Verdict]:
    """Return the verdicts on quality at equal images, updates and time, and on speed."""
    if not any(row.ok_runs for row in group.rows):
        return [_none("No result", _nothing_finished(group))]
    verdicts = [_quality(group, ranks.quality, updates)]
    if ranks.equal_updates and updates:
        verdicts.append(_equal_updates(ranks.equal_updates, updates))
    if ranks.equal_time and equal:
        verdicts.append(_equal_time(group, ranks, ranks.equal_time, equal))
    return [*verdicts, _speed(group, ranks.speed, busy=ranks.speed_busy)]


def choices(group: Group, ranks: Standings, equal: EqualTime | None) -> list[Choice]:
    """Return what to use for quality, for speed and for both; none without two to choose from."""
    quality, speed = ranks.quality, ranks.speed
    if quality is None or len(quality.labels) < 2:
        return []
    found = [_choice("quality", quality, f"lowest final FID, {_best(quality)}")]
    if speed and len(speed.labels) > 1:
        # Those that only ran on another machine are in no comparison of times.
        here = f" of {len(speed.labels)} on one machine" if _not_timed(group, speed) else ""
        how = f"fastest{here}, {_best(speed)} images/s"
        found.append(_choice("speed", speed, how, busy=ranks.speed_busy))
        both = _both(ranks, quality, speed, equal)
        found += [replace(both, how=f"{both.how}{here and ','}{here}")] if both else []
    return found


def _choice(
    purpose: Literal["quality", "speed", "both"],
    ranks: RankedGroup,
    how: str,
    *,
    busy: bool = False,
) -> Choice:
    certainty, badge = _certainty(ranks, busy=busy)
    return Choice(purpose, _leaders(ranks, badge), how, certainty, badge)


def _both(
    ranks: Standings, quality: RankedGroup, speed: RankedGroup, equal: EqualTime | None
) -> Choice | None:
    """Return the best at equal time, or without its curves those that nothing rules out."""
    if ranks.equal_time and equal:
        how = f"lowest FID after {duration(equal.seconds)}, {_best(ranks.equal_time)}"
        return _choice("both", ranks.equal_time, how, busy=ranks.busy)
    kept = undominated(quality, speed)
    if not kept:
        return None
    badges = [_certainty(quality, busy=False)[1], _certainty(speed, busy=ranks.speed_busy)[1]]
    unsure = next((badge for badge in badges if badge in _UNTESTED), "")
    if unsure:
        return Choice("both", (), "", "uncertain", unsure)
    if len(kept) == 1:
        return Choice("both", tuple(kept), "no other is as good in both", "clear", "clear lead")
    how = "no other is clearly better in one and as good in the other"
    return Choice("both", tuple(kept), how, "tied", f"a choice of {len(kept)}")


def _not_timed(group: Group, times: RankedGroup) -> list[str]:
    return [label for label in only_elsewhere(group) if label not in times.spreads]


def _best(ranks: RankedGroup) -> str:
    return figure(ranks.spreads[ranks.best].mean)


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


def _quality(group: Group, ranks: RankedGroup | None, updates: EqualUpdates | None) -> Verdict:
    topic = "Quality at equal images"
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
    verdict = _verdict(topic, ranks, f"FID {mean}", opening)
    if updates is None or not updates.same or len(ranks.labels) < 2:
        return verdict
    as_many = (
        f"All made {count(updates.updates)} updates of the generator: it is the order at equal "
        "updates, too."
    )
    return replace(verdict, sentence=f"{verdict.sentence} {as_many}")


def _equal_updates(ranks: RankedGroup, updates: EqualUpdates) -> Verdict:
    best = ranks.best
    mean = figure(ranks.spreads[best].mean)
    opening = (
        f"After {count(updates.updates)} updates of the generator ({listed(updates.fewest, NAMED)} "
        f"made no more), {best} has the lowest FID: {mean} ({_seeds(ranks.spreads[best])})"
    )
    return _verdict("Quality at equal updates", ranks, f"FID {mean}", opening)


def _equal_time(group: Group, every: Standings, ranks: RankedGroup, equal: EqualTime) -> Verdict:
    best = ranks.best
    mean = figure(ranks.spreads[best].mean)
    opening = (
        f"After {duration(equal.seconds)}, the median time in which {equal.fastest} finishes, "
        f"{best} has the lowest FID: {mean} ({_seeds(ranks.spreads[best])})"
    )
    verdict = _verdict("Quality at equal time", ranks, f"FID {mean}", opening, busy=every.busy)
    if verdict.badge not in _UNTESTED:
        verdict = replace(verdict, sentence=f"{verdict.sentence}{_not_ruled_out(every)}")
    return _doubted(verdict, group, ranks)


def _not_ruled_out(ranks: Standings) -> str:
    """Return which implementations no other one rules out, if that is certain of some."""
    quality, speed = ranks.quality, ranks.speed
    if (
        quality is None
        or speed is None
        or any(_certainty(one, busy=ranks.speed_busy)[1] in _UNTESTED for one in (quality, speed))
    ):
        return ""
    kept = undominated(quality, speed)
    if not 0 < len(kept) < len(quality.labels):
        return ""
    return (
        " In final FID and speed together, no other is clearly better in one and as good in the "
        f"other than {listed(kept, NAMED, last='or')}."
    )


def _speed(group: Group, ranks: RankedGroup | None, *, busy: bool) -> Verdict:
    topic = "Speed"
    if ranks is None:
        return _none(topic, "No run was long enough to measure its speed, so speed is not ranked.")
    best = ranks.best
    rate = f"{figure(ranks.spreads[best].mean)} images/s"
    opening = f"{best} trains {rate} ({_seeds(ranks.spreads[best])})"
    if len(ranks.labels) > 1:
        opening = f"{best} trains fastest: {rate} ({_seeds(ranks.spreads[best])})"
    verdict = _verdict(topic, ranks, rate, opening, busy=busy)
    if group.speed is None:
        verdict = _doubted(verdict, group, ranks)
    else:
        said = [f"Speeds are from {group.speed}.", *disturbances(group.speed.found)]
        verdict = replace(verdict, sentence=" ".join((verdict.sentence, *said)))
    own = [row.label for row in group.rows if row.own_loop and row.label in ranks.labels]
    if own:
        times = "its clock includes its" if len(own) == 1 else "their clocks include their"
        loop = "an own loop" if len(own) == 1 else "own loops"
        note = f"{listed(own, NAMED)}: {loop}; {times} own data pipeline."
        verdict = replace(verdict, sentence=f"{verdict.sentence} {note}")
    return verdict


def _doubted(verdict: Verdict, group: Group, ranks: RankedGroup) -> Verdict:
    """Return a verdict on times with what makes them less reliable, and who has none."""
    doubts = time_doubts(group.timed_ok)
    if elsewhere := _not_timed(group, ranks):
        machine = group.setting.machine
        doubts.append(f"Not compared, as it has no run on {machine}: {listed(elsewhere, NAMED)}.")
    return replace(verdict, sentence=" ".join((verdict.sentence, *doubts)))


def _verdict(
    topic: str, ranks: RankedGroup, shown: str, opening: str, *, busy: bool = False
) -> Verdict:
    best, *others = ranks.labels
    if not others:
        return Verdict(topic, (best,), shown, "none", "nothing to compare with", f"{opening}.")
    certainty, badge = _certainty(ranks, busy=busy)
    if badge in _UNTESTED:
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
    return Verdict(topic, _leaders(ranks, badge), shown, certainty, badge, sentence)


_TOO_FEW = "too few seeds"
_BUSY = "not certain: other load"
_UNTESTED = (_TOO_FEW, _BUSY)
"""Badges under which no difference is called clear or absent."""


def _leaders(ranks: RankedGroup, badge: str) -> tuple[str, ...]:
    return (ranks.best,) if badge in _UNTESTED else (ranks.best, *ranks.equals)


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
        return f"one {spread.of_each}{of}"
    mean_of = f"mean of {many(spread.seeds, spread.of_each)}{of}"
    return f"{mean_of}, {figure(spread.low)} to {figure(spread.high)}"


def _short(spread: SeedValues) -> str:
    seeds = {1: ", one seed", 2: ", two seeds"}.get(spread.seeds, "")
    return f"{figure(spread.mean)}{seeds}"


def advice(group: Group, ranks: Standings, chosen: Sequence[Choice]) -> str:
    """Return what to use and how certain that is, in one or two sentences."""
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
        return (
            f"{why}; {speed.best} trains fastest ({_certainty(speed, busy=ranks.speed_busy)[1]})."
        )
    if not chosen:
        return f"Only {quality.best} has a score, so there is nothing to choose from."
    parts = [
        f"for {_PURPOSES[one.purpose]}, {_named(one.leaders)} "
        f"({'; '.join(filter(None, (one.how, one.badge)))})"
        for one in chosen
        if one.leaders
    ]
    sentence = f"{'; '.join(parts)}."
    return " ".join(filter(None, (sentence[0].upper() + sentence[1:], more_seeds(chosen))))


_PURPOSES = {"quality": "quality", "speed": "speed", "both": "both together"}


def _named(labels: Sequence[str]) -> str:
    return listed(labels, NAMED, last="or")


def more_seeds(chosen: Sequence[Choice]) -> str:
    """Return what to run before one decides, if there are too few seeds for that."""
    if not any(one.badge == _TOO_FEW for one in chosen):
        return ""
    return "Run 3 seeds or, better, 5 (--seeds 5) before you decide."


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
