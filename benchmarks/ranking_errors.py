"""Error rates and power of the tests behind rankings, by simulation.

Usage: ``python benchmarks/ranking_errors.py``. Simulates logarithms of FIDs over seeds, for recipes
in three frameworks, and prints as Markdown:

1. the family-wise error: the share of rankings in which any two equal implementations are told
   apart, by Welch's test with Holm's correction, by Games and Howell's procedure, and by the
   report's test, Welch's with moderated variances, for several ways in which seeds may spread;
2. that of the report's test if twins have other numbers of seeds;
3. the power: the share of truly different pairs that it finds, with twins that are equal;
4. both for the tests of recipes and of frameworks, with twins whose results for one seed are
   independent or almost equal;
5. the error of the test of frameworks if one recipe varies more than the others;
6. of plans with ``--until-certain``: the share with a false statement, the power, and the seeds
   that they take, beside ten seeds of each.
"""

import argparse
from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from gan_bench.analysis.factors import mean_of_strata
from gan_bench.analysis.moderation import moderate
from gan_bench.analysis.pairs import all_pairs, p_values, unequal_variances
from gan_bench.analysis.sequential import Design, look
from gan_bench.analysis.statistics import LEVEL, holm_of_last_axis
from gan_bench.metrics import metric

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Random = np.random.Generator
Spreads = Callable[[Random, tuple[int, int]], Floats]
Sequences = Callable[[Random, int, int], tuple[Floats, Floats]]
FID = metric("fid_lenet")
DESIGN = Design(most=10)
FRAMEWORKS = 3
SEEDS = (3, 5, 10)
UNEQUAL = (5, 3, 3), (5, 3, 2), (2, 2, 2)
"""Seeds of a recipe in each framework."""
IMPLEMENTATIONS = (12, 39)
AT_A_TIME = 250
CLOSEST, FARTHEST = 0.1, 1.5
"""How far the log-FIDs of two recipes are apart, at least and at most."""
SPREADS_OF_SEEDS = 0.05, 0.1
"""Standard deviation of a recipe's log-FID over seeds, at least and at most."""
ALIKE = 0.95
"""Correlation over seeds of twins that little more than rounding tells apart."""
APART = 0.05
"""How far the log-FIDs of two frameworks are apart, where they are."""


def log_normal(deviation: float) -> Spreads:
    return lambda random, shape: np.exp(random.normal(0, deviation, shape))


def one_other(times: float) -> Spreads:
    return lambda random, shape: np.where(np.arange(shape[1]) == 0, times, np.ones(shape))


SPREADS: dict[str, Spreads] = {
    "equal spreads": log_normal(0.0),
    "log-normal, sd 0.5": log_normal(0.5),
    "log-normal, sd 1": log_normal(1.0),
    "one ten times as wide": one_other(10.0),
    "one a tenth as wide": one_other(0.1),
}
"""Standard deviations over seeds of implementations: (rankings, implementations)."""


def welch_holm(values: Floats) -> Flags:
    squares, freedom = own_variances(values)
    return corrected(values, squares, freedom) < 1 - LEVEL


def moderated_holm(values: Floats) -> Flags:
    """Tell pairs apart as the report does; see `gan_bench.analysis.pairs.all_pairs`."""
    return corrected(values, *moderated_variances(values)) < 1 - LEVEL


def games_howell(values: Floats) -> Flags:
    """Tell pairs apart by Welch's statistics against the studentised range.

    ``scipy.stats.tukey_hsd(equal_var=False)`` is the same for one ranking.
    """
    squares, freedom = own_variances(values)
    apart, errors, both = of_pairs(values, squares, freedom)
    known, limits = studentised_ranges(values.shape[-2])
    limit = np.exp(np.interp(np.log(both), np.log(known), np.log(limits)))
    return np.sqrt(2) * np.abs(apart) / errors > limit


