"""The answer in up to three verdicts, which claim no more than the seeds allow."""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.statistics import SeedValues, interval
from gan_bench.analysis.summary import Group
from gan_bench.analysis.time_to_quality import EqualTime
from gan_bench.metrics import SPEED, metric
from gan_bench.text import factor, figure, listed, many

NAMED = 4
"""How many implementations a sentence names before it counts the rest."""
Certainty = Literal["clear", "tied", "uncertain", "none"]


@dataclass(frozen=True)
class Verdict:
    """What leads in one respect, and how sure that is."""

    topic: str
    leaders: tuple[str, ...]
    """The label of the best, and those that cannot be told apart from it; empty if none is."""
    figure: str
    """Of the best, e.g. ``FID 23.1``; empty if there is none."""
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


def standings(group: Group, equal: EqualTime | None) -> Standings:
    """Return a group's rankings; a budget that is too short to rank quality ranks speed only."""
    fids = {row.label: row.fid for row in group.rows if row.fid and not row.saw_reference}
    speeds = {row.label: row.images_per_s for row in group.rows if row.images_per_s}
    ranked = not group.too_short
    return Standings(
        quality=RankedGroup(fids, metric(group.metric or "")) if fids and ranked else None,
        speed=RankedGroup(speeds, metric(SPEED)) if speeds else None,
        equal_time=RankedGroup(equal.fids, metric(group.metric or ""))
        if equal and ranked
        else None,
    )


def answer(group: Group, ranks: Standings, equal: EqualTime | None) -> list[Verdict]:
    """Return what leads in quality, in speed and in quality at equal time."""
    if not any(row.ok_runs for row in group.rows):
        return [_none("No result", _nothing_finished(group))]
    verdicts = [_quality(group, ranks.quality), _speed(ranks.speed)]
    if ranks.equal_time and equal:
        verdicts.append(_equal_time(group, ranks.equal_time, equal))
    return verdicts


SEEN = (
    "Every implementation that has a score saw the reference in training, so quality cannot be "
    "ranked."
)
UNSCORED = "No final snapshot has a score, so quality cannot be ranked."


def unranked(group: Group) -> str:
    """Say why quality is not ranked."""
    if group.too_short:
        return f"{group.too_short}: speed alone is ranked."
    return SEEN if any(row.fid for row in group.rows) else UNSCORED


def _none(topic: str, sentence: str) -> Verdict:
    return Verdict(topic, (), "", "none", "not ranked", sentence)


def _nothing_finished(group: Group) -> str:
    statuses = Counter(run.status for run in group.runs)
    if set(statuses) == {"pending"}:
        return f"No run has finished yet: {many(len(group.runs), 'run')} planned."
    counted = listed([f"{number} {status}" for status, number in statuses.most_common()])
    return f"No run ended well ({counted}), so there is nothing to rank."


def _quality(group: Group, ranks: RankedGroup | None) -> Verdict:
    topic = "Quality"
    if ranks is None:
        return _none(topic, unranked(group))
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


def _equal_time(group: Group, ranks: RankedGroup, equal: EqualTime) -> Verdict:
    best = ranks.best
    mean = figure(ranks.spreads[best].mean)
    opening = (
        f"After {_duration(equal.seconds)}, when {equal.fastest} has finished, {best} has the "
        f"lowest FID: {mean} ({_seeds(ranks.spreads[best])})"
    )
    return _verdict("Quality at equal time", ranks, f"FID {mean}", opening)


def _speed(ranks: RankedGroup | None) -> Verdict:
    topic = "Speed"
    if ranks is None:
        return _none(topic, "No run was long enough for a steady rate, so speed is not ranked.")
    best = ranks.best
    rate = f"{figure(ranks.spreads[best].mean)} images/s"
    opening = f"{best} trains {rate} ({_seeds(ranks.spreads[best])})"
    if len(ranks.labels) > 1:
        opening = f"{best} trains fastest: {rate} ({_seeds(ranks.spreads[best])})"
    return _verdict(topic, ranks, rate, opening)


def _verdict(topic: str, ranks: RankedGroup, shown: str, opening: str) -> Verdict:
    best, *others = ranks.labels
    if not others:
        return Verdict(topic, (best,), shown, "none", "nothing to compare with", f"{opening}.")
    clear = [label for label in others if label not in (*ranks.equals, *ranks.unknown)]
    parts = [opening]
    if ranks.equals:
        named = [f"{label} ({_short(ranks.spreads[label])})" for label in ranks.equals]
        parts[0] += f", and cannot be told apart from {listed(named, NAMED)}"
    if clear:
        parts.append(_against(ranks, clear[0]))
    if ranks.unknown:
        parts.append(_too_few(ranks))
    certainty: Certainty = "tied" if ranks.equals else "uncertain" if ranks.unknown else "clear"
    few = f"clear lead but for {len(ranks.unknown)} with too few seeds"
    badge = {
        "tied": f"no clear lead: {1 + len(ranks.equals)} not told apart",
        "uncertain": few if clear and not ranks.best_is_short else "too few seeds: not certain",
        "clear": "clear lead",
    }[certainty]
    return Verdict(topic, (best, *ranks.equals), shown, certainty, badge, f"{'; '.join(parts)}.")


def _against(ranks: RankedGroup, worse: str) -> str:
    """Say how far the best is from the first that it can be told apart from."""
    found = ranks.between(ranks.best, worse)
    assert found is not None
    short = _short(ranks.spreads[worse])
    ratio = found.scale == "ratio"
    much = f"{factor(found.estimate)} times" if ratio else f"by {figure(found.estimate)}"
    if not ranks.metric.higher_is_better:
        return f"{worse} ({short}) is clearly higher, {much} ({interval(found)})"
    return f"that is clearly faster than {worse} ({short}), {much} ({interval(found)})"


def _too_few(ranks: RankedGroup) -> str:
    named = [f"{label} ({_short(ranks.spreads[label])})" for label in ranks.unknown]
    if ranks.best_is_short or len(named) == len(ranks.labels) - 1:
        return f"too few seeds to say that it is better than {listed(named, NAMED)}"
    return f"too few seeds to say anything of {listed(named, NAMED)}"


def _seeds(spread: SeedValues, planned: int | None = None) -> str:
    of = f" of {planned} planned" if planned and planned != spread.seeds else ""
    if spread.seeds < 2:
        return f"one seed{of}"
    return f"mean of {spread.seeds} seeds{of}, {figure(spread.low)} to {figure(spread.high)}"


def _short(spread: SeedValues) -> str:
    seeds = {1: ", one seed", 2: ", two seeds"}.get(spread.seeds, "")
    return f"{figure(spread.mean)}{seeds}"


def _duration(seconds: float) -> str:
    return f"{figure(seconds)} s" if seconds < 180 else f"{figure(seconds / 60)} min"
