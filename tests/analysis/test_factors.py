"""Recipes and frameworks as factors: what is averaged, what is paired, and what is certain."""

import numpy as np
import pytest
from scipy import stats

from gan_bench.analysis.certain import certain
from gan_bench.analysis.factors import Factors, mean_of_strata
from gan_bench.analysis.pairs import all_pairs
from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import summarise
from gan_bench.metrics import metric
from gan_bench.results.load import load_results
from report_folder import add_run, empty_results, run_spec, scores_of

FID = metric("fid_lenet")
SEEDS = 3


def factors(values):
    """Of values by recipe and framework, a list over seeds or a mapping by seed."""
    return Factors(
        FID,
        {
            key: SeedValues.by(of if isinstance(of, dict) else dict(enumerate(of)))
            for key, of in values.items()
        },
        list(dict.fromkeys(recipe for recipe, _ in values)),
        sorted({framework for _, framework in values}),
    )


def simulated(recipes, frameworks, *, alike=0.0, spread=0.1, seeds=SEEDS, random=None):
    """Log-normal values around recipe times framework."""
    random = random or np.random.default_rng(0)
    found = {}
    for recipe, r in recipes.items():
        common = random.normal(size=seeds)
        for framework, f in frameworks.items():
            own = random.normal(size=seeds)
            logs = spread * (alike**0.5 * common + (1 - alike) ** 0.5 * own)
            found[recipe, framework] = (r * f * np.exp(logs)).tolist()
    return found


def test_recipes_are_compared_by_their_means_over_the_twins_of_each_seed():
    values = simulated({"a": 10, "b": 11, "c": 30, "d": 31}, {"jax": 1, "torch": 1})
    ranks = factors(values).ranked_recipes
    means = [
        np.sqrt(np.multiply(values[recipe, "jax"], values[recipe, "torch"])) for recipe in "abcd"
    ]
    tests = all_pairs(means, scale="ratio")
    assert ranks.tested_pairs == 6
    for i, worse in enumerate("abcd"):
        for j, better in enumerate("abcd"):
            if i != j and ranks.labels.index(better) < ranks.labels.index(worse):
                assert ranks.between(better, worse).p == pytest.approx(tests.p[i, j])
                assert ranks.between(better, worse).seeds == (SEEDS, SEEDS)


def test_a_twin_that_is_almost_equal_is_no_further_evidence():
    once = simulated({"a": 10, "b": 12, "c": 11, "d": 14}, {"torch": 1})
    twice = once | {(recipe, "jax"): of for (recipe, _), of in once.items()}
    first, second = (factors(of).ranked_recipes for of in (once, twice))
    for worse in "bcd":
        a, b = (ranks.between("a", worse) for ranks in (first, second))
        assert a.p == pytest.approx(b.p)
        assert (a.low, a.high) == pytest.approx((b.low, b.high))


def test_two_recipes_are_compared_over_the_frameworks_of_both():
    """In jax everything is ten times as high: that must not make `a` look worse than `b`."""
    values = simulated({"a": 10, "b": 20}, {"jax": 10, "torch": 1}, spread=0.02)
    del values["b", "jax"]
    ranks = factors(values | simulated({"c": 5}, {"keras": 1})).ranked_recipes
    assert ranks.between("b", "a") is not None
    assert ranks.between("a", "b").estimate == pytest.approx(2, rel=0.1)
    assert ranks.between("c", "b") is None
    # The order of the means contradicts: not clear.
    assert not ranks.clearly("b", "a") and not ranks.clearly("a", "b")


def test_recipes_are_compared_over_the_seeds_that_their_twins_share():
    torch = dict(enumerate([10.0, 10.5, 9.8, 10.1, 10.3]))
    keras = dict(enumerate([10.1, 10.4, 9.9]))
    other = {seed: 2 * value for seed, value in torch.items()}
    values = {("a", "torch"): torch, ("a", "keras"): keras}
    values |= {("b", "torch"): other, ("b", "keras"): dict(list(other.items())[:3])}
    assert factors(values).ranked_recipes.between("a", "b").seeds == (3, 3)
    one = {key: of for key, of in values.items() if key != ("b", "keras")}
    assert factors(one).ranked_recipes.between("a", "b").seeds == (5, 5)


