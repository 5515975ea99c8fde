"""Which implementation to use, and how sure that is."""

from collections.abc import Sequence

from gan_bench.report.answer import NAMED, SEEN, UNSCORED, Standings, Verdict, unranked
from gan_bench.report.numbers import factor, listed
from gan_bench.report.standing import ENOUGH, Standing
from gan_bench.report.summary import Group


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