TESTS = {"Welch": welch_holm, "Games-Howell": games_howell, "moderated": moderated_holm}
"""From values (rankings, implementations, seeds) to pairs that are told apart (rankings, pairs)."""


def own_variances(values: Floats) -> tuple[Floats, Floats]:
    seeds = values.shape[-1]
    squares = values.var(axis=-1, ddof=1) / seeds
    return squares, np.full_like(squares, seeds - 1)


def moderated_variances(values: Floats) -> tuple[Floats, Floats]:
    variances, freedom = moderate(values.var(axis=-1, ddof=1), np.float64(values.shape[-1] - 1))
    return variances / values.shape[-1], freedom


def of_pairs(values: Floats, squares: Floats, freedom: Floats) -> tuple[Floats, Floats, Floats]:
    """Return difference, error and degrees of freedom of every pair: (rankings, pairs)."""
    a, b = np.triu_indices(values.shape[-2], 1)
    means = values.mean(axis=-1)
    errors, both = unequal_variances(squares, freedom)
    return means[:, a] - means[:, b], errors[:, a, b], both[:, a, b]


def corrected(values: Floats, squares: Floats, freedom: Floats) -> Floats:
    seeds = np.array(values.shape[-1])
    return holm_of_last_axis(p_values(*of_pairs(values, squares, freedom), seeds, paired=False))


@cache
def studentised_ranges(implementations: int) -> tuple[Floats, Floats]:
    """Return degrees of freedom and the range that equal means exceed in 5 %."""
    known = np.array([*np.arange(1, 5, 0.25), 5, 6, 8, 10, 15, 20, 40, 100, 1000])
    return known, np.array([stats.studentized_range.ppf(LEVEL, implementations, d) for d in known])


def over_rankings(rankings: int, simulate: Callable[..., list[float]], *of: Any) -> list[float]:
    """Return the means over all rankings of shares, simulated a few rankings at a time."""
    random = np.random.default_rng(0)
    sizes = [min(AT_A_TIME, rankings - at) for at in range(0, rankings, AT_A_TIME)]
    return np.average([simulate(random, n, *of) for n in sizes], axis=0, weights=sizes).tolist()


def errors(rankings: int) -> Iterator[dict[str, str]]:
    """Yield the family-wise errors of all tests, for equal implementations."""
    for implementations in (3, 6, *IMPLEMENTATIONS):
        for seeds in SEEDS:
            row = {"implementations": str(implementations), "seeds": str(seeds)}
            for name, spreads in SPREADS.items():
                shares = over_rankings(rankings, false_pairs, spreads, implementations, seeds)
                row[name] = percentages(shares)
            yield row


def false_pairs(
    random: Random, n: int, spreads: Spreads, implementations: int, seeds: int
) -> list[float]:
    wide = spreads(random, (n, implementations))[..., None]
    values = random.normal(0, wide, (n, implementations, seeds))
    return [test(values).any(axis=-1).mean() for test in TESTS.values()]


def unequal_errors(rankings: int) -> Iterator[dict[str, str]]:
    """Yield the family-wise error of the report's test if twins have other numbers of seeds."""
    for implementations in IMPLEMENTATIONS:
        for seeds in UNEQUAL:
            row = {"implementations": str(implementations), "seeds": ", ".join(map(str, seeds))}
            for name, spreads in SPREADS.items():
                shares = over_rankings(rankings, false_unequal, spreads, implementations, seeds)
                row[name] = percent(shares[0])
            yield row


def false_unequal(
    random: Random, n: int, spreads: Spreads, implementations: int, seeds: tuple[int, ...]
) -> list[float]:
    counts = np.resize(seeds, implementations)
    wide = spreads(random, (n, implementations))[..., None]
    drawn = random.normal(0, wide, (n, implementations, max(seeds)))
    values = np.where(np.arange(max(seeds)) < counts[:, None], drawn, np.nan)
    return [float(told_apart_unequal(values).any(axis=-1).mean())]