def test_further_seeds_in_one_framework_do_not_move_a_recipe_towards_it():
    """In jax everything is twice as high. `b` has most of its seeds in torch."""
    values = {("a", "torch"): [20.0, 20.2, 19.9], ("a", "jax"): [40.0, 40.3, 39.9]}
    values["b", "torch"] = [21.0, 21.2, 20.9, 21.1, 20.8, 21.0, 21.1]
    values["b", "jax"] = [42.0, 42.2, 41.8]
    ranks = factors(values).ranked_recipes
    assert ranks.tiers == [["a"], ["b"]]
    assert ranks.spreads["b"].mean == pytest.approx(21 * 2**0.5, rel=0.01)


def test_the_first_seed_of_a_new_twin_changes_no_ranking():
    """As while the runs of a framework are being made."""
    seeds = {"torch": 5, "keras": 3, "jax": 3}
    drawn = simulated({"a": 10, "b": 20, "c": 30, "d": 40}, {f: 1 for f in seeds}, seeds=5)
    values = {(recipe, f): of[: seeds[f]] for (recipe, f), of in drawn.items()}
    del values["b", "jax"]
    before = factors(values).ranked_recipes
    values["b", "jax"] = drawn["b", "jax"][:1]
    after = factors(values).ranked_recipes
    assert before.tiers == after.tiers == [["a"], ["b"], ["c"], ["d"]]
    assert before.between("a", "b") == after.between("a", "b") and not after.unknown


def test_twins_without_common_seeds_leave_the_one_with_most():
    values = simulated({"a": 10, "b": 20, "c": 30}, {"torch": 1}, seeds=5)
    values["a", "jax"] = {9: 10.0, 10: 11.0, 11: 10.5}
    values["b", "jax"] = {0: 20.0}
    ranks = factors(values).ranked_recipes
    assert ranks.labels == ["a", "b", "c"] and not ranks.best_is_short
    assert ranks.between("a", "b").seeds == (5, 5)


def test_the_first_seed_of_a_new_recipe_changes_no_verdict_on_frameworks():
    values = {}
    for recipe, fid in (("a", 10.0), ("b", 20.0)):
        values[recipe, "keras"] = [fid * x for x in (1.0, 1.05, 0.98, 1.02, 0.97)]
        values[recipe, "torch"] = [0.9 * x for x in values[recipe, "keras"]]
    before = factors(values).ranked_frameworks
    values |= {("c", "torch"): [60.0], ("c", "keras"): [30.0]}
    after = factors(values).ranked_frameworks
    for ranks in (before, after):
        assert ranks.clearly("torch", "keras")


def test_the_order_of_frameworks_is_that_of_the_seeds_that_are_tested():
    """Further seeds of one framework that are worse by chance do not hide a clear difference."""
    keras = {"a": [10.0, 10.5, 9.8], "b": [20.0, 20.4, 19.7]}
    values = {}
    for recipe, of in keras.items():
        values[recipe, "keras"] = of
        torch = [x * ratio for x, ratio in zip(of, (0.95, 0.949, 0.951), strict=True)]
        values[recipe, "torch"] = [*torch, 1.3 * of[0], 1.3 * of[1]]
    found = factors(values)
    assert found.framework_ratio("torch", "keras").clear
    assert found.ranked_frameworks.clearly("torch", "keras")


def test_frameworks_are_compared_within_recipe_and_seed():
    """Recipes and seeds that differ much hide nothing: only the ratios of twins count."""
    random = np.random.default_rng(1)
    values = simulated(
        {"a": 10, "b": 90, "c": 30},
        {"jax": 1, "torch": 1.05},
        alike=0.999,
        spread=0.5,
        random=random,
    )
    found = factors(values)
    ratio = found.framework_ratio("torch", "jax")
    logs = np.log([np.divide(values[r, "torch"], values[r, "jax"]) for r in "abc"])
    assert ratio.estimate == pytest.approx(np.exp(logs.mean()))
    assert ratio.paired and ratio.clear
    assert found.ranked_frameworks.best == "jax"
    assert found.ranked_frameworks.clearly("jax", "torch")


