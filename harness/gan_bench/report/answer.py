"""The answer in up to three verdicts, which claim no more than the seeds allow."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gan_bench.report.numbers import factor, figure, listed, many
from gan_bench.report.pace import EqualTime
from gan_bench.report.spread import Spread
from gan_bench.report.standing import ENOUGH, Standing
from gan_bench.report.summary import Group, Summary
from gan_bench.statistics import Difference

_NAMED = 4
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

    quality: Standing | None
    speed: Standing | None
    equal_time: Standing | None


def standings(group: Group, equal: EqualTime | None) -> Standings:
    """Return a group's rankings; a budget that is too short to rank quality ranks speed only."""
    fids = {row.label: row.fid for row in group.rows if row.fid and not row.saw_reference}
    speeds = {row.label: row.images_per_s for row in group.rows if row.images_per_s}
    ranked = not group.too_short
    return Standings(
        quality=Standing(fids, lower_is_better=True) if fids and ranked else None,
        speed=Standing(speeds, lower_is_better=False) if speeds else None,
        equal_time=Standing(equal.fids, lower_is_better=True) if equal and ranked else None,
    )


def answer(group: Group, ranks: Standings, equal: EqualTime | None) -> list[Verdict]:
    """Return what leads in quality, in speed and in quality at equal time."""
    if not any(row.ok_runs for row in group.rows):
        return [_none("No result", _nothing_finished(group))]
    verdicts = [_quality(group, ranks.quality), _speed(ranks.speed)]
    if ranks.equal_time and equal:
        verdicts.append(_equal_time(group, ranks.equal_time, equal))
    return verdicts


def advice(group: Group, ranks: Standings, verdicts: Sequence[Verdict]) -> str:
    """Return which implementation to use and how sure that is, in one or two sentences."""
    if not any(row.ok_runs for row in group.rows):
        return "Nothing can be recommended: no run has ended well."
    quality, speed = ranks.quality, ranks.speed
    if quality is None:
        why = {
            _SEEN: "Nothing says which learns best, as all have seen the reference",
            _UNSCORED: "Without scores nothing says which learns best",
        }.get(_unranked(group), "This budget is too short to say which learns best")
        if speed is None:
            return f"{why}."
        if len(speed.labels) == 1:
            return f"{why}, and only {speed.best} has a speed."
        sure = next(v.badge for v in verdicts if v.topic == "Speed")
        return f"{why}; {speed.best} trains fastest ({sure})."
    best = quality.best
    if len(quality.labels) == 1:
        return f"Only {best} has a score: there is nothing to choose from."
    if len(quality.unknown) == len(quality.labels) - 1:
        return (
            f"Nothing is certain with so few seeds: {best} has the lowest FID. Run more "
            "(--seeds 3, or better 5) before deciding."
        )
    if quality.unknown and quality.best_is_short:
        return (
            f"{best} has the lowest FID, but too few seeds to be told from "
            f"{listed(quality.unknown, _NAMED, last='or')}. Run more before deciding."
        )
    aside = f", {listed(quality.unknown, _NAMED)} with too few seeds aside"
    unsure = aside if quality.unknown else ""
    if not quality.equals:
        return (
            f"Use {best}: it has the lowest FID, and the lead is clear{unsure}. "
            f"{_pace(best, speed)}".strip()
        )
    together = [best, *quality.equals]
    fastest = _fastest(together, speed)
    these = f"the {len(together)} that the seeds cannot tell from the best in FID"
    rest = [label for label in together if label != fastest[0]]
    if speed and len(fastest) == 1 and all(speed.clearly(fastest[0], other) for other in rest):
        return f"Use {fastest[0]}: of {these}{unsure}, it clearly trains fastest."
    any_of = listed(fastest, _NAMED, last="or")
    return f"Use {any_of}: of {these}{unsure}, none clearly trains faster."


def _fastest(labels: Sequence[str], speed: Standing | None) -> list[str]:
    """Return those of the labels that none of them is clearly faster than."""
    if speed is None:
        return list(labels)
    known = [label for label in speed.labels if label in labels]
    slower = {one for one in known for other in known if speed.clearly(other, one)}
    return [*(one for one in known if one not in slower), *(o for o in labels if o not in known)]


def _pace(label: str, speed: Standing | None) -> str:
    """Say how fast it is beside all others, as far as the seeds tell."""
    if speed is None or label not in speed.labels or len(speed.labels) < 2:
        return ""
    faster = [other for other in speed.labels if speed.clearly(other, label)]
    if faster:
        found = speed.between(faster[0], label)
        assert found is not None
        return f"{faster[0]} trains {factor(found.estimate)} times as fast."
    if min(spread.seeds for spread in speed.spreads.values()) < ENOUGH:
        return ""
    return "None of the others clearly trains faster."


