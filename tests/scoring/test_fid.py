"""FID: its interval covers the true distance, and its extrapolation removes the samples' bias."""

import numpy as np
import pytest

from gan_bench.scoring.array_file import FeatureFile
from gan_bench.scoring.metrics.fid import frechet_at_infinity, frechet_interval
from gan_bench.scoring.metrics.frechet import GaussianStatistics, frechet_distance, gaussian

DIMENSIONS = 16
FEWER_DIMENSIONS = 12


def statistics_of(features):
    result = GaussianStatistics(features.shape[1])
    result.update(features)
    return result


def scored(folder, real, fake):
    sides = [
        FeatureFile.write(folder / name, [side.astype(np.float32)])
        for name, side in (("real", real), ("fake", fake))
    ]
    statistics = tuple(gaussian(side) for side in sides)
    value = frechet_distance(*statistics).value
    return value, frechet_interval(*sides, statistics, value)


def sample_pairs(seed, count, *, shift=0.5, scale=1.5):
    """Gaussians whose distance is known, with variances that fall off as features' do."""
    random = np.random.default_rng(seed)
    deviations = (1 + np.arange(DIMENSIONS)) ** -0.5
    mean = np.zeros(DIMENSIONS)
    mean[:3] = shift
    real = random.normal(size=(count, DIMENSIONS)) * deviations
    fake = random.normal(size=(count, DIMENSIONS)) * deviations * np.sqrt(scale) + mean
    known = 3 * shift**2 + (1 - np.sqrt(scale)) ** 2 * (deviations**2).sum()
    return real, fake, known


def bootstrap_interval(real, fake, resamples=100):
    random = np.random.default_rng(0)

    values = []
    for _ in range(resamples):
        sides = (side[random.integers(0, len(side), len(side))] for side in (real, fake))
        values.append(frechet_distance(*map(statistics_of, sides)).value)
    return np.percentile(values, [2.5, 97.5])


@pytest.mark.slow
@pytest.mark.long_after(2)
@pytest.mark.parametrize("count", [24, 48, 160])
@pytest.mark.parametrize(("shift", "scale"), [(0.5, 1.0), (1.0, 1.5)])
def test_the_interval_covers_the_known_distance_as_often_as_it_says(tmp_path, count, shift, scale):
    trials, covered = 200, 0
    values, widths = [], []
    for seed in range(trials):
        real, fake, known = sample_pairs(seed, count, shift=shift, scale=scale)
        value, interval = scored(tmp_path, real, fake)
        values.append(value)
        widths.append(interval.high - interval.low)
        assert interval.method == "jackknife"
        covered += interval.low <= known <= interval.high
    # At 95 %, 182 of 200 is three standard deviations below the mean. The interval must also not
    # be much wider than necessary.
    assert covered >= 182
    assert np.mean(widths) < 1.5 * 2 * 1.96 * np.std(values)


@pytest.mark.slow
def test_the_interval_of_equal_distributions_reaches_zero(tmp_path):
    trials, covered = 100, 0
    for seed in range(trials):
        real, fake, known = sample_pairs(seed, 64, shift=0.0, scale=1.0)
        value, interval = scored(tmp_path, real, fake)
        covered += interval.low <= known <= interval.high
        assert interval.high < value, "sixteen dimensions and 64 images are biased by more"
    assert covered >= 93


def test_a_bootstrap_interval_excludes_its_own_estimate_and_the_truth(tmp_path):
    real, fake, known = sample_pairs(0, 64, shift=0.0, scale=1.0)
    value, interval = scored(tmp_path, real, fake)
    low, _ = bootstrap_interval(real, fake)
    assert low > value > known
    assert interval.low <= known <= interval.high


def test_the_interval_of_few_images_for_the_dimensions_is_wide_and_right(tmp_path):
    lows = []
    for seed in range(60):
        real, fake, known = sample_pairs(seed, 20, shift=1.0)
        value, interval = scored(tmp_path, real, fake)
        assert (interval.method, interval.bias) == ("bounds", None)
        assert interval.low <= known <= interval.high
        assert value < interval.high < 2 * value
        lows.append(interval.low)
    assert np.mean(lows) > 0.1 * known


@pytest.mark.slow
def test_the_bias_is_what_more_images_would_take_away(tmp_path):
    found = []
    for seed in range(60):
        real, fake, _ = sample_pairs(seed, 64, shift=0.0, scale=1.0)
        value, interval = scored(tmp_path, real, fake)
        found.append(interval.bias / value)
    # The distance is zero, so all of the value is bias.
    assert np.mean(found) == pytest.approx(1.0, abs=0.1)


