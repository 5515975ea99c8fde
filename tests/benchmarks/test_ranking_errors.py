"""The simulation's tests are those of the report, and those of SciPy."""

import numpy as np
import pytest
from scipy import stats

import ranking_errors
from gan_bench.analysis.factors import Factors
from gan_bench.analysis.pairs import all_pairs
from gan_bench.analysis.statistics import SeedValues
from gan_bench.metrics import metric

FRAMEWORKS = ("jax", "keras", "torch")


@pytest.fixture
def values():
    """Log-FIDs of five recipes: (1, recipes, frameworks, seeds)."""
    return ranking_errors.different_recipes(np.random.default_rng(3), 1, 5, 4, alike=0.5)


def test_games_and_howells_procedure_is_scipys(values):
    for row in (values[0, :, 0], values[0, :, 1] / 5):
        expected = stats.tukey_hsd(*row, equal_var=False).pvalue[np.triu_indices(5, 1)]
        assert (ranking_errors.games_howell(row[None])[0] == (expected < 0.05)).all()


def test_pairs_are_told_apart_as_in_the_report(values):
    row = values[0].reshape(15, 4)
    found = all_pairs(row.tolist()).p[np.triu_indices(15, 1)]
    assert (ranking_errors.moderated_holm(row[None])[0] == (found < 0.05)).all()


def test_sides_with_other_numbers_of_seeds_are_told_apart_as_in_the_report():
    random = np.random.default_rng(4)
    counts = np.resize([5, 3, 2], 9)
    row = random.normal(np.repeat([0, 1, 1.2], 3)[:, None], 0.05, (9, 5))
    found = all_pairs([x[:n].tolist() for x, n in zip(row, counts, strict=True)]).p
    missing = np.where(np.arange(5) < counts[:, None], row, np.nan)
    told = ranking_errors.told_apart_unequal(missing[None])[0]
    assert told.any() and not told.all()
    assert (told == (found[np.triu_indices(9, 1)] < 0.05)).all()


def test_recipes_and_frameworks_are_told_apart_as_in_the_report(values):
    moved = values / 4 + 0.02 * np.arange(3)[:, None]
    recipes = list("abcde")
    factors = Factors(
        metric("fid_lenet"),
        {
            (recipe, framework): SeedValues.by(dict(enumerate(np.exp(moved[0, r, f]))))
            for r, recipe in enumerate(recipes)
            for f, framework in enumerate(FRAMEWORKS)
        },
        recipes,
        FRAMEWORKS,
    )
    told = ranking_errors.recipes_told_apart(moved)[0]
    clear = factors.ranked_recipes
    pairs = zip(*np.triu_indices(5, 1), strict=True)
    assert told.any() and not told.all()
    assert [bool(clear.between(recipes[a], recipes[b]).clear) for a, b in pairs] == told.tolist()
    told = ranking_errors.frameworks_told_apart(moved)[0].tolist()
    clear = factors.framework_pairs
    pairs = zip(*np.triu_indices(3, 1), strict=True)
    assert [clear.between(a, b).clear for a, b in pairs] == told


def test_a_plan_counts_its_seeds_and_what_it_found():
    seeds = np.arange(10) % 2 * 0.01
    truth = np.array([0.0, 0.0, 1.0])
    wrong, in_report, equal, mean, power = ranking_errors.one_sequence(
        truth[:, None] + seeds + np.zeros((3, 1)), truth
    )
    assert (wrong, in_report, equal, mean, power) == (False, False, False, 3.0, 1.0)
    moved = truth[:, None] + seeds + np.array([[0.0], [0.5], [0.0]])
    assert ranking_errors.one_sequence(moved, truth)[:2] == [True, True]
    apart = np.array([0.0, 0.2, 1.0])
    assert ranking_errors.one_sequence(truth[:, None] + seeds, apart)[2]
