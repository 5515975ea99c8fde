"""The effect that a claim is about: of one framework's runs, or of several frameworks' together."""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from gan_bench.analysis.statistics import (
    FEWEST_SEEDS,
    Difference,
    SeedValues,
    as_difference,
    compare,
    mean_interval,
    on_scale,
    welch,
)
from gan_bench.metrics import SPEED, Metric, Scale
from gan_bench.report.claims.evidence import Evidence
from gan_bench.report.claims.measures import Measures
from gan_bench.report.claims.power import seeds_for_difference, seeds_for_mean
from gan_bench.report.claims.sources import Claim
from gan_bench.text import figure, many


@dataclass(frozen=True)
class Effect:
    """An effect that was tested."""

    p: float
    """Not yet corrected for the number of claims."""
    towards: Literal["lower", "higher"]
    how: str
    seeds: int
    needed: Callable[[float], int | None]
    """How many seeds would decide at a level."""
    interval: str
    """In words."""
    of_each: Literal["seed", "repeat"] = "seed"


Values = tuple[Sequence[float], ...]
"""What was tested, on its scale: the two sides of Welch's test, or the values of a mean."""


def tested_effect(fit: Sequence[Evidence], difference: Difference, values: Values) -> Effect:
    """Return the effect, its p value, and how many seeds would decide."""
    neutral = 1 if difference.scale == "ratio" else 0
    needed: Callable[[float], int | None]
    if len(values) == 2:
        test = "Welch"
        needed = partial(seeds_for_difference, values[0], values[1])
    else:
        test = "against zero" if fit[0].others is None else "seed by seed"
        needed = partial(seeds_for_mean, values[0])
    return Effect(
        p=difference.p if difference.same_order else 1.0,
        towards="lower" if difference.estimate < neutral else "higher",
        how=f"{test}, {_seeds(difference.seeds, fit)}",
        seeds=min(difference.seeds),
        needed=needed,
        interval=_interval(difference),
    )


def studied_effect(
    claim: Claim, fit: Sequence[Evidence], measures: Measures
) -> tuple[str, Difference, Effect] | None:
    """Return what a study of speed shows of two recipes: words, ratio and effect.

    None if there is no study, or if it does not compare them.
    """
    if measures.speed is None or claim.measure != SPEED or claim.than is None:
        return None
    ratio = measures.speed.recipe_ratio(claim.recipe, claim.than)
    if not isinstance(ratio, Difference):
        return None
    repeats = many(min(ratio.seeds), "repeat")
    repeats += f" in {len(fit)} frameworks" if len(fit) > 1 else ""
    effect = Effect(
        p=ratio.p,
        towards="lower" if ratio.estimate < 1 else "higher",
        how=f"turns of a repeat, {repeats}",
        seeds=min(ratio.seeds),
        needed=lambda _: None,
        interval=_interval(ratio),
        of_each="repeat",
    )
    return f"{measures.describe(claim.measure)}: {_in_words(ratio)}, {repeats}", ratio, effect


def _interval(difference: Difference) -> str:
    return f"95 % interval {figure(difference.low)} to {figure(difference.high)}"


def measured_effect(
    claim: Claim, fit: Sequence[Evidence], measures: Measures
) -> tuple[str, Difference | None, Values]:
    """Return what the runs of one framework or of several show, in words and in numbers.

    Twins with one seed start from the same weights and see the same batches, so over several
    frameworks a seed is one value: the mean of its twins, each without the level of its framework.
    """
    if fit[0].others is None or claim.since is not None:
        seeds, difference, values = _seed_by_seed(fit, measures.metric(claim.measure))
    else:
        seeds, difference, values = _two_recipes(fit, measures.metric(claim.measure))
    what = fit[0].measured if len(fit) == 1 else measures.describe(claim.measure)
    if difference is None:
        return f"{what}, {_seeds(seeds, fit)}", None, ()
    if fit[0].others is None:
        # Nothing but a correlation is compared with zero, and it has limits.
        ends = figure(max(difference.low, -1.0)), figure(min(difference.high, 1.0))
        shown = f": {figure(difference.estimate)} ({ends[0]} to {ends[1]})"
        what = measures.describe(claim.measure)
    else:
        shown = f"{', ' if len(fit) == 1 else ': '}{_in_words(difference)}"
    return f"{what}{shown}, {_seeds(seeds, fit)}", difference, values