def told_apart_unequal(values: Floats) -> Flags:
    """Tell pairs apart as the report does; values without a seed are NaN."""
    counts = np.isfinite(values[0]).sum(axis=-1)
    variances, freedom = moderate(np.nanvar(values, axis=-1, ddof=1), counts - 1.0)
    means = np.nanmean(values, axis=-1)
    a, b = np.triu_indices(len(counts), 1)
    spread, both = (x[:, a, b] for x in unequal_variances(variances / counts, freedom))
    fewest = np.minimum(counts[a], counts[b])
    p = p_values(means[:, a] - means[:, b], spread, both, fewest, paired=False)
    return holm_of_last_axis(p) < 1 - LEVEL


def uneven_frameworks(rankings: int) -> Iterator[dict[str, str]]:
    """Yield the error of the test of frameworks if the ratios of one recipe vary more."""
    for recipes in (6, 13):
        for seeds in (2, *SEEDS):
            row = {"recipes": str(recipes), "seeds": str(seeds)}
            for times in (1, 5, 10):
                shares = over_rankings(rankings, false_frameworks, recipes, seeds, times)
                row[f"one {times} times as wide" if times > 1 else "equal"] = percent(shares[0])
            yield row


def false_frameworks(random: Random, n: int, recipes: int, seeds: int, times: float) -> list[float]:
    wide = np.where(np.arange(recipes) == 0, times, 1.0)[:, None, None]
    values = wide * random.normal(size=(n, recipes, FRAMEWORKS, seeds))
    return [float(frameworks_told_apart(values).any(axis=-1).mean())]


