"""The answer in one to three generated sentences, which claims no more than the seeds allow."""

from collections import Counter

from gan_bench.report.numbers import factor, figure, listed, many
from gan_bench.report.summary import Group, Row, Spread, Summary

_NAMED = 4
"""How many implementations a sentence names before it counts the rest."""


def answer(group: Group) -> list[str]:
    """Return what leads in quality, where the budget allows to say so, and in speed."""
    if not any(row.ok_runs for row in group.rows):
        return [_nothing_finished(group)]
    sentences = [_speed_only(group)] if group.too_short else _quality(group)
    return [*sentences, *_speed(group)]


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
    rows = {row.label: row for group in summary.groups for row in group.rows}
    seen = sorted(label for label, row in rows.items() if row.saw_reference)
    if seen:
        found.append(
            f"The reference of the scores was seen in training by {listed(seen, _NAMED)}: a FID of "
            "that kind does not compare with the others."
        )
    commits = {record.circumstances.git_commit for record in records} - {None}
    if len(commits) > 1:
        found.append(f"The runs are of {len(commits)} git commits.")
    failed = [run for run in summary.runs if run.status not in ("ok", "pending")]
    pending = [run for run in summary.runs if run.status == "pending"]
    for runs, what in ((failed, "did not end well"), (pending, "not finished yet")):
        if runs and records:
            verb = "" if runs is failed else "is " if len(runs) == 1 else "are "
            found.append(f"{many(len(runs), 'run')} {verb}{what}: see the list below the table.")
    return found


def _nothing_finished(group: Group) -> str:
    statuses = Counter(run.status for run in group.runs)
    if set(statuses) == {"pending"}:
        return f"No run has finished yet: {many(len(group.runs), 'run')} planned."
    counted = listed([f"{number} {status}" for status, number in statuses.most_common()])
    return f"No run ended well ({counted}), so there is nothing to rank."


def _speed_only(group: Group) -> str:
    return f"{group.too_short}: this report ranks speed only."


def _seeds(spread: Spread) -> str:
    if spread.seeds < 2:
        return f"{figure(spread.mean)}, one seed"
    return f"{figure(spread.low)} to {figure(spread.high)}"


def _quality(group: Group) -> list[str]:
    ranked = [(row, row.fid) for row in group.rows if row.fid]
    if not ranked:
        return ["No final snapshot has a score, so quality cannot be ranked."]
    best, fid = min(ranked, key=lambda pair: pair[1].mean)
    others = sorted(
        ((row, spread) for row, spread in ranked if row is not best), key=lambda p: p[1].mean
    )
    lead = "has the lowest final FID" if others else "is the only one with a final FID"
    name = f"{best.label} {lead} ({group.features} features): {figure(fid.mean)}"
    lost = len(best.runs) - fid.seeds
    if fid.seeds < 2:
        of = f"one seed of {len(best.runs)}" if lost else "one seed"
        if not others:
            return [f"{name}, from {of}, so no uncertainty can be given."]
        all_of_them = listed([f"{row.label} {figure(s.mean)}" for row, s in others], _NAMED)
        return [
            f"Quality cannot be ranked from {of}: final FID ({group.features} features) of "
            f"{best.label} {figure(fid.mean)}, {all_of_them}."
        ]
    of = f" of {len(best.runs)} planned" if lost else ""
    sentences = [f"{name} (mean of {fid.seeds} seeds{of}, {_seeds(fid)})."]
    equal = [_quoted(row, s) for row, s in others if s.seeds > 1 and s.overlaps(fid)]
    single = [_quoted(row, s) for row, s in others if s.seeds < 2]
    if equal:
        sentences.append(
            f"It cannot be told apart from {listed(equal, _NAMED)}: the seeds' ranges overlap."
        )
    if single:
        sentences.append(
            f"Nothing certain can be said of {listed(single, _NAMED)}: one seed has no spread."
        )
    if others and not equal and not single:
        row, spread = others[0]
        sentences[0] = sentences[0].removesuffix(".") + (
            f"; no other's seeds come within this range, the next is {row.label} with "
            f"{figure(spread.mean)} ({_seeds(spread)})."
        )
    return [" ".join(sentences)]


def _quoted(row: Row, spread: Spread) -> str:
    seeds = _seeds(spread)
    return (
        f"{row.label} ({seeds})"
        if spread.seeds < 2
        else (f"{row.label} ({figure(spread.mean)}, {seeds})")
    )


def _speed(group: Group) -> list[str]:
    ranked = sorted(
        ((row, row.images_per_s) for row in group.rows if row.images_per_s),
        key=lambda pair: -pair[1].median,
    )
    if not ranked:
        return ["No run was long enough for a steady rate, so speed cannot be ranked."]
    (best, speed), *others = ranked
    rate = f"{figure(speed.median)} images/s"
    if not others:
        return [f"{best.label} trains {rate}."]
    equal = [
        f"{row.label} ({figure(spread.median)})"
        for row, spread in others
        if speed.seeds > 1 and spread.seeds > 1 and spread.overlaps(speed)
    ]
    slowest, least = others[-1]
    if equal:
        text = (
            f"{best.label} trains {rate} and cannot be told apart in speed from "
            f"{listed(equal, _NAMED)}: the seeds' ranges overlap"
        )
        if len(equal) < len(others) and not least.overlaps(speed):
            text += (
                f"; it is {factor(speed.median / least.median)} times as fast as the slowest, "
                f"{slowest.label} ({figure(least.median)})"
            )
        return [f"{text}."]
    second, next_speed = others[0]
    text = (
        f"{best.label} is the fastest: {rate}, {factor(speed.median / next_speed.median)} times "
        f"{second.label} ({figure(next_speed.median)})"
    )
    if len(others) > 1:
        text += (
            f" and {factor(speed.median / least.median)} times the slowest, {slowest.label} "
            f"({figure(least.median)})"
        )
    single = min(spread.seeds for _, spread in ranked) < 2
    return [f"{text}{'; one seed has no spread' if single else ''}."]
