"""The rankings behind the answer, and what leads each of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

from gan_bench.analysis.certain import Certain, certain, not_ruled_out
from gan_bench.analysis.factors import cells_of
from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.runs import busy
from gan_bench.analysis.statistics import FEWEST_SEEDS, SeedValues
from gan_bench.analysis.studied_factors import StudiedFactors
from gan_bench.analysis.summary import Group, only_elsewhere
from gan_bench.analysis.time_to_quality import EqualTime, EqualUpdates
from gan_bench.metrics import SPEED, metric
from gan_bench.report.sections.best_recipes import BestRecipes, best_recipes
from gan_bench.report.sections.certainty import UNTESTED, Certainty, certainty, leading
from gan_bench.text import figure


@dataclass(frozen=True)
class Standing:
    """A ranking by one measure, and what leads it: recipes, or else implementations."""

    certain: Certain
    best_recipes: BestRecipes | None
    """The best recipes, if these say what to use (see `best_recipes`)."""
    busy: bool
    """Whether other load may have changed the values, so that no difference is certain."""

    @property
    def implementations(self) -> RankedGroup:
        """All implementations that have a value."""
        return self.certain.implementations

    @property
    def compared(self) -> RankedGroup:
        """The recipes, if they say what to use, else the implementations."""
        return self.best_recipes.ranks if self.best_recipes else self.implementations

    @cached_property
    def _certainty(self) -> tuple[Certainty, str]:
        return certainty(self.compared, busy=self.busy)

    @property
    def certainty(self) -> Certainty:
        """How certain the lead of the best is."""
        return self._certainty[0]

    @property
    def badge(self) -> str:
        """The same in words."""
        return self._certainty[1]

    @property
    def leaders(self) -> tuple[str, ...]:
        """Labels of the best implementations, the best first."""
        best = self.best_recipes
        return best.implementations if best else leading(self.implementations, self.badge)

    @property
    def recipes(self) -> tuple[str, ...]:
        """The recipes of the leaders, if recipes are what was compared."""
        return self.best_recipes.leaders if self.best_recipes else ()

    @property
    def mean(self) -> str:
        """The mean of the best of what was compared."""
        ranks = self.compared
        return figure(ranks.spreads[ranks.best].mean)


@dataclass(frozen=True)
class Standings:
    """The rankings of a group; None where there is nothing to rank."""

    at_equal_images: Standing | None
    """By the final FID."""
    in_speed: Standing | None
    at_equal_time: Standing | None
    at_equal_updates: Standing | None
    """None if all made as many updates, too: the ranking would be that at equal images."""

    @property
    def quality(self) -> RankedGroup | None:
        """The implementations by their final FID."""
        return self.at_equal_images.implementations if self.at_equal_images else None

    @property
    def speed(self) -> RankedGroup | None:
        """The implementations by their throughput."""
        return self.in_speed.implementations if self.in_speed else None

    @property
    def unsure(self) -> str:
        """The badge under which nothing is certain of the implementations' quality or speed.

        Empty if something is.
        """
        found = [one for one in (self.at_equal_images, self.in_speed) if one]
        badges = [certainty(one.implementations, busy=one.busy)[1] for one in found]
        return next((badge for badge in badges if badge in UNTESTED), "")


def standings(
    group: Group, equal: EqualTime | None, updates: EqualUpdates | None = None
) -> Standings:
    """Return a group's rankings; a budget that is too short to rank quality ranks speed only."""
    fids = {row.label: row.fid for row in group.rows if row.fid and not row.saw_reference}
    speeds = {row.label: row.images_per_s for row in group.rows if row.images_per_s}
    shared = (
        group.speed.found.disturbed if group.speed else any(busy(run) for run in group.timed_ok)
    )

    def standing(found: Certain, *, shared: bool) -> Standing:
        return Standing(found, best_recipes(found, busy=shared), shared)

    def by_fid(values: Mapping[str, SeedValues], *, shared: bool = False) -> Standing | None:
        if not values or group.too_short:
            return None
        fid = metric(group.metric or "")
        return standing(certain(group.rows, values, fid, group.looks), shared=shared)

    return Standings(
        at_equal_images=by_fid(fids),
        in_speed=standing(_in_speed(group, speeds), shared=shared) if speeds else None,
        at_equal_time=by_fid(equal.fids, shared=shared) if equal else None,
        at_equal_updates=by_fid(updates.fids) if updates and not updates.same else None,
    )


def _in_speed(group: Group, speeds: Mapping[str, SeedValues]) -> Certain:
    if group.speed is None:
        return certain(group.rows, speeds, metric(SPEED))
    implementations = RankedGroup(speeds, metric(SPEED), group.speed.pairs(list(speeds)))
    factors = StudiedFactors.measured(cells_of(group.rows), group.speed)
    return Certain(factors, implementations, factors.labels)


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


def best_in_both(quality: Certain, speed: Certain) -> tuple[list[str], int]:
    """Return what no other rules out in quality and speed, with enough seeds to be so.

    They are in the order of quality. Also returns the number of those that only too few seeds keep
    from being ruled out.
    """
    measures = quality, speed
    spreads = [found.implementations.spreads for found in measures]
    every = not_ruled_out([label for label in spreads[0] if label in spreads[1]], measures)
    seeds = {x: min(by_label[x].seeds for by_label in spreads) for x in every}
    kept = [label for label in every if seeds[label] >= FEWEST_SEEDS]
    return kept, len(every) - len(kept)


def not_timed(group: Group, times: RankedGroup) -> list[str]:
    """Return those that only ran on another machine, and are in no comparison of times."""
    return [label for label in only_elsewhere(group) if label not in times.spreads]
