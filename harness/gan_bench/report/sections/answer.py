"""The verdicts below the first charts, each with its certainty, and what weakens the figures."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from gan_bench.analysis.final_scores import failed
from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.runs import time_doubts
from gan_bench.analysis.speed import disturbances
from gan_bench.analysis.statistics import SeedValues, interval
from gan_bench.analysis.summary import Group, Summary
from gan_bench.analysis.time_to_quality import EqualTime, EqualUpdates
from gan_bench.metrics import SPEED
from gan_bench.report.sections.certainty import NAMED, UNTESTED, Certainty
from gan_bench.report.sections.standings import (
    Standing,
    Standings,
    Unranked,
    best_in_both,
    not_timed,
)
from gan_bench.results.record import Record
from gan_bench.results.status import NOT_SCORED
from gan_bench.text import count, duration, factor, figure, listed, many


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
    recipes: tuple[str, ...] = ()
    """The recipes of the leaders, if recipes are what was compared."""


def answer(
    group: Group,
    ranks: Standings,
    equal: EqualTime | None,
    updates: EqualUpdates | None = None,
) -> list[Verdict]:
    """Return the verdicts on quality at equal images, updates and time, and on speed."""
    if not any(row.ok_runs for row in group.rows):
        return [_none("No result", _nothing_finished(group))]
    verdicts = [_quality(group, ranks.at_equal_images, updates)]
    if ranks.at_equal_updates and updates:
        verdicts.append(_equal_updates(group, ranks.at_equal_updates, updates))
    if ranks.at_equal_time and equal:
        verdicts.append(_equal_time(group, ranks, ranks.at_equal_time, equal))
    return [*verdicts, _speed(group, ranks.in_speed)]


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


def _quality(group: Group, standing: Standing | None, updates: EqualUpdates | None) -> Verdict:
    topic = "Quality at equal images"
    if standing is None:
        return _none(topic, _unranked_sentence(group))
    several = len(standing.implementations.labels) > 1
    lead = "has the lowest final FID" if several else "is the only one with a final FID"
    planned = {row.label: len(row.runs) for row in group.rows}
    verdict = _verdict(topic, standing, f"{lead} ({group.features} features)", planned=planned)
    if updates is None or not updates.same or not several:
        return verdict
    return _with(
        verdict,
        f"All made {count(updates.updates)} updates of the generator: it is the order at equal "
        "updates, too.",
    )


def _equal_updates(group: Group, standing: Standing, updates: EqualUpdates) -> Verdict:
    after = (
        f"After {count(updates.updates)} updates of the generator ({listed(updates.fewest, NAMED)} "
        f"made no more), which took {_images(updates)} training images, "
    )
    verdict = _verdict("Quality at equal updates", standing, "has the lowest FID", after)
    ranked = [row.label for row in group.rows if row.fid and not row.saw_reference]
    if left_out := [label for label in ranked if label not in updates.fids]:
        note = f"Not compared, as nothing was measured before: {listed(left_out, NAMED)}."
        verdict = _with(verdict, note)
    return verdict


def _images(updates: EqualUpdates) -> str:
    """Return e.g. ``8,000 (torch-dcgan) to 120,000 (torch-wgan-gp)``."""
    least, most = (by(updates.images, key=updates.images.__getitem__) for by in (min, max))
    low, high = (count(round(updates.images[label])) for label in (least, most))
    return low if low == high else f"{low} ({least}) to {high} ({most})"


def _equal_time(group: Group, ranks: Standings, standing: Standing, equal: EqualTime) -> Verdict:
    finishes = f"the {'' if group.speed else 'median '}time in which {equal.fastest} finishes"
    at_its_speed = " at its speed" if group.speed else ""
    after = f"After {duration(equal.seconds)}, {finishes}{at_its_speed}, "
    verdict = _verdict("Quality at equal time", standing, "has the lowest FID", after)
    if verdict.badge not in UNTESTED:
        verdict = _with(verdict, *_not_ruled_out(ranks))
    return _doubted(verdict, group, standing.implementations)


def _not_ruled_out(ranks: Standings) -> list[str]:
    """Return which implementations no other one rules out, if that is certain of some."""
    quality, speed = ranks.at_equal_images, ranks.in_speed
    if quality is None or speed is None or ranks.unsure:
        return []
    kept, _ = best_in_both(quality.certain, speed.certain)
    if not 0 < len(kept) < len(quality.implementations.labels):
        return []
    return [
        "In final FID and speed together, none is clearly better than "
        f"{listed(kept, NAMED, last='or')}."
    ]


def _speed(group: Group, standing: Standing | None) -> Verdict:
    topic = "Speed"
    if standing is None:
        return _none(topic, "No run was long enough to measure its speed, so speed is not ranked.")
    ranks = standing.implementations
    several = len(ranks.labels) > 1
    verdict = _verdict(topic, standing, "trains fastest" if several else "is the only one timed")
    verdict = _doubted(verdict, group, ranks)
    if group.speed is not None:
        said = [f"Speeds are from {group.speed}.", *disturbances(group.speed.found)]
        verdict = _with(verdict, *said)
    own = [row.label for row in group.rows if row.own_loop and row.label in ranks.labels]
    if own:
        times = "its clock includes its" if len(own) == 1 else "their clocks include their"
        loop = "an own loop" if len(own) == 1 else "own loops"
        verdict = _with(verdict, f"{listed(own, NAMED)}: {loop}; {times} own data pipeline.")
    return verdict


def _doubted(verdict: Verdict, group: Group, ranks: RankedGroup) -> Verdict:
    """Return a verdict on times with what makes them less reliable, and who has none.

    Other load during the runs does not matter to the times of a study.
    """
    doubts = [] if group.speed else time_doubts(group.timed_ok)
    if elsewhere := not_timed(group, ranks):
        machine = group.setting.machine
        doubts.append(f"Not compared, without a run on {machine}: {listed(elsewhere, NAMED)}.")
    return _with(verdict, *doubts)


def _with(verdict: Verdict, *sentences: str) -> Verdict:
    return replace(verdict, sentence=" ".join((verdict.sentence, *sentences)))


def _verdict(
    topic: str,
    standing: Standing,
    lead: str,
    after: str = "",
    planned: Mapping[str, int] | None = None,
) -> Verdict:
    """Return a verdict whose sentence begins with ``after``, the best, and ``lead``.

    ``planned`` has the number of runs of each implementation.
    """
    faster = standing.compared.metric.name == SPEED
    value = f"{standing.mean} images/s" if faster else standing.mean
    return Verdict(
        topic,
        standing.leaders,
        value if faster else f"FID {value}",
        standing.certainty,
        standing.badge,
        f"{_opening(standing, lead, after, value, planned or {})}{_others(standing)}.",
        standing.recipes,
    )


def _opening(
    standing: Standing, lead: str, after: str, value: str, planned: Mapping[str, int]
) -> str:
    ranks, best = standing.compared, standing.compared.best
    spread = ranks.spreads[best]
    if standing.best_recipes is None:
        return f"{after}{best} {lead}: {value} ({_seeds(spread, planned.get(best))})"
    twins = standing.best_recipes.frameworks[best]
    over = f"geometric mean over {listed(sorted(twins), NAMED)}; " if len(twins) > 1 else ""
    return (
        f"{after}{'the' if after else 'The'} recipe {best} {lead} of "
        f"{many(len(ranks.labels), 'recipe')}: {value} ({over}{_seeds(spread)})"
    )


def _others(standing: Standing) -> str:
    """Return how a sentence on the best goes on: what is as good, and how far others are."""
    ranks, others = standing.compared, standing.compared.labels[1:]
    if not others:
        return ""
    if standing.badge in UNTESTED:
        # What two seeds, or runs beside other work, happen to show would contradict the badge.
        return f", before {others[0]} ({_short(ranks.spreads[others[0]])})"
    clear = [label for label in others if label not in (*ranks.equals, *ranks.unknown)]
    found = ""
    if ranks.equals:
        named = [f"{x} ({_short(ranks.spreads[x])}){_where(standing, x)}" for x in ranks.equals]
        found += f", but cannot be distinguished from {listed(named, NAMED)}"
    if clear:
        found += f"; {_against(ranks, clear[0], _where(standing, clear[0]))}"
    if ranks.unknown:
        named = [f"{label} ({_short(ranks.spreads[label])})" for label in ranks.unknown]
        found += f"; too few seeds to judge {listed(named, NAMED)}"
    return found


def _where(standing: Standing, worse: str) -> str:
    """Return the frameworks in which recipes are compared with the best, if not in all of both."""
    if standing.best_recipes is None:
        return ""
    one, other = (standing.best_recipes.frameworks[x] for x in (standing.compared.best, worse))
    shared = sorted({*one} & {*other})
    return "" if {*shared} == {*one, *other} else f" in {listed(shared)}"


def _against(ranks: RankedGroup, worse: str, where: str) -> str:
    """Return how far the best is from the next one that is distinguishable from it.

    ``where`` is in what the two are compared, if not in all.
    """
    found = ranks.between(ranks.best, worse)
    assert found is not None
    short = _short(ranks.spreads[worse])
    ratio = found.scale == "ratio"
    much = f"by a factor of {factor(found.estimate)}" if ratio else f"by {figure(found.estimate)}"
    much += where
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


def in_short(group: Group) -> str:
    """Return the figures of a group that has one implementation, in one sentence."""
    [row] = group.rows
    fids = [(scored.features, scored.spread(row.label, "fid")) for scored in group.protocols]
    parts = [f"FID {figure(fid.mean)} ({features})" for features, fid in fids if fid]
    if row.images_per_s:
        parts.append(f"{figure(row.images_per_s.mean)} images/s on {group.setting.hardware}")
    if row.finish_s:
        parts.append(f"finished in {duration(row.finish_s.median)}")
    parts.append(many(len(row.ok_runs), "seed") if row.ok_runs else row.status)
    return f"{row.label} ({group.title}), {', '.join(parts)}."


LEAST_TIMED_S = 5.0
"""Below this many seconds after the warm-up, a throughput is less reliable."""


def _timed_briefly(record: Record) -> bool:
    return record.train_s is not None and record.train_s < max(
        LEAST_TIMED_S, (record.warmup_s or 0.0) + (record.resume_s or 0.0)
    )


def caveats(summary: Summary) -> list[str]:
    """Return what makes the figures less reliable or less comparable."""
    by_clock = [run for group in summary.groups if not group.speed for run in group.runs]
    found = time_doubts(by_clock)
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
            f"Trained on the reference images: {listed(seen, NAMED)}. Such an FID cannot be "
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