def test_the_order_of_the_images_does_not_matter(tmp_path):
    """Class by class in turn, as many data sets are: every twentieth image is of one class."""
    real, fake, _ = sample_pairs(0, 400)
    means = np.random.default_rng(9).normal(size=(10, DIMENSIONS)) * 3
    classes = np.arange(400) % 10
    mixed = np.random.default_rng(8).permutation(400)
    turned = [side + means[classes] for side in (real, fake)]
    in_turn = scored(tmp_path, *turned)[1].standard_error
    shuffled = scored(tmp_path, *(side[mixed] for side in turned))[1].standard_error
    assert in_turn == pytest.approx(shuffled, rel=0.5)


def classes_of_one_population(seed, count, order):
    """Two sets of one population of ten classes: the true distance is zero."""
    random = np.random.default_rng(seed)
    deviations = (1 + np.arange(DIMENSIONS)) ** -0.5
    means = 3 * random.normal(size=(10, DIMENSIONS)) * deviations
    sides = []
    for _ in range(2):
        classes = random.integers(0, 10, count)
        if order == "class by class":
            classes = np.sort(classes)
        sides.append(0.3 * random.normal(size=(count, DIMENSIONS)) * deviations + means[classes])
    return sides


@pytest.mark.slow
@pytest.mark.parametrize("order", ["at random", "class by class"])
def test_the_interval_covers_the_truth_in_any_order_of_both_sides(tmp_path, order):
    trials, covered = 100, 0
    for seed in range(trials):
        real, fake = classes_of_one_population(seed, 400, order)
        _, interval = scored(tmp_path, real, fake)
        covered += interval.low == 0
    # At 95 %, 88 of 100 is three standard deviations below the mean.
    assert covered >= 88


def test_bias_and_error_are_the_same_in_any_order_of_both_sides(tmp_path):
    """With one permutation for both sides, groups of both would hold the same classes."""
    found = {}
    for order in ("at random", "class by class"):
        intervals = [
            scored(tmp_path, *classes_of_one_population(seed, 400, order))[1] for seed in range(20)
        ]
        found[order] = np.mean([(i.bias, i.standard_error) for i in intervals], axis=0)
    np.testing.assert_allclose(found["class by class"], found["at random"], rtol=0.25)


@pytest.mark.slow
def test_sides_of_different_sizes_have_an_interval_too(tmp_path):
    covered = 0
    for seed in range(60):
        real, fake, known = sample_pairs(seed, 400)
        _, interval = scored(tmp_path, real, fake[:60])
        covered += interval.low <= known <= interval.high
    assert covered >= 52


def test_five_images_have_no_interval(tmp_path):
    real, fake, _ = sample_pairs(0, 5)
    assert scored(tmp_path, real, fake)[1] is None
    real, fake, _ = sample_pairs(0, 6)
    assert scored(tmp_path, real, fake)[1] is not None


@pytest.mark.slow
def test_the_extrapolation_removes_the_samples_bias_and_leaves_that_of_the_real_images(tmp_path):
    values, distances, errors, covered = [], [], [], 0
    real = statistics_of(np.random.default_rng(1).normal(size=(60, FEWER_DIMENSIONS)))
    many = statistics_of(np.random.default_rng(2).normal(size=(400_000, FEWER_DIMENSIONS)))
    limit = frechet_distance(real, many).value
    for seed in range(40):
        sample = np.random.default_rng(seed + 10).normal(size=(120, FEWER_DIMENSIONS))
        fake = FeatureFile.write(tmp_path / "fake", [sample.astype(np.float32)])
        found = frechet_at_infinity(real, fake, seed=seed)
        values.append(found.value)
        covered += found.low <= limit <= found.high
        errors.append(found.standard_error)
        distances.append(frechet_distance(real, gaussian(fake)).value)
    # The limit is the distance of very many samples from the same 60 real images.
    spread = np.std(values) / np.sqrt(40)
    assert np.mean(values) == pytest.approx(limit, abs=4 * spread)
    assert np.mean(distances) > limit + 10 * spread
    assert limit > 0.1
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.5)
    assert covered >= 34


def test_the_extrapolation_is_the_same_with_the_same_seed(tmp_path):
    random = np.random.default_rng(0)
    real = statistics_of(random.normal(size=(100, FEWER_DIMENSIONS)))
    sample = random.normal(size=(90, FEWER_DIMENSIONS)).astype(np.float32)
    fake = FeatureFile.write(tmp_path / "fake", [sample])
    first, second = (frechet_at_infinity(real, fake, seed=5) for _ in range(2))
    assert first == second
    assert frechet_at_infinity(real, fake, seed=6).value != first.value