_Found = tuple[tuple[int, int], Difference | None, Values]
"""Number of seeds of each side, effect, and what was tested."""


def _two_recipes(fit: Sequence[Evidence], metric: Metric) -> _Found:
    """Compare two recipes by Welch's test, as all implementations are: see `compare`."""
    if len(fit) == 1 and fit[0].others is not None:
        x, y = SeedValues.by(fit[0].values), SeedValues.by(fit[0].others)
        if x is None or y is None:
            return (0, 0), None, ()
        difference = compare(x, y, metric)
        scale = difference.scale if difference else "difference"
        sides = [on_scale(side.values, scale) for side in (x, y)]
        return (x.seeds, y.seeds), difference, tuple(s.tolist() for s in sides if s is not None)
    scale = _scale(fit, metric)
    sides_by_seed: tuple[dict[int, list[float]], dict[int, list[float]]] = ({}, {})
    apart = []
    for one in fit:
        of_both = one.values, one.others or {}
        both = [_on_scale(side, scale) for side in of_both]
        means = [statistics.fmean(side.values()) for side in both]
        level = statistics.fmean(means)
        apart.append(statistics.fmean(of_both[0].values()) - statistics.fmean(of_both[1].values()))
        for by_seed, side in zip(sides_by_seed, both, strict=True):
            for seed, value in side.items():
                by_seed.setdefault(seed, []).append(value - level)
    a, b = ([statistics.fmean(by[seed]) for seed in sorted(by)] for by in sides_by_seed)
    found = welch(a, b)
    if found is None:
        return (len(a), len(b)), None, ()
    bounds = found.estimate, found.low, found.high
    difference = as_difference(bounds, found.p, (len(a), len(b)), scale)
    same_order = statistics.fmean(apart) * found.estimate >= 0
    return (len(a), len(b)), replace(difference, same_order=same_order), (a, b)


def _seed_by_seed(fit: Sequence[Evidence], metric: Metric) -> _Found:
    """Compare the same runs at two points, or one value of each with zero.

    Over the seeds that all frameworks have, if these are enough: a framework with more seeds would
    otherwise weigh more.
    """
    scale = _scale(fit, metric)
    shared = set[int].intersection(*(set(one.values) for one in fit))
    if len(shared) >= FEWEST_SEEDS:
        fit = [replace(one, values={s: one.values[s] for s in shared}) for one in fit]
    by_seed: dict[int, list[float]] = {}
    apart = []
    for one in fit:
        values = _on_scale(one.values, scale)
        others = None if one.others is None else _on_scale(one.others, scale)
        for seed, value in values.items():
            if others is None:
                by_seed.setdefault(seed, []).append(value)
            elif seed in others and one.others is not None:
                by_seed.setdefault(seed, []).append(value - others[seed])
                apart.append(one.values[seed] - one.others[seed])
    means = [statistics.fmean(by_seed[seed]) for seed in sorted(by_seed)]
    known = mean_interval(means)
    seeds = len(means), len(means)
    if known is None:
        return seeds, None, ()
    mean, low, high, p = known
    difference = as_difference((mean, low, high), p, seeds, scale)
    same_order = not apart or statistics.fmean(apart) * mean >= 0
    return seeds, replace(difference, same_order=same_order), (means,)


def _on_scale(values: Mapping[int, float], scale: Scale) -> dict[int, float]:
    if scale == "difference":
        return dict(values)
    return {seed: math.log(value) for seed, value in values.items()}


def _seeds(seeds: tuple[int, int], fit: Sequence[Evidence]) -> str:
    x, y = seeds
    words = many(x, "seed") if x == y else f"{x} and {many(y, 'seed')}"
    return words if len(fit) == 1 else f"{words} in {len(fit)} frameworks"


def _scale(fit: Sequence[Evidence], metric: Metric) -> Scale:
    values: list[float] = []
    for one in fit:
        if one.others is None:
            return "difference"
        values += [*one.values.values(), *one.others.values()]
    return metric.scale if values and min(values) > 0 else "difference"


def size_in_words(difference: Difference) -> str:
    """Return e.g. ``ratio 0.85`` or ``difference -0.02``."""
    word = "ratio " if difference.scale == "ratio" else "difference "
    return f"{word}{figure(difference.estimate)}"


def _in_words(difference: Difference) -> str:
    low, high = figure(difference.low), figure(difference.high)
    return f"{size_in_words(difference)} ({low} to {high})"