def caveats(summary: Summary) -> list[str]:
    """Return what makes the figures less certain or less comparable."""
    found = []
    records = [run.record for run in summary.runs if run.record and run.record.status == "ok"]
    shared = [r for r in records if r.circumstances.device_exclusive is False]
    if shared:
        most = max(record.circumstances.other_load or 0.0 for record in shared)
        found.append(
            f"Other processes used up to {most:.0%} of the processors during "
            f"{len(shared)} of {many(len(records), 'finished run')}, so times are less certain."
        )
    seen = sorted(label for label, row in summary.rows.items() if row.saw_reference)
    if seen:
        found.append(
            f"The reference of the scores was seen in training by {listed(seen, _NAMED)}: a FID of "
            "that kind does not compare with the others and is not ranked."
        )
    commits = {record.circumstances.git_commit for record in records} - {None}
    if len(commits) > 1:
        found.append(f"The runs are of {len(commits)} git commits.")
    failed = [run for run in summary.runs if run.status not in ("ok", "pending")]
    pending = [run for run in summary.runs if run.status == "pending"]
    for runs, what in ((failed, "did not end well"), (pending, "not finished yet")):
        if runs and records:
            verb = "" if runs is failed else "is " if len(runs) == 1 else "are "
            found.append(f"{many(len(runs), 'run')} {verb}{what}: see the ranking.")
    return found


_SEEN = (
    "Every implementation that has a score saw the reference in training, so quality cannot be "
    "ranked."
)
_UNSCORED = "No final snapshot has a score, so quality cannot be ranked."


def _unranked(group: Group) -> str:
    """Say why quality is not ranked."""
    if group.too_short:
        return f"{group.too_short}: speed alone is ranked."
    return _SEEN if any(row.fid for row in group.rows) else _UNSCORED


def _none(topic: str, sentence: str) -> Verdict:
    return Verdict(topic, (), "", "none", "not ranked", sentence)


def _nothing_finished(group: Group) -> str:
    statuses = Counter(run.status for run in group.runs)
    if set(statuses) == {"pending"}:
        return f"No run has finished yet: {many(len(group.runs), 'run')} planned."
    counted = listed([f"{number} {status}" for status, number in statuses.most_common()])
    return f"No run ended well ({counted}), so there is nothing to rank."


def _quality(group: Group, ranks: Standing | None) -> Verdict:
    topic = "Quality"
    if ranks is None:
        return _none(topic, _unranked(group))
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


def _equal_time(group: Group, ranks: Standing, equal: EqualTime) -> Verdict:
    best = ranks.best
    mean = figure(ranks.spreads[best].mean)
    opening = (
        f"After {_duration(equal.seconds)}, when {equal.fastest} has finished, {best} has the "
        f"lowest FID: {mean} ({_seeds(ranks.spreads[best])})"
    )
    return _verdict("Quality at equal time", ranks, f"FID {mean}", opening)


def _speed(ranks: Standing | None) -> Verdict:
    topic = "Speed"
    if ranks is None:
        return _none(topic, "No run was long enough for a steady rate, so speed is not ranked.")
    best = ranks.best
    rate = f"{figure(ranks.spreads[best].mean)} images/s"
    opening = f"{best} trains {rate} ({_seeds(ranks.spreads[best])})"
    if len(ranks.labels) > 1:
        opening = f"{best} trains fastest: {rate} ({_seeds(ranks.spreads[best])})"
    return _verdict(topic, ranks, rate, opening)


def _verdict(topic: str, ranks: Standing, shown: str, opening: str) -> Verdict:
    best, *others = ranks.labels
    if not others:
        return Verdict(topic, (best,), shown, "none", "nothing to compare with", f"{opening}.")
    clear = [label for label in others if label not in (*ranks.equals, *ranks.unknown)]
    parts = [opening]
    if ranks.equals:
        named = [f"{label} ({_short(ranks.spreads[label])})" for label in ranks.equals]
        parts[0] += f", and cannot be told apart from {listed(named, _NAMED)}"
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


def _against(ranks: Standing, worse: str) -> str:
    """Say how far the best is from the first that it can be told apart from."""
    found = ranks.between(ranks.best, worse)
    assert found is not None
    short = _short(ranks.spreads[worse])
    ratio = found.scale == "ratio"
    much = f"{factor(found.estimate)} times" if ratio else f"by {figure(found.estimate)}"
    if ranks.lower_is_better:
        return f"{worse} ({short}) is clearly higher, {much} ({interval(found)})"
    return f"that is clearly faster than {worse} ({short}), {much} ({interval(found)})"


def interval(difference: Difference) -> str:
    """Return e.g. ``95 % interval 1.2 to 3.4, p 0.003``."""
    show = factor if difference.scale == "ratio" else figure
    p = "p < 0.001" if difference.p < 0.001 else f"p {difference.p:.2g}"
    return f"95 % interval {show(difference.low)} to {show(difference.high)}, {p}"


def _too_few(ranks: Standing) -> str:
    named = [f"{label} ({_short(ranks.spreads[label])})" for label in ranks.unknown]
    if ranks.best_is_short or len(named) == len(ranks.labels) - 1:
        return f"too few seeds to say that it is better than {listed(named, _NAMED)}"
    return f"too few seeds to say anything of {listed(named, _NAMED)}"


def _seeds(spread: Spread, planned: int | None = None) -> str:
    of = f" of {planned} planned" if planned and planned != spread.seeds else ""
    if spread.seeds < 2:
        return f"one seed{of}"
    return f"mean of {spread.seeds} seeds{of}, {figure(spread.low)} to {figure(spread.high)}"


def _short(spread: Spread) -> str:
    seeds = {1: ", one seed", 2: ", two seeds"}.get(spread.seeds, "")
    return f"{figure(spread.mean)}{seeds}"


def _duration(seconds: float) -> str:
    return f"{figure(seconds)} s" if seconds < 180 else f"{figure(seconds / 60)} min"
