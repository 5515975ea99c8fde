"""The Frechet distance: closed forms, a reference implementation, and how its input arrives."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_bench.errors import GanBenchError
from gan_bench.scoring.metrics.frechet import GaussianStatistics, frechet_distance


def statistics(*batches):
    result = GaussianStatistics(batches[0].shape[1])
    for batch in batches:
        result.update(batch)
    return result


def features(seed, count, dimensions, *, scale=1.0, shift=0.0):
    """Correlated features far from the origin, as a network's are."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(dimensions, dimensions))
    return random.normal(size=(count, dimensions)) @ mixing * scale + 3 + shift


def whitened(seed, count, dimensions):
    """Features whose sample mean is 0 and whose sample covariance is the identity, exactly."""
    sample = np.random.default_rng(seed).normal(size=(count, dimensions))
    sample -= sample.mean(axis=0)
    left, _, right = np.linalg.svd(sample, full_matrices=False)
    return left @ right * np.sqrt(count - 1)


def by_sqrtm(first, second):
    root = scipy.linalg.sqrtm(first.covariance @ second.covariance)
    difference = first.mean - second.mean
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    return difference @ difference + traces - 2 * np.trace(root).real


def test_of_two_gaussians_with_equal_covariance_is_the_squared_distance_of_the_means():
    sample = features(0, 500, 8)
    shift = np.arange(8) / 4
    distance = frechet_distance(statistics(sample), statistics(sample + shift))
    assert distance.value == pytest.approx(shift @ shift, rel=1e-9)


def test_of_two_gaussians_with_commuting_covariances_compares_their_standard_deviations():
    base = whitened(1, 400, 5)
    first, second = np.array([1.0, 2.0, 3.0, 0.5, 0.1]), np.array([2.0, 2.0, 0.3, 0.5, 4.0])
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0]
    distance = frechet_distance(
        statistics(base * first @ rotation + 7), statistics(base * second @ rotation + 7)
    )
    assert distance.value == pytest.approx(((first - second) ** 2).sum(), rel=1e-9)


def test_is_symmetric():
    first, second = statistics(features(0, 300, 16)), statistics(features(1, 200, 16, scale=1.3))
    there, back = frechet_distance(first, second), frechet_distance(second, first)
    assert there.value == pytest.approx(back.value, rel=1e-12)
    assert (there.rank_real, there.rank_fake) == (back.rank_fake, back.rank_real) == (16, 16)


@pytest.mark.parametrize("count", [10, 500])
def test_of_a_set_from_itself_is_zero_at_full_rank_and_below(count):
    sample = statistics(features(0, count, 64))
    assert 0 <= frechet_distance(sample, sample).value <= 1e-6 * np.trace(sample.covariance)


def test_agrees_with_the_matrix_square_root_of_scipy_at_full_rank():
    first = statistics(features(0, 400, 32))
    second = statistics(features(1, 500, 32, scale=0.7, shift=0.2))
    distance = frechet_distance(first, second)
    assert distance.value == pytest.approx(by_sqrtm(first, second), rel=1e-8)
    assert (distance.rank_real, distance.rank_fake, distance.rank_deficient) == (32, 32, False)


def test_is_exact_below_full_rank_too():
    first, second = features(0, 20, 64), features(1, 30, 64, scale=1.5)
    distance = frechet_distance(statistics(first), statistics(second))
    # The same trace from the data itself, without a covariance of 64 x 64.
    deviations = (first - first.mean(0)) @ (second - second.mean(0)).T / np.sqrt(19 * 29)
    difference = first.mean(0) - second.mean(0)
    exact = (
        difference @ difference
        + first.var(0, ddof=1).sum()
        + second.var(0, ddof=1).sum()
        - 2 * np.linalg.svd(deviations, compute_uv=False).sum()
    )
    assert distance.value == pytest.approx(exact, rel=1e-8)
    assert (distance.rank_real, distance.rank_fake, distance.rank_deficient) == (19, 29, True)


def test_counts_no_rank_in_features_that_differ_by_rounding_only():
    row = np.random.default_rng(0).normal(3, 1, 16).astype(np.float32)
    equal = np.tile(row, (50, 1))
    equal[::3] = np.nextafter(equal[::3], np.float32(100))
    distance = frechet_distance(statistics(features(0, 100, 16)), statistics(equal))
    assert (distance.rank_fake, distance.rank_deficient) == (0, True)


def test_statistics_are_the_mean_and_the_unbiased_covariance():
    sample = features(3, 50, 4)
    result = statistics(sample[:20], sample[20:])
    np.testing.assert_allclose(result.mean, sample.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(result.covariance, np.cov(sample, rowvar=False), rtol=1e-10)


@settings(deadline=None)
@given(cuts=st.lists(st.integers(0, 120), max_size=6), offset=st.sampled_from([0.0, 1e3]))
def test_statistics_do_not_depend_on_how_the_images_are_cut_into_batches(cuts, offset):
    sample = (features(4, 120, 6) + offset).astype(np.float32)
    edges = [0, *sorted(cuts), 120]
    cut = statistics(*(sample[a:b] for a, b in pairwise(edges)))
    whole = statistics(sample)
    scale = np.abs(whole.covariance).max()
    assert cut.count == 120
    np.testing.assert_allclose(cut.mean, whole.mean, rtol=1e-9, atol=0)
    np.testing.assert_allclose(cut.covariance, whole.covariance, rtol=0, atol=1e-9 * scale)


@settings(deadline=None)
@given(cut=st.integers(0, 80))
def test_merged_statistics_are_those_of_all_images(cut):
    sample = features(5, 80, 6)
    merged = statistics(sample[:cut])
    merged.merge(statistics(sample[cut:]))
    whole = statistics(sample)
    assert merged.count == 80
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-9)
    np.testing.assert_allclose(merged.covariance, whole.covariance, rtol=1e-9)


def test_merging_leaves_the_other_statistics_as_they_were():
    empty, other = GaussianStatistics(4), statistics(features(6, 30, 4))
    before = other.covariance
    empty.merge(other)
    empty.update(features(7, 30, 4))
    np.testing.assert_array_equal(other.covariance, before)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_feature_that_is_not_finite_is_an_error_and_takes_nothing_in(bad):
    sample = features(0, 10, 3)
    sample[4, 1] = bad
    result = GaussianStatistics(3)
    with pytest.raises(GanBenchError, match="NaN or infinite"):
        result.update(sample)
    assert result.count == 0


@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_images_are_an_error(count):
    few, many = statistics(features(0, count, 3)), statistics(features(1, 10, 3))
    with pytest.raises(GanBenchError, match=f"at least two images; there are {count}"):
        frechet_distance(many, few)


def test_features_of_different_dimensions_are_an_error():
    first, second = statistics(features(0, 10, 3)), statistics(features(0, 10, 4))
    with pytest.raises(GanBenchError, match="have no distance"):
        frechet_distance(first, second)
    with pytest.raises(GanBenchError, match="cannot be merged"):
        first.merge(second)
    with pytest.raises(GanBenchError, match="do not fit"):
        first.update(features(0, 10, 4))


def test_features_beyond_float64_are_an_error():
    huge = np.array([[1e200, 0.0], [-1e200, 1.0], [0.0, 2.0]])
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(GanBenchError, match="large"):
        frechet_distance(statistics(huge), statistics(huge))
