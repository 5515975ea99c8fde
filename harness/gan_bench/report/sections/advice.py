"""Which implementation to use, and how sure that is."""

from collections.abc import Sequence

from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.statistics import FEWEST_SEEDS
from gan_bench.analysis.summary import Group, Summary
from gan_bench.report.sections.answer import NAMED, SEEN, UNSCORED, Standings, Verdict, unranked
from gan_bench.text import factor, listed, many


def advice(group: Group, ranks: Standings, verdicts: Sequence[Verdict]) -> str:
    """Return which implementation to use and how sure that is, in one or two sentences."""
    if not any(row.ok_runs for row in group.rows):
        return "Nothing can be recommended: no run has ended well."
    quality, speed = ranks.quality, ranks.speed
    if quality is None:
        why = {
            SEEN: "Nothing says which learns best, as all have seen the reference",
            UNSCORED: "Without scores nothing says which learns best",
        }.get(unranked(group), "This budget is too short to say which learns best")
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
            f"{listed(quality.unknown, NAMED, last='or')}. Run more before deciding."
        )
    aside = f", {listed(quality.unknown, NAMED)} with too few seeds aside"
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
    any_of = listed(fastest, NAMED, last="or")
    return f"Use {any_of}: of {these}{unsure}, none clearly trains faster."


def _fastest(labels: Sequence[str], speed: RankedGroup | None) -> list[str]:
    """Return those of the labels that none of them is clearly faster than."""
    if speed is None:
        return list(labels)
    known = [label for label in speed.labels if label in labels]
    slower = {one for one in known for other in known if speed.clearly(other, one)}
    return [*(one for one in known if one not in slower), *(o for o in labels if o not in known)]


def _pace(label: str, speed: RankedGroup | None) -> str:
    """Say how fast it is beside all others, as far as the seeds tell."""
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
            f"The reference of the scores was seen in training by {listed(seen, NAMED)}: a FID of "
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
