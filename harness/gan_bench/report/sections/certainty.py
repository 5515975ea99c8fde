"""How certain the lead in a ranking is, in words."""

from typing import Literal

from gan_bench.analysis.ranks import RankedGroup

NAMED = 4
"""Implementations or recipes that a sentence names before it counts the rest."""
Certainty = Literal["clear", "tied", "uncertain", "none"]
TOO_FEW = "too few seeds"
BUSY = "not certain: other load"
UNTESTED = (TOO_FEW, BUSY)
"""Badges under which no difference is called clear or absent."""


def certainty(ranks: RankedGroup, *, busy: bool = False) -> tuple[Certainty, str]:
    """Return how certain the lead of the best is, for programs and in words."""
    if len(ranks.labels) == 1:
        return "none", "nothing to compare with"
    short = ranks.best_is_short or len(ranks.unknown) == len(ranks.labels) - 1
    if busy and not (ranks.unknown and short):
        return "uncertain", BUSY
    if ranks.equals:
        return "tied", f"no clear lead: {1 + len(ranks.equals)} not distinguishable"
    if not ranks.unknown:
        return "clear", "clear lead"
    if short:
        return "uncertain", TOO_FEW
    return "uncertain", lead_except(len(ranks.unknown))


def lead_except(few: int) -> str:
    """Return the badge of a clear lead over all but some that have too few seeds."""
    return f"clear lead, except over {few} with too few seeds"


def leading(ranks: RankedGroup, badge: str) -> tuple[str, ...]:
    """Return the best and those that are not distinguishable from it, as far as was tested."""
    return (ranks.best,) if badge in UNTESTED else (ranks.best, *ranks.equals)
