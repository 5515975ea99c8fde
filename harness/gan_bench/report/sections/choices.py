"""What to use for quality, for speed and for both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gan_bench.analysis.certain import not_ruled_out
from gan_bench.analysis.summary import Group
from gan_bench.analysis.time_to_quality import EqualTime
from gan_bench.report.sections.best_recipes import framework_sentence
from gan_bench.report.sections.certainty import NAMED, TOO_FEW, Certainty, lead_except
from gan_bench.report.sections.standings import (
    Standing,
    Standings,
    Unranked,
    best_in_both,
    not_timed,
)
from gan_bench.text import duration, figure, listed, many

_NOT_RULED_OUT = "clearly better in final FID or speed and as good in the other"
Purpose = Literal["quality", "speed", "both"]


@dataclass(frozen=True)
class Choice:
    """What to use for one purpose."""

    purpose: Purpose
    leaders: tuple[str, ...]
    """Labels to choose from, the best first; empty if the seeds say nothing yet."""
    how: str
    """What they lead in, e.g. ``lowest final FID, 23.1``."""
    certainty: Certainty
    badge: str
    recipes: tuple[str, ...] = ()
    """The recipes of the leaders, if recipes are what was compared."""
    figures: tuple[str, ...] = ()
    """The leaders' own values, if recipes are what was compared."""
    framework: str = ""
    """A sentence on whether the framework makes a difference."""

    @property
    def in_words(self) -> str:
        """E.g. ``torch-dcgan (fastest, 250 images/s; clear lead)``."""
        if not self.leaders:
            return f"not certain yet ({self.badge})"
        in_brackets = f"({'; '.join(filter(None, (self.how, self.badge)))})"
        if not self.recipes:
            return f"{listed(self.leaders, NAMED, last='or')} {in_brackets}"
        pairs = zip(self.leaders, self.figures, strict=True)
        own = [f"{label} ({value})" for label, value in pairs]
        recipes = listed(self.recipes, NAMED, last="or")
        return f"recipe {recipes} {in_brackets}, as {listed(own, NAMED, last='or')}"


def choices(group: Group, ranks: Standings, equal: EqualTime | None) -> list[Choice]:
    """Return what to use for quality, for speed and for both; none without two to choose from."""
    quality, speed = ranks.at_equal_images, ranks.in_speed
    if quality is None or len(quality.implementations.labels) < 2:
        return []
    best = _choice("quality", group, quality, "lowest final FID{}, {}")
    framework = framework_sentence(quality.certain) if best.recipes else ""
    found = [replace(best, framework=framework)]
    if speed and len(speed.implementations.labels) > 1:
        found.append(_choice("speed", group, speed, "fastest{}, {} images/s"))
        both = _both(group, ranks, quality, speed, equal)
        found += [both] if both else []
    return found


def _choice(purpose: Purpose, group: Group, standing: Standing, how: str) -> Choice:
    """Return the best recipes by a measure, or else the best implementations.

    ``how`` has places for the number of those that were compared, and for the best value.
    """
    implementations, of, mean = standing.implementations, "", standing.mean
    # Those that only ran on another machine are in no comparison of times.
    timed = purpose != "quality"
    here = " on one machine" if timed and not_timed(group, implementations) else ""
    if best := standing.best_recipes:
        of = f" of {many(len(best.ranks.labels), 'recipe')}{here}"
        over = len(best.frameworks[best.ranks.best])
        mean = f"mean over {over} frameworks {mean}" if over > 1 else mean
    elif here:
        of = f" of {len(implementations.labels)}{here}"
    own = tuple(figure(implementations.spreads[x].mean) for x in standing.leaders)
    return Choice(
        purpose,
        standing.leaders,
        how.format(of, mean),
        standing.certainty,
        standing.badge,
        recipes=standing.recipes,
        figures=own if standing.recipes else (),
    )


