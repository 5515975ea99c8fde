"""The gate's statistics against formulas of their own, and in the long run."""

import numpy as np
import pytest
from scipy import stats

from gan_bench.analysis.statistics import holm, holm_levels
from gan_bench.gate.bounds import LEAST_SPREAD, LEVEL, measure, paired_bound
from gan_bench.metrics import SPEED

BEFORE = [20.1, 21.3, 19.8, 20.9, 22.0, 20.4, 19.1, 21.1, 20.7, 20.0]


def test_the_bound_is_the_prediction_bound_of_a_mean_on_logarithms_with_the_margin_on_top():
    found = measure("fid_lenet", BEFORE, [21.0, 22.0, 23.0], 0.05)
    log = np.log(BEFORE)
    reach = stats.t.ppf(0.95, 9) * log.std(ddof=1) * np.sqrt(1 / 10 + 1 / 3)
    assert found.worst(0.05) == pytest.approx(np.exp(log.mean() + reach) * 1.05, rel=1e-12)
    assert found.best(0.05) == pytest.approx(np.exp(log.mean() - reach) / 1.05, rel=1e-12)
    assert found.mean[0] == pytest.approx(stats.gmean(BEFORE))
    assert found.mean[1] == pytest.approx(stats.gmean([21.0, 22.0, 23.0]))
    assert found.spread == pytest.approx(log.std(ddof=1))


@pytest.mark.parametrize("level", [0.05, 0.01])
def test_p_is_at_the_level_where_the_mean_is_at_the_bound(level):
    bound = measure("fid_lenet", BEFORE, [1.0], 0.1).worst(level)
    here = measure("fid_lenet", BEFORE, [bound] * 3, 0.1)
    same_count = measure("fid_lenet", BEFORE, [here.worst(level)] * 3, 0.1)
    assert same_count.p_worse == pytest.approx(level)
    best = measure("fid_lenet", BEFORE, [here.best(level)] * 3, 0.1)
    assert best.p_better == pytest.approx(level)


def test_higher_is_better_turns_the_bound_round():
    before = [0.80, 0.81, 0.79, 0.80, 0.82, 0.78, 0.80, 0.81, 0.79, 0.80]
    worse = measure("recall_lenet", before, [0.70, 0.71, 0.69], 0.05)
    better = measure("recall_lenet", before, [0.90, 0.91, 0.89], 0.05)
    assert worse.p_worse < 0.01 < 0.9 < worse.p_better
    assert better.p_better < 0.01 < 0.9 < better.p_worse
    assert worse.worst(0.05) < 0.76 and worse.best(0.05) > 0.84
    assert worse.mean == (pytest.approx(0.8), pytest.approx(0.70))


def test_speed_is_compared_in_proportion_and_less_is_worse():
    slower = measure(SPEED, [10.0 + i / 100 for i in range(10)], [5.0, 5.1, 4.9], 0.05)
    assert slower.scale == "ratio"
    assert slower.p_worse < 1e-6
    assert slower.worst(0.05) < 10


def test_equal_seeds_by_chance_do_not_make_the_bound_a_line():
    found = measure("fid_lenet", [20.0] * 10, [20.2, 20.3, 20.1], 0.0)
    assert found.error == pytest.approx(LEAST_SPREAD * np.sqrt(1 / 10 + 1 / 3))
    assert found.p_worse > 0.05


def test_a_figure_of_zero_in_every_seed_is_worse_when_it_rises():
    assert measure("copied_share", [0.0] * 10, [0.1, 0.1, 0.1], 0.05).p_worse == 0
    assert measure("copied_share", [0.0] * 10, [0.0, 0.0, 0.0], 0.05).p_worse == 1


@pytest.mark.parametrize("before, after", [([20.0], [1.0] * 3), (BEFORE, []), (BEFORE, [0.0])])
def test_what_cannot_be_compared_is_an_error(before, after):
    with pytest.raises(ValueError, match=r"too few seeds|greater than 0"):
        measure("fid_lenet", before, after, 0.05)


def test_levels_reject_just_what_holms_corrected_p_values_reject():
    random = np.random.default_rng(5)
    for _ in range(500):
        p = (random.random(random.integers(1, 7)) ** 3).tolist()
        rejected = [one <= level for one, level in zip(p, holm_levels(p, LEVEL), strict=True)]
        assert rejected == [one <= 0.05 for one in holm(p)]


@pytest.mark.slow
def test_false_alarms_without_a_margin_come_at_the_level():
    random = np.random.default_rng(11)
    logs = random.normal(3.0, 0.1, (4_000, 13))
    alarms = [
        measure("fid_lenet", np.exp(x[:10]).tolist(), np.exp(x[10:]).tolist(), 0.0).p_worse <= 0.05
        for x in logs
    ]
    low, high = stats.binomtest(sum(alarms), len(alarms)).proportion_ci(0.999)
    assert low < 0.05 < high


def test_the_paired_bound_is_the_end_of_a_one_sided_interval_of_the_differences():
    before, after = [20.0, 25.0, 22.0], [20.4, 25.1, 22.9]
    worse = np.log(after) - np.log(before)
    expected = stats.ttest_1samp(worse, 0).confidence_interval(0.9).high
    assert paired_bound("fid_lenet", before, after) == pytest.approx(np.expm1(expected))
    recall = paired_bound("recall_lenet", [0.8, 0.9], [0.7, 0.8])
    assert recall == pytest.approx(0.1 / 0.85)
    assert paired_bound("fid_lenet", [20.0], [20.0]) is None
    assert paired_bound("fid_lenet", [20.0, 0.0], [20.0, 1.0]) is None
