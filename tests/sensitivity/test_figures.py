"""The figures of a study, against enumeration and against functions that are known."""

from itertools import combinations
from math import exp

import numpy as np
import pytest

from gan_bench.recipe import Between, OneOf
from gan_bench.sensitivity.figures import (
    FEWEST_FOR_IMPORTANCE,
    best_curve,
    expected_minimum,
    importance,
    quartiles,
    shares,
)
from study_trials import RANGES, UNTRAINED, made


def by_enumeration(values):
    return [
        np.mean([min(chosen) for chosen in combinations(values, n)])
        for n in range(1, len(values) + 1)
    ]


@pytest.mark.parametrize(
    "values",
    [(5.0,), (3.0, 3.0), (30.0, 12.0, 90.0), (9.0, 2.0, 2.0, 7.0, 100.0, 1.0, 4.0, 8.0, 8.0, 60.0)],
)
def test_the_expected_minimum_is_the_mean_over_all_subsets(values):
    assert expected_minimum(np.array(values)) == pytest.approx(by_enumeration(values), rel=1e-12)


def test_the_expected_minimum_of_many_values_is_finite_and_never_rises():
    values = np.random.default_rng(0).lognormal(3, 1, 1_000)
    found = expected_minimum(values)
    assert found[0] == pytest.approx(values.mean()) and found[-1] == pytest.approx(values.min())
    assert np.all(np.diff(found) <= 0)


def test_rows_of_values_are_independent():
    values = np.random.default_rng(0).normal(size=(3, 7))
    expected = [by_enumeration(row) for row in values]
    assert expected_minimum(values) == pytest.approx(np.array(expected))


def test_the_interval_contains_the_curve_and_ends_at_the_best_of_all():
    curve = best_curve(made([40.0, 22.0, 31.0, 60.0, 25.0, 90.0, 28.0, 33.0]))
    assert np.all(curve.low <= curve.fid) and np.all(curve.fid <= curve.high)
    assert curve.fid[-1] == pytest.approx(22.0) and curve.low[-1] == pytest.approx(22.0)
    assert curve.low[0] < curve.fid[0] < curve.high[0]
    again = best_curve(made([40.0, 22.0, 31.0, 60.0, 25.0, 90.0, 28.0, 33.0]))
    assert np.array_equal(curve.low, again.low)


def test_the_interval_holds_the_mean_of_the_population_as_often_as_it_says():
    random, held = np.random.default_rng(1), 0
    for _ in range(60):
        fids = random.lognormal(3, 0.3, 40)
        curve = best_curve(made(list(fids)))
        held += curve.low[0] <= exp(3 + 0.3**2 / 2) <= curve.high[0]
    assert held >= 50


def test_a_trial_that_diverged_counts_as_the_highest_fid_of_the_study():
    study = made([40.0, "diverged", 20.0])
    assert study.fids == (40.0, UNTRAINED, 20.0)
    assert best_curve(study).fid == pytest.approx(by_enumeration((40.0, UNTRAINED, 20.0)))
    assert made([400.0, "diverged"]).fids == (400.0, 400.0)
    assert quartiles(study) == pytest.approx((20.0, 25.0, 30.0, 35.0, 40.0))


def test_a_trial_that_failed_for_another_reason_does_not_count():
    study = made([40.0, "error", "diverged", "killed", ("collapsed", 70.0)])
    assert [trial.outcome for trial in study.counted] == ["ok", "diverged", "collapsed"]
    assert (study.number("diverged"), study.number("collapsed")) == (1, 1)
    assert len(best_curve(study).fid) == 3


def test_a_study_without_any_fid_has_no_figures():
    study = made(["error"] * FEWEST_FOR_IMPORTANCE)
    assert (best_curve(study), quartiles(study), importance(study)) == (None, None, None)


def test_trials_that_depend_on_each_other_have_no_expectation():
    curve = best_curve(made([40.0, 50.0, 20.0, 30.0], sampler="tpe"))
    assert list(curve.fid) == [40.0, 40.0, 20.0, 20.0]
    assert curve.low is None and curve.high is None


@pytest.mark.slow
def test_fanova_finds_the_only_field_that_matters():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    pytest.importorskip("optuna", reason="optuna is not installed")
    for field, fid in {
        "learning_rate": lambda values: 20 + 10 * abs(np.log10(values["learning_rate"] / 3e-4)),
        "batch_size": lambda values: float(values["batch_size"]),
        "beta1": lambda values: {0.0: 30.0, 0.5: 20.0, 0.9: 80.0}[values["beta1"]],
    }.items():
        study = made(fid, count=60)
        found = shares(study, np.array(study.fids))
        assert list(found) == list(RANGES)
        assert found[field] > 0.9 and sum(found.values()) <= 1.0 + 1e-9
        assert all(share < 0.05 for name, share in found.items() if name != field)


@pytest.mark.slow
def test_fanova_weighs_a_rate_by_its_logarithm_as_it_is_drawn():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    pytest.importorskip("optuna", reason="optuna is not installed")
    ranges = {"learning_rate": Between(1e-5, 1e-2), "beta1": OneOf((0.0, 0.9))}

    def fid(values):  # half of the draws are below 3e-4, and three hundredths of the numbers
        return exp(3 + 2 * (values["learning_rate"] < 3e-4) + (values["beta1"] == 0.9))

    study = made(fid, ranges=ranges)
    found = shares(study, np.array(study.fids))
    assert found["learning_rate"] == pytest.approx(0.8, abs=0.1)
    assert found["beta1"] == pytest.approx(0.2, abs=0.1)


@pytest.mark.long
@pytest.mark.slow
def test_fields_seldom_matter_if_the_fids_are_noise():
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    pytest.importorskip("optuna", reason="optuna is not installed")
    random = np.random.default_rng(2)
    found = [importance(made(list(random.lognormal(3, 0.5, 16)))) for _ in range(4)]
    clear = [of.clear for each in found for of in each.values()]
    # One of 20 is by chance: four of these twelve are in 0.2 % of such tests.
    assert len(clear) == 12 and sum(clear) < 4
    assert found[0]["learning_rate"].by_chance > 0.2  # noise looks like this much


def test_few_trials_and_equal_fids_say_nothing_of_importance():
    assert importance(made([20.0 + n for n in range(FEWEST_FOR_IMPORTANCE - 1)])) is None
    assert importance(made([20.0] * 30)) is None