def _both(
    group: Group, ranks: Standings, quality: Standing, speed: Standing, equal: EqualTime | None
) -> Choice | None:
    """Return the best at equal time, or without its curves those that nothing rules out.

    Of several that are not distinguishable at equal time, those stay that no other of them rules
    out in final FID and speed.
    """
    both = quality.certain, speed.certain
    if ranks.at_equal_time and equal:
        after = f"lowest FID{{}} after {duration(equal.seconds)}"
        every = _choice("both", group, ranks.at_equal_time, f"{after}, {{}}")
        left = not_ruled_out(every.leaders, both)
        if len(left) == len(every.leaders):
            return every
        # A recipe's mean would be that of all its twins.
        chosen = _choice("both", group, ranks.at_equal_time, after) if every.recipes else every
        return _narrowed(chosen, left, quality.certain.cell_of)
    kept, few = best_in_both(*both)
    if not kept and not few:
        return None
    if ranks.unsure or not kept:
        return Choice("both", (), "", "uncertain", ranks.unsure or TOO_FEW)
    timed = speed.implementations
    here = f", of {len(timed.labels)} on one machine" if not_timed(group, timed) else ""
    if len(kept) == 1:
        certain: Certainty = "uncertain" if few else "clear"
        badge = lead_except(few) if few else "clear lead"
        return Choice("both", tuple(kept), f"no other is as good in both{here}", certain, badge)
    how = f"no other is {_NOT_RULED_OUT}{here}"
    return Choice("both", tuple(kept), how, "tied", f"a choice of {len(kept)}")


def _narrowed(found: Choice, left: Sequence[str], cell_of: Mapping[str, tuple[str, str]]) -> Choice:
    """Return a choice of several with those alone that none of the others rules out."""
    every = found.leaders
    chosen = replace(found, leaders=tuple(left))
    if found.recipes:
        of_label = dict(zip(every, found.figures, strict=True))
        recipes = {cell_of[label][0] for label in left}
        chosen = replace(
            chosen,
            figures=tuple(of_label[label] for label in left),
            recipes=tuple(recipe for recipe in found.recipes if recipe in recipes),
        )
        if len(found.recipes) == 1:
            return chosen
    lowest = found.recipes[0] in chosen.recipes if found.recipes else every[0] in left
    best = "" if lowest else "not distinguishable from the "
    dropped = listed([label for label in every if label not in left], NAMED)
    return replace(
        chosen,
        badge=found.badge if found.recipes else f"no clear lead: {len(every)} not distinguishable",
        how=f"{best}{found.how}; {dropped} left out, as another is clearly better in final FID or "
        "speed and not clearly worse in the other",
    )


def no_choice(group: Group, ranks: Standings) -> str:
    """Return why there is nothing to choose for quality, in one sentence."""
    if not any(row.ok_runs for row in group.rows):
        none = "has finished yet" if all(row.pending for row in group.rows) else "succeeded"
        return f"There is no recommendation: no run {none}."
    quality, speed = ranks.at_equal_images, ranks.in_speed
    if quality is not None:
        best = quality.implementations.best
        return f"Only {best} has a score, so there is nothing to choose from."
    why = {
        Unranked.TOO_SHORT: "This budget is too short to compare quality",
        Unranked.SAW_REFERENCE: "Quality is not ranked, as all trained on the reference images",
        Unranked.NOT_SCORED: "Quality is not ranked, as nothing was scored",
    }[Unranked.of(group)]
    if speed is None:
        return f"{why}."
    fastest = speed.compared.best
    if len(speed.implementations.labels) == 1:
        return f"{why}, and only the speed of {fastest} was measured."
    what = "the recipe " if speed.recipes else ""
    return f"{why}; {what}{fastest} trains fastest ({speed.badge})."


def more_seeds(chosen: Sequence[Choice]) -> str:
    """Return what to run before one decides, if there are too few seeds for that."""
    if not any(one.badge == TOO_FEW for one in chosen):
        return ""
    return "Run 3 seeds or, better, 5 (--seeds 5) before you decide."
