"""The best recipes of a group that has twins, their implementations, and the framework's part."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from gan_bench.analysis.certain import Certain
from gan_bench.analysis.factors import Factors, most_seeds
from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.statistics import FEWEST_SEEDS, Difference, p_value
from gan_bench.report.sections.certainty import NAMED, UNTESTED, certainty, leading
from gan_bench.text import factor, listed


@dataclass(frozen=True)
class BestRecipes:
    """The best recipe and those that are not told apart from it."""

    ranks: RankedGroup
    """Of all recipes."""
    frameworks: Mapping[str, tuple[str, ...]]
    """The frameworks over which the mean of each is taken."""
    leaders: tuple[str, ...]
    """Recipes, the best first."""
    implementations: tuple[str, ...]
    """Labels of theirs, the best first, without those that have a clearly better twin, or too few
    seeds to count."""
    within: frozenset[str]
    """The frameworks of these implementations."""


def best_recipes(found: Certain, *, busy: bool = False) -> BestRecipes | None:
    """Return the best recipes of a group, by a measure that other load may have changed (``busy``).

    None if there are no twins or no second recipe; if too few seeds or other load leave nothing
    certain of recipes; or if recipes say too little of what to use:

    - the best implementation is of another recipe or of none, or has too few seeds to count;
    - all implementations of a leading recipe are clearly worse than others;
    - the recipes do not lead over the frameworks of the implementations to use alone;
    - an implementation that may be the best is of another recipe and in another framework.
    """
    if found.recipes is None:
        return None
    best = _best(found, found.factors, busy=busy)
    if best is None or best.within == {*found.factors.frameworks}:
        return best
    again = _best(found, found.factors.within(best.within), busy=busy)
    same = again and {*again.leaders} == {*best.leaders} and again.within == best.within
    return again if same else None


def _best(found: Certain, factors: Factors, *, busy: bool) -> BestRecipes | None:
    recipes, implementations = factors.ranked_recipes, found.implementations
    if recipes is None:
        return None
    badge = certainty(recipes, busy=busy)[1]
    if badge in UNTESTED or recipes.best_is_short:
        return None
    leaders = leading(recipes, badge)
    if not all(recipes.alike(recipes.best, other) for other in leaders[1:]):
        return None  # no framework has both, or those that do contradict the order of the means
    of_label = found.cell_of
    # Own loops are of no recipe; one that may be the best of all makes the recipes half an answer.
    if any(label not in of_label for label in (implementations.best, *implementations.unclear)):
        return None
    counted = {recipe: factors.counted(recipe) for recipe in factors.recipes}
    of_leaders = {found.labels[recipe, f] for recipe in leaders for f in counted[recipe]}
    worse = _clearly_worse_twins(found, counted)
    kept = tuple(
        label
        for label in implementations.labels
        if label in of_leaders - worse
        and not any(implementations.clearly(other, label) for other in implementations.labels)
    )
    within = frozenset(of_label[label][1] for label in kept)
    elsewhere = [
        label
        for label in implementations.unclear
        if of_label[label][0] not in leaders and of_label[label][1] not in within
    ]
    every_recipe = {of_label[label][0] for label in kept} == {*leaders}
    if implementations.best not in kept or not every_recipe or elsewhere:
        return None
    return BestRecipes(recipes, counted, leaders, kept, within)


def _clearly_worse_twins(found: Certain, counted: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Return the labels that have a clearly better twin, of those over which means are taken."""
    worse = set()
    for twin in found.twins_told_apart:
        if {twin.framework, twin.to} <= {*counted[twin.recipe]}:
            lower, higher = twin.framework, twin.to
            if twin.ratio.estimate > 1:
                lower, higher = higher, lower
            lower_is_better = found.implementations.metric.sign > 0
            worse.add(found.labels[twin.recipe, higher if lower_is_better else lower])
    return worse


def framework_sentence(found: Certain) -> str:
    """Return whether the framework makes a difference to the FID, with the ratio that shows it.

    Empty if the seeds are too few.
    """
    ranks = found.frameworks
    if ranks is None:
        return ""
    names = ranks.labels
    pairs = {
        (better, worse): ratio
        for better, worse in combinations(names, 2)
        if (ratio := ranks.between(better, worse))
    }
    clear = {pair: ratio for pair, ratio in pairs.items() if ranks.clearly(*pair)}
    if clear:
        # The differences from the best say most.
        shown = {pair: clear[pair] for pair in clear if pair[0] == ranks.best} or clear
        said = [
            f"FIDs with {worse} are on average {factor(ratio.estimate)} ({_interval(ratio)}) times "
            f"those with {better}"
            for (better, worse), ratio in shown.items()
        ]
        open_ = f"; {ranks.best} is not told apart from {listed(ranks.unclear, NAMED)}"
        return f"The framework matters: {listed(said)}{open_ if ranks.unclear else ''}."
    if any(most_seeds(found.twins, a, b) < FEWEST_SEEDS for a, b in combinations(names, 2)):
        return ""
    widest = max(pairs, key=lambda pair: abs(pairs[pair].estimate - 1))
    most = "largest ratio of FIDs" if len(names) > 2 else "ratio of FIDs"
    better, worse = widest
    ratio = pairs[widest]
    shows = f"{most}, {worse} / {better}: {factor(ratio.estimate)}, {_interval(ratio)}"
    if ratio.low > 1 or ratio.high < 1:
        # The interval is not corrected for the number of pairs, the verdict is.
        shows = f"{shows}, corrected {p_value(ratio.p)}"
    differ = list(dict.fromkeys(twin.recipe for twin in found.twins_told_apart))
    if differ:
        return (
            "On average, the framework makes no difference that these seeds show, but it does for "
            f"{listed(differ, NAMED)} ({shows})."
        )
    return f"The framework makes no difference that these seeds show ({shows})."


def _interval(ratio: Difference) -> str:
    return f"95 % interval {factor(ratio.low)} to {factor(ratio.high)}"