def test_one_stratum_is_the_paired_test():
    a, b = (10.0, 12.0, 11.0, 14.0), (11.0, 12.5, 12.5, 14.2)
    found = factors({("r", "jax"): a, ("r", "torch"): b}).framework_ratio("torch", "jax")
    expected = stats.ttest_rel(np.log(b), np.log(a))
    assert found.p == pytest.approx(expected.pvalue)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((np.exp(low), np.exp(high)))


def test_equal_strata_have_the_freedom_of_all():
    means, variances = np.array([0.1, 0.3, 0.2]), np.full(3, 0.04)
    estimate, error, freedom = mean_of_strata(means, variances, np.array([4, 4, 4]))
    assert estimate == pytest.approx(0.2)
    assert error == pytest.approx(0.2 / np.sqrt(12))
    assert freedom == pytest.approx(9)


def test_one_seed_has_ratios_and_nothing_certain():
    found = factors(simulated({"a": 10, "b": 20}, {"jax": 1, "torch": 2}, seeds=1, spread=0))
    assert found.framework_ratio("torch", "jax") == pytest.approx(2)
    assert found.ranked_recipes.tested_pairs == 0
    assert found.ranked_recipes.unclear == ["b"]
    assert found.ranked_frameworks.unclear == ["torch"]
    assert found.twins_apart == ()


def test_twins_are_corrected_over_all_pairs_of_twins():
    random = np.random.default_rng(2)
    recipes = {name: 10 for name in "abcdef"}
    values = simulated(recipes, {"jax": 1, "keras": 1, "torch": 1}, random=random, spread=0.02)
    values["c", "torch"] = [1.5 * value for value in values["c", "torch"]]
    found = factors(values).twins_apart
    assert len(found) == 18
    clear = {(twin.recipe, twin.framework, twin.to) for twin in found if twin.ratio.clear}
    assert clear == {("c", "jax", "torch"), ("c", "keras", "torch")}


def test_values_that_are_not_positive_are_left_out():
    values = simulated({"a": 10, "b": 20}, {"jax": 1, "torch": 2})
    values["b", "torch"] = [1.0, 0.0, 2.0]
    found = factors(values)
    assert found.twins("b") == ("jax",)
    assert found.ratio("torch", "jax", "b") is None
    assert found.ranked_recipes.between("a", "b") is not None


@pytest.fixture
def group(tmp_path):
    def of(values):
        results = empty_results(tmp_path / "results")
        for (recipe, framework), seeds in values.items():
            for seed, value in enumerate(seeds):
                spec = run_spec(f"{framework}-{recipe}", seed)
                add_run(results, spec, scores=[scores_of({600: value})])
        frames = load_results(results)
        [found] = summarise(collect_runs(results, frames), frames).groups
        return found

    return of


def test_what_is_certain_is_said_of_recipes_frameworks_and_implementations(group):
    values = simulated({"dcgan": 10, "decay": 40}, {"keras": 1.5, "torch": 1}, spread=0.02)
    rows = group(values).rows
    found = certain(rows, {row.label: row.fid for row in rows}, FID)
    assert (found.recipes.best, found.recipes.unclear) == ("dcgan", [])
    assert (found.frameworks.best, found.frameworks.unclear) == ("torch", [])
    assert [twin.recipe for twin in found.twins_told_apart] == ["dcgan", "decay"]
    assert found.implementations.best == "torch-dcgan"


def test_without_twins_only_the_implementations_are_ranked(group):
    values = simulated({"dcgan": 10, "decay": 40, "baseline": 50}, {"torch": 1})
    rows = group(values).rows
    found = certain(rows, {row.label: row.fid for row in rows}, FID)
    assert (found.recipes, found.frameworks, found.twins) == (None, None, ())
    assert found.implementations.labels[0] == "torch-dcgan"
