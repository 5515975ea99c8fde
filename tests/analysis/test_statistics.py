"""Differences of seeds' figures: against SciPy, textbook values, and what they must never claim."""

import numpy as np
import pytest
from scipy import stats

from gan_bench.analysis.pairs import Pairs, all_pairs
from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.statistics import SeedValues, compare, holm, mean_interval, paired, welch
from gan_bench.metrics import metric

A = (4.0, 4.1, 4.3, 3.9)
B = (5.0, 5.6, 4.9)


def test_welch_is_scipys():
    found = welch(A, B)
    expected = stats.ttest_ind(A, B, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.estimate == pytest.approx(np.mean(A) - np.mean(B))
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.seeds == (4, 3)


def test_a_ratio_is_a_difference_of_logarithms():
    found = welch(A, B, scale="ratio")
    logs = welch(np.log(A), np.log(B))
    assert found.estimate == pytest.approx(np.exp(logs.estimate))
    assert (found.low, found.high) == pytest.approx((np.exp(logs.low), np.exp(logs.high)))
    assert found.p == pytest.approx(logs.p)


@pytest.mark.parametrize(("a", "b", "scale"), [
    ((1.0,), (2.0, 3.0), "difference"),
    ((1.0, 2.0), (), "difference"),
    ((1.0, 0.0), (2.0, 3.0), "ratio"),
])  # fmt: skip
def test_what_has_no_uncertainty_is_not_compared(a, b, scale):
    assert welch(a, b, scale=scale) is None


def test_three_seeds_without_any_spread_differ_for_certain_and_two_do_not():
    assert welch((1.0,) * 3, (2.0,) * 3).p == 0
    assert welch((1.0,) * 2, (2.0,) * 2).p == 1
    assert welch((1.0,) * 3, (1.0,) * 3).p == 1
    assert all_pairs([(1.0,) * 3, (2.0,) * 3, (2.0,) * 2]).p.tolist() == [
        [1, 0, 1],
        [0, 1, 1],
        [1, 1, 1],
    ]


def test_what_overflows_is_infinite():
    assert welch((1e-300, 1e-10), (1e300, 1e280), scale="ratio").low == 0
    assert welch((1e300, 1e280), (1e-300, 1e-10), scale="ratio").high == float("inf")


def test_pairs_are_compared_seed_by_seed():
    a, b = (10.0, 20.0, 30.0), (11.0, 21.2, 30.9)
    found = paired(a, b)
    expected = stats.ttest_rel(a, b)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.paired
    assert found.clear
    assert not welch(a, b).clear  # what pairing is for
    assert paired((1.0,), (2.0,)) is None
    with pytest.raises(ValueError, match="equal lengths"):
        paired((1.0, 2.0), (1.0,))


def test_rounding_is_no_spread_of_the_seeds():
    """One image of 10,000 less in each seed: only the binary fractions make that two numbers."""
    a, b = (3e-4, 0.0, 7e-4), (4e-4, 1e-4, 8e-4)
    assert len({x - y for x, y in zip(a, b, strict=True)}) > 1
    assert paired(a[:2], b[:2]).p == 0.5
    assert paired(a, b).p == 0.25
    assert paired(a, a).p == 1
    assert mean_interval([-0.8, -0.8000000000000002])[3] == 0.5
    assert paired((3e-4, 0.0), (4e-4, 1.0001e-4)).p < 1e-3


def test_an_interval_of_a_mean_is_students():
    mean, low, high, p = mean_interval(A)
    expected = stats.t.interval(0.95, 3, loc=np.mean(A), scale=stats.sem(A))
    assert (low, high) == pytest.approx(expected)
    assert mean == pytest.approx(np.mean(A))
    assert p == pytest.approx(stats.ttest_1samp(A, 0).pvalue)
    assert mean_interval((1.0,)) is None


def test_holm_is_the_papers_example():
    # Holm 1979: ordered p values times m, m - 1, ..., never falling, at most one.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_all_pairs_are_welchs_corrected_over_all(scale):
    figures = [A, B, (9.0, 9.5), (7.0,)]
    found = all_pairs(figures, scale=scale)
    places = [(0, 1), (0, 2), (1, 2)]
    alone = [welch(figures[i], figures[j], scale=scale) for i, j in places]
    corrected = holm([difference.p for difference in alone])
    for (i, j), difference, p in zip(places, alone, corrected, strict=True):
        both = found.between(i, j)
        assert both.p == pytest.approx(p)
        assert both.estimate == pytest.approx(difference.estimate)
        assert (both.low, both.high) == pytest.approx((difference.low, difference.high))
    assert found.between(0, 3) is None
    assert found.p[0, 3] == 1


def test_more_than_three_sides_share_what_they_know_of_their_spread():
    """Five with alike spreads: the degrees of freedom and the width are no longer each pair's."""
    figures = [np.array(A) * scale for scale in (1, 1.15, 1.3, 2, 3)]
    found = all_pairs(figures, scale="ratio")
    alone = welch(figures[0], figures[1], scale="ratio")
    both = found.between(1, 0)
    assert both.estimate == pytest.approx(1.15)
    assert both.p < alone.p and both.low > 1 / alone.high
    assert found.tested == 10


def test_a_collapsed_seed_makes_nothing_certain():
    figures = [(10.0, 10.4, 9.7), (10.1, 9.8, 10.2), (10.3, 10.0, 9.9), (9.9, 10.2, 10.1)]
    found = all_pairs([*figures, (10.0, 9.8, 160.0)], scale="ratio")
    assert (found.p[-1, :-1] > 0.05).all()


def test_values_that_are_equal_in_all_seeds_differ_unless_others_vary():
    """As counts may be: nothing varies, or the others show by how much they do."""
    certain = all_pairs([(10.0,) * 3, (9.0,) * 3, (7.0,) * 3, (10.0,) * 3])
    assert certain.p[0].tolist() == [1, 0, 0, 1]
    varied = [(9.0, 10.0, 7.0), (8.0, 10.0, 9.0), (6.0, 8.0, 9.0), (7.0, 9.0, 10.0)]
    assert all_pairs([(10.0,) * 3, (9.0,) * 3, *varied]).p[0, 1] > 0.05


def test_equal_implementations_are_seldom_told_apart():
    """Of 300 rankings of six equal ones, at most the promised 5 % name a difference."""
    random = np.random.default_rng(0)
    wrong = sum(
        (all_pairs(random.normal(0, 1, (6, 3)).tolist()).p < 0.05).any() for _ in range(300)
    )
    assert wrong <= 15


FID, RECALL = metric("fid_lenet"), metric("recall_lenet")


def test_all_seeds_of_both_sides_count_also_where_some_are_equal():
    a = SeedValues.by({0: 10.0, 1: 11.0, 2: 12.0})
    more = SeedValues.by({0: 20.0, 1: 22.5, 2: 24.0, 3: 90.0})
    found = compare(a, more, FID)
    assert not found.paired and found.seeds == (3, 4)
    assert found.p == welch(a.values, more.values, scale="ratio").p
    other = SeedValues.by({1: 20.0, 2: 22.0, 3: 24.0})
    assert compare(a, other, FID) == welch(a.values, other.values, scale="ratio")
    assert compare(a, SeedValues.by({0: 10.0}), FID) is None


def test_the_metric_sets_scale_and_direction():
    high, low = SeedValues.by({0: 0.8, 1: 0.82}), SeedValues.by({5: 0.5, 6: 0.51})
    assert compare(high, low, RECALL).scale == "difference"
    assert compare(high, low, RECALL).better(RECALL)
    assert not compare(high, low, FID).better(FID)
    # A value of 0 has no ratio.
    assert compare(SeedValues.by({0: 0.0, 1: 1.0}), low, FID).scale == "difference"


def test_a_difference_of_logarithms_against_the_order_of_the_means_is_not_clear():
    odd = SeedValues.by(dict(enumerate([1.0] * 19 + [1_000.0])))
    steady = SeedValues.by(dict(enumerate([10.0 + i / 100 for i in range(20)], start=100)))
    found = compare(odd, steady, FID)
    assert odd.mean > steady.mean and found.estimate < 1
    assert found.p < 0.05 and not found.same_order and not found.clear


def test_a_tier_ends_where_all_above_are_clearly_better_than_all_below():
    values = {
        "a": (4.0, 4.1, 4.2),
        "b": (4.1, 4.2, 4.3),
        "c": (9.0, 9.1, 9.2),
        "d": (9.0, 20.0, 40.0),  # not clearly worse than anything
        "e": (90.0, 91.0, 92.0),
    }
    spreads = {name: SeedValues.of(seeds) for name, seeds in values.items()}
    assert RankedGroup(spreads, metric("fid_lenet")).tiers == [list("abcde")]
    del spreads["d"]
    assert RankedGroup(spreads, metric("fid_lenet")).tiers == [["a", "b"], ["c"], ["e"]]
    assert RankedGroup({"a": spreads["a"]}, metric("fid_lenet")).tiers == [["a"]]


def test_given_pairs_decide_what_is_clear():
    """Whatever the order in which the values are given."""
    values = {"worse": (9.0, 9.2, 9.1), "better": (4.0, 4.1, 4.2), "middle": (6.0, 6.1, 6.2)}
    spreads = {name: SeedValues.of(seeds) for name, seeds in values.items()}
    tests = Pairs.none(3, "ratio")
    tests.put(1, 0, (-0.8, 0.01, 9.0), (3, 3))
    ranks = RankedGroup(spreads, FID, tests)
    assert ranks.labels == ["better", "middle", "worse"]
    assert ranks.clearly("better", "worse") and not ranks.clearly("better", "middle")
    assert ranks.between("better", "worse").estimate == pytest.approx(np.exp(0.8))
    assert ranks.between("better", "middle") is None
    assert ranks.tested_pairs == 1