def power(rankings: int) -> Iterator[dict[str, str]]:
    """Yield the share of pairs of different recipes that are found, and false ones of twins."""
    titles = [*TESTS, "recipes, over their twins"]
    twins = f"twins told apart: {' / '.join(TESTS)}"
    for implementations in IMPLEMENTATIONS:
        for seeds in SEEDS:
            shares = over_rankings(rankings, found_pairs, implementations // FRAMEWORKS, seeds)
            row = {"implementations": str(implementations), "seeds": str(seeds)}
            row |= {title: percent(share, 0) for title, share in zip(titles, shares, strict=False)}
            yield row | {twins: percentages(shares[len(titles) :])}


def found_pairs(random: Random, n: int, recipes: int, seeds: int) -> list[float]:
    a, b = np.triu_indices(recipes * FRAMEWORKS, 1)
    different = a // FRAMEWORKS != b // FRAMEWORKS
    values = different_recipes(random, n, recipes, seeds, alike=0)
    told = [test(values.reshape(n, -1, seeds)) for test in TESTS.values()]
    found = [pairs[:, different].mean() for pairs in told]
    wrong = [pairs[:, ~different].any(axis=-1).mean() for pairs in told]
    return [*found, recipes_told_apart(values).mean(), *wrong]


def factors(rankings: int) -> Iterator[dict[str, str]]:
    """Yield errors and power of the tests of recipes and of frameworks."""
    titles = ("recipes: error", "power", "frameworks: error", f"power, {percent(APART, 0)} apart")
    for recipes in (implementations // FRAMEWORKS for implementations in IMPLEMENTATIONS):
        for seeds in SEEDS:
            for alike in (0.0, ALIKE):
                shares = over_rankings(rankings, errors_and_power, recipes, seeds, alike)
                row = {"recipes": str(recipes), "seeds": str(seeds)}
                row["correlation of twins"] = f"{alike:g}"
                yield row | {t: percent(share) for t, share in zip(titles, shares, strict=True)}


def errors_and_power(random: Random, n: int, recipes: int, seeds: int, alike: float) -> list[float]:
    equal = noise(random, n, recipes, seeds, alike)
    values = different_recipes(random, n, recipes, seeds, alike)
    moved = values + APART * np.arange(FRAMEWORKS)[:, None]
    return [
        recipes_told_apart(equal).any(axis=-1).mean(),
        recipes_told_apart(values).mean(),
        frameworks_told_apart(values).any(axis=-1).mean(),
        frameworks_told_apart(moved).mean(),
    ]


def sequential(rankings: int) -> Iterator[dict[str, str]]:
    """Yield errors, power and seeds of plans that add seeds where a place is open."""
    titles = (
        *("false difference", "in the report", "false equality", "seeds"),
        *("power", "power of 10 seeds each"),
    )
    for implementations in IMPLEMENTATIONS:
        number = rankings if implementations < 20 else rankings // 4
        for name, simulated in SEQUENCES.items():
            shares = over_rankings(number, sequences, implementations // FRAMEWORKS, simulated)
            *wrong, seeds, power_here, power_of_all = shares
            cells = [*(percent(share) for share in wrong), f"{seeds:.1f}"]
            found = power_here, power_of_all
            cells += ["" if np.isnan(share) else percent(share) for share in found]
            row = {"implementations": str(implementations), "log-FIDs": name}
            yield row | dict(zip(titles, cells, strict=True))


def sequences(random: Random, n: int, recipes: int, simulated: Sequences) -> list[float]:
    values, truth = simulated(random, n, recipes)
    found = [one_sequence(*of) for of in zip(values, truth, strict=True)]
    a, b = np.triu_indices(truth.shape[1], 1)
    different = truth[:, a] != truth[:, b]
    fixed = moderated_holm(values)[different].mean() if different.any() else np.nan
    return [*np.mean(found, axis=0).tolist(), fixed]


def one_sequence(values: Floats, truth: Floats) -> list[float]:
    """Return what a plan came to.

    Whether it told equal ones apart, and whether its report did; whether it called different ones
    equal; the mean number of seeds; and its power.
    """
    known: dict[str, dict[int, float]] = {str(label): {} for label in range(len(values))}
    found = None
    for seeds in DESIGN.looks:
        for label in found.open if found else known:
            known[label] = dict(enumerate(np.exp(values[int(label), :seeds]).tolist()))
        found = look(known, found, seeds, DESIGN, FID)
        if not found.open:
            break
    apart = {pair: truth[int(pair[1])] - truth[int(pair[0])] for pair in found.apart}
    equal = [abs(truth[int(a)] - truth[int(b)]) for a, b in found.equal]
    ranked = all_pairs(
        [[*of.values()] for of in known.values()], scale="ratio", looks=DESIGN.number
    )
    different = sum(truth[a] != truth[b] for a, b in combinations(range(len(truth)), 2))
    return [
        any(by <= 0 for by in apart.values()),
        bool(((ranked.p < 1 - LEVEL) & (truth[:, None] == truth[None, :])).any()),
        any(by > np.log(DESIGN.equal_within) for by in equal),
        float(np.mean([len(of) for of in known.values()])),
        len(apart) / different if different else np.nan,
    ]


def all_equal(random: Random, n: int, recipes: int) -> tuple[Floats, Floats]:
    values = noise(random, n, recipes, DESIGN.most, alike=0).reshape(n, -1, DESIGN.most)
    return values, np.zeros(values.shape[:2])


def equal_means(random: Random, n: int, recipes: int) -> tuple[Floats, Floats]:
    shape = (n, recipes * FRAMEWORKS)
    wide = 0.07 * log_normal(0.5)(random, shape)[..., None]
    return random.normal(0, wide, (*shape, DESIGN.most)), np.zeros(shape)


def twins_equal(alike: float) -> Sequences:
    def simulated(random: Random, n: int, recipes: int) -> tuple[Floats, Floats]:
        truth = spaced(random, n, recipes).repeat(FRAMEWORKS, axis=1)
        values = noise(random, n, recipes, DESIGN.most, alike).reshape(n, -1, DESIGN.most)
        return truth[..., None] + values, truth

    return simulated


SEQUENCES: dict[str, Sequences] = {
    "all equal": all_equal,
    "all equal, spreads log-normal, sd 0.5": equal_means,
    "recipes differ": twins_equal(0),
    f"recipes differ, twins correlated by {ALIKE}": twins_equal(ALIKE),
}
"""From rankings and recipes to values (rankings, implementations, seeds) and their true means."""


def noise(random: Random, n: int, recipes: int, seeds: int, alike: float) -> Floats:
    """Return the seeds' part of log-FIDs: (rankings, recipes, frameworks, seeds)."""
    low, high = np.log(SPREADS_OF_SEEDS)
    wide = np.exp(random.uniform(low, high, (n, recipes, 1, 1)))
    common = random.normal(size=(n, recipes, 1, seeds))
    own = random.normal(size=(n, recipes, FRAMEWORKS, seeds))
    return wide * (np.sqrt(alike) * common + np.sqrt(1 - alike) * own)


def different_recipes(random: Random, n: int, recipes: int, seeds: int, alike: float) -> Floats:
    """Return log-FIDs of recipes that all differ: (rankings, recipes, frameworks, seeds)."""
    truth = spaced(random, n, recipes)
    return truth[..., None, None] + noise(random, n, recipes, seeds, alike)


def spaced(random: Random, n: int, recipes: int) -> Floats:
    """Return true log-FIDs, from `CLOSEST` to `FARTHEST` apart: (rankings, recipes)."""
    free = FARTHEST - CLOSEST * (recipes - 1)
    gaps = CLOSEST + free * random.dirichlet(np.ones(recipes - 1), n)
    return np.concatenate([np.zeros((n, 1)), gaps.cumsum(axis=1)], axis=1)


def recipes_told_apart(values: Floats) -> Flags:
    """Tell recipes apart as `gan_bench.analysis.factors` does, by the means over their twins."""
    return moderated_holm(values.mean(axis=2))


def frameworks_told_apart(values: Floats) -> Flags:
    """Tell frameworks apart by the ratios of twins, as `gan_bench.analysis.factors` does."""
    a, b = np.triu_indices(FRAMEWORKS, 1)
    ratios = values[:, :, a] - values[:, :, b]  # (rankings, recipes, pairs, seeds)
    seeds = np.array(values.shape[-1])
    strata = (x.swapaxes(1, 2) for x in (ratios.mean(axis=-1), ratios.var(axis=-1, ddof=1)))
    test = mean_of_strata(*strata, seeds)
    return holm_of_last_axis(p_values(*test, seeds, paired=True)) < 1 - LEVEL


def percentages(shares: list[float]) -> str:
    return " / ".join(f"{100 * share:.1f}" for share in shares) + " %"


def percent(share: float, decimals: int = 1) -> str:
    return f"{100 * share:.{decimals}f} %"


def print_rows(title: str, rows: Iterator[dict[str, str]]) -> None:
    """Print rows as a table in Markdown, each as it comes."""
    for number, row in enumerate(rows):
        if not number:
            print(f"\n{title}:\n\n| {' | '.join(row)} |\n|{' ---: |' * len(row)}")
        print(f"| {' | '.join(row.values())} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rankings", type=int, default=2_000)
    parser.add_argument("--table", type=int, help="print this one only, from 1 on")
    options = parser.parse_args()
    tables = (
        (f"Family-wise error: {' / '.join(TESTS)}", errors),
        ("Family-wise error of the report's test, seeds of twins", unequal_errors),
        ("Share of different pairs that are told apart", power),
        ("Recipes and frameworks", factors),
        ("Error of the test of frameworks", uneven_frameworks),
        (f"Three to {DESIGN.most} seeds, until places are certain", sequential),
    )
    for number, (title, rows) in enumerate(tables, 1):
        if options.table in (None, number):
            print_rows(title, rows(options.rankings))


if __name__ == "__main__":
    main()
