"""The effect that a claim is about: of one framework's runs, or of several frameworks' together."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np

from gan_bench.analysis.statistics import (
    Difference,
    SeedValues,
    as_difference,
    compare,
    mean_interval,
    on_scale,
)
from gan_bench.metrics import Metric, Scale
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


Values = tuple[Sequence[float], ...]
"""What was tested, on its scale: the two sides of Welch's test, or the values of a mean."""


def tested_effect(fit: Sequence[Evidence], difference: Difference, values: Values) -> Effect:
    """Return the effect, its p value, and how many seeds would decide."""
    neutral = 1 if difference.scale == "ratio" else 0
    x, y = difference.seeds
    seeds = many(x, "seed") if x == y else f"{x} and {many(y, 'seed')}"
    needed: Callable[[float], int | None]
    if len(values) == 2:
        how = f"Welch, {seeds}"
        needed = partial(seeds_for_difference, values[0], values[1])
    else:
        how = f"against zero, {seeds}" if fit[0].others is None else f"by seed, {seeds}"
        needed = partial(seeds_for_mean, values[0])
    if len(fit) > 1:
        how += f" in {len(fit)} frameworks"
    low, high = figure(difference.low), figure(difference.high)
    return Effect(
        p=difference.p if difference.same_order else 1.0,
        towards="lower" if difference.estimate < neutral else "higher",
        how=how,
        seeds=min(x, y),
        needed=needed,
        interval=f"95 % interval {low} to {high}",
    )


def single(
    claim: Claim, one: Evidence, measures: Measures
) -> tuple[str, Difference | None, Values]:
    """Return what one framework's runs show, in words and numbers."""
    metric = measures.metric(claim.measure)
    if one.others is None or claim.since is not None:
        return together(claim, [one], measures)
    x, y = SeedValues.by(one.values), SeedValues.by(one.others)
    if x is None or y is None:
        return one.measured, None, ()
    same = x.seeds == y.seeds
    seeds = many(x.seeds, "seed") if same else f"{x.seeds} and {many(y.seeds, 'seed')}"
    difference = compare(x, y, metric)
    if difference is None:
        return f"{one.measured}, {seeds}", None, ()
    sides = tuple(on_scale(side.values, difference.scale) for side in (x, y))
    values = tuple(side.tolist() for side in sides if side is not None)
    return f"{one.measured}, {_in_words(difference)}, {seeds}", difference, values


def together(
    claim: Claim, fit: Sequence[Evidence], measures: Measures
) -> tuple[str, Difference | None, Values]:
    """Return the effect over the seeds: of each, the mean of the frameworks that have it."""
    metric = measures.metric(claim.measure)
    scale = _scale(fit, metric)
    effects: dict[int, list[float]] = {}
    apart: list[float] = []
    for one in fit:
        for seed, value in sorted(one.values.items()):
            if one.others is None:
                effects.setdefault(seed, []).append(value)
            elif seed in one.others:
                other = one.others[seed]
                step = np.log(value / other) if scale == "ratio" else value - other
                effects.setdefault(seed, []).append(float(step))
                apart.append(value - other)
    means = [statistics.fmean(of_seed) for _, of_seed in sorted(effects.items())]
    seeds = many(len(means), "seed")
    first = measures.describe(claim.measure) if len(fit) > 1 else fit[0].measured
    known = mean_interval(means)
    if known is None:
        return f"{first}, {seeds}", None, ()
    mean, low, high, p = known
    if claim.measure == "loss_fid_correlation":
        low, high = max(low, -1.0), min(high, 1.0)  # the limits of a correlation
    difference = as_difference((mean, low, high), p, (len(means), len(means)), scale)
    same_order = not apart or statistics.fmean(apart) * mean >= 0
    difference = replace(difference, same_order=same_order)
    if fit[0].others is None:
        show = f"{figure(mean)} ({figure(low)} to {figure(high)})"
        measured = f"{measures.describe(claim.measure)}: {show}, {seeds}"
    else:
        joint = ": " if len(fit) > 1 else ", "
        measured = f"{first}{joint}{_in_words(difference)}, {seeds}"
    if len(fit) > 1:
        measured += f" in {len(fit)} frameworks"
    return measured, difference, (means,)


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
