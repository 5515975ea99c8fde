"""The rankings behind the answer, and how certain it is that the best of one is best."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

from gan_bench.analysis.factors import Certain, cells_of, certain
from gan_bench.analysis.ranks import RankedGroup, undominated
from gan_bench.analysis.runs import busy
from gan_bench.analysis.statistics import FEWEST_SEEDS, SeedValues
from gan_bench.analysis.studied_factors import StudiedFactors
from gan_bench.analysis.summary import Group, only_elsewhere
from gan_bench.analysis.time_to_quality import EqualTime, EqualUpdates
from gan_bench.metrics import SPEED, metric
from gan_bench.text import figure

NAMED = 4
"""Implementations or recipes that a sentence names before it counts the rest."""
Certainty = Literal["clear", "tied", "uncertain", "none"]
TOO_FEW = "too few seeds"
BUSY = "not certain: other load"
UNTESTED = (TOO_FEW, BUSY)
"""Badges under which no difference is called clear or absent."""


@dataclass(frozen=True)
class Standings:
    """The rankings behind the verdicts; None where there is nothing to rank."""

    at_equal_images: Certain | None
    """By the final FID, of recipes, frameworks and implementations."""
    in_speed: Certain | None
    at_equal_time: Certain | None
    at_equal_updates: Certain | None = None
    """None if all made as many updates, too: the ranking would be that at equal images."""
    busy: bool = False
    """Whether other processes used the machine while the times were measured, by the runs or by a
    study of speed, so that no difference in time is certain."""

    @property
    def quality(self) -> RankedGroup | None:
        """The implementations by their final FID."""
        return self.at_equal_images.implementations if self.at_equal_images else None

    @property
    def speed(self) -> RankedGroup | None:
        """The implementations by their throughput."""
        return self.in_speed.implementations if self.in_speed else None


def standings(
    group: Group, equal: EqualTime | None, updates: EqualUpdates | None = None
) -> Standings:
    """Return a group's rankings; a budget that is too short to rank quality ranks speed only."""
    fids = {row.label: row.fid for row in group.rows if row.fid and not row.saw_reference}
    speeds = {row.label: row.images_per_s for row in group.rows if row.images_per_s}
    ranked = not group.too_short
    fid = metric(group.metric or "")
    shared = any(busy(run) for run in group.timed_ok)
    if group.speed is not None:
        shared = group.speed.found.disturbed
    return Standings(
        at_equal_images=certain(group.rows, fids, fid, group.looks) if fids and ranked else None,
        in_speed=_in_speed(group, speeds) if speeds else None,
        at_equal_time=(
            certain(group.rows, equal.fids, fid, group.looks) if equal and ranked else None
        ),
        at_equal_updates=(
            certain(group.rows, updates.fids, fid, group.looks)
            if updates and ranked and not updates.same
            else None
        ),
        busy=shared,
    )


def _in_speed(group: Group, speeds: Mapping[str, SeedValues]) -> Certain:
    if group.speed is None:
        return certain(group.rows, speeds, metric(SPEED))
    implementations = RankedGroup(speeds, metric(SPEED), group.speed.pairs(list(speeds)))
    factors = StudiedFactors.measured(cells_of(group.rows), group.speed)
    return Certain(factors, implementations)


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


def certainty(ranks: RankedGroup, *, busy: bool = False) -> tuple[Certainty, str]:
    """Return how certain it is that the best is best, for programs and in words."""
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


def not_ruled_out(quality: RankedGroup, speed: RankedGroup) -> tuple[list[str], int]:
    """Return what no other rules out in quality and speed, with enough seeds to be so.

    Also returns the number of those that only too few seeds keep from being ruled out.
    """
    every = undominated(quality, speed)
    seeds = {x: min(ranks.spreads[x].seeds for ranks in (quality, speed)) for x in every}
    kept = [label for label in every if seeds[label] >= FEWEST_SEEDS]
    return kept, len(every) - len(kept)


def best_figure(ranks: RankedGroup) -> str:
    """Return the mean of the best."""
    return figure(ranks.spreads[ranks.best].mean)


def not_timed(group: Group, times: RankedGroup) -> list[str]:
    """Return those that only ran on another machine, and are in no comparison of times."""
    return [label for label in only_elsewhere(group) if label not in times.spreads]
