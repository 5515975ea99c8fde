"""Moderated variances: what is moderated, how much, and what is left alone."""

import numpy as np
import pytest
from scipy import special, stats

from gan_bench.analysis.moderation import moderate


def test_variances_that_differ_by_chance_alone_are_pulled_to_their_common_value():
    random = np.random.default_rng(0)
    variances = 0.04 * random.chisquare(2, 500) / 2
    found, freedom = moderate(variances, np.full(500, 2.0))
    assert np.ptp(np.log(found)) < np.ptp(np.log(variances)) / 4
    assert np.median(found) == pytest.approx(0.04, rel=0.2)
    assert freedom.min() > 10


def test_variances_that_truly_differ_are_pulled_less():
    random = np.random.default_rng(0)
    by_chance = random.chisquare(4, 200) / 4
    _, more = moderate(by_chance, np.full(200, 4.0))
    _, less = moderate(by_chance * np.exp(random.normal(0, 2, 200)), np.full(200, 4.0))
    assert 4 < less[0] < 6 < more[0]


def test_the_prior_is_smyths_but_for_its_three_changes():
    """Against the formulas of the paper, with the inverse found by another method."""
    variances = np.array([0.9, 1.7, 0.2, 3.0, 0.4, 12.0, 0.7, 1.1])
    freedom = np.array([2.0, 4.0, 2.0, 3.0, 2.0, 4.0, 4.0, 2.0])
    e = np.log(variances) - special.digamma(freedom / 2) + np.log(freedom / 2)
    trigamma = special.polygamma(1, freedom / 2).mean()
    error = np.sqrt((special.polygamma(3, freedom / 2).mean() + 2 * trigamma**2) / 8)
    wanted = e.var(ddof=1) - trigamma + 1.5 * error
    from scipy.optimize import brentq

    d0 = 2 * brentq(lambda x: special.polygamma(1, x) - wanted, 1e-3, 1e3) * 5 / 8
    found, total = moderate(variances, freedom)
    assert total == pytest.approx(d0 + freedom)
    s0 = max(stats.gmean(np.exp(e)), np.median(variances * freedom / stats.chi2.median(freedom)))
    assert found == pytest.approx((d0 * s0 + freedom * variances) / (d0 + freedom))


@pytest.mark.parametrize(
    "variances", [[2.0, 0.5], [2.0, 0.5, 7.0], [2.0, 0.0, 7.0, 1.0], [0.0] * 9]
)
def test_three_or_fewer_stay_as_they_are(variances):
    found, freedom = moderate(np.array(variances), np.full(len(variances), 2.0))
    assert found.tolist() == variances
    assert freedom.tolist() == [2.0] * len(variances)


def test_values_without_spread_get_some_from_the_others_and_two_seeds_do_not():
    found, freedom = moderate(np.array([1.0, 2.0, 1.5, 1.2, 0.0, 0.3]), np.array([2.0] * 5 + [1.0]))
    assert found[4] > 0 and freedom[4] > 2
    assert (found[5], freedom[5]) == (0.3, 1.0)
    four, _ = moderate(np.array([1.0, 2.0, 1.5, 1.2]), np.full(4, 2.0))
    assert found[:4] == pytest.approx(four)  # neither of the two counts for the prior


def test_groups_are_apart():
    groups = np.random.default_rng(0).chisquare(3, (2, 3, 9))
    found, freedom = moderate(groups, np.float64(3))
    for place in np.ndindex(2, 3):
        alone = moderate(groups[place], np.float64(3))
        assert found[place] == pytest.approx(alone[0])
        assert freedom[place] == pytest.approx(alone[1])


def test_the_scale_of_the_values_does_not_matter():
    variances = np.random.default_rng(0).chisquare(3, 9)
    small, large = (moderate(variances * scale, np.float64(3)) for scale in (1e-12, 1e12))
    assert small[1] == pytest.approx(large[1])
    assert small[0] * 1e24 == pytest.approx(large[0])


def test_one_variance_close_to_zero_does_not_pull_the_others_down():
    alike = np.array([1.0, 2.0, 1.5, 1.2, 0.7, 0.9])
    whole, _ = moderate(alike, np.full(6, 2.0))
    found, _ = moderate(np.array([*alike, 1e-12]), np.full(7, 2.0))
    assert (found[:6] > 0.9 * np.minimum(alike, whole)).all()
