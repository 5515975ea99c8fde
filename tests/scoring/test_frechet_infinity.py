"""The extrapolation to infinitely many samples removes the samples' bias, and that alone."""

import numpy as np
import pytest

from gan_bench.scoring.features.onnx_model import FeatureFile
from gan_bench.scoring.metrics.fid import frechet_at_infinity
from gan_bench.scoring.metrics.frechet import GaussianStatistics, frechet_distance, gaussian

DIMENSIONS = 12


def statistics(sample):
    result = GaussianStatistics(DIMENSIONS)
    result.update(sample)
    return result


def test_removes_the_samples_bias_and_leaves_that_of_the_real_images(tmp_path):
    values, plain, errors, covered = [], [], [], 0
    real = statistics(np.random.default_rng(1).normal(size=(60, DIMENSIONS)))
    many = statistics(np.random.default_rng(2).normal(size=(400_000, DIMENSIONS)))
    limit = frechet_distance(real, many).value
    for seed in range(40):
        sample = np.random.default_rng(seed + 10).normal(size=(120, DIMENSIONS))
        fake = FeatureFile.write(tmp_path / "fake", [sample.astype(np.float32)])
        found = frechet_at_infinity(real, fake, seed=seed)
        values.append(found.value)
        covered += found.low <= limit <= found.high
        errors.append(found.standard_error)
        plain.append(frechet_distance(real, gaussian(fake)).value)
    # The limit is what very many samples have against these very 60 real images.
    spread = np.std(values) / np.sqrt(40)
    assert np.mean(values) == pytest.approx(limit, abs=4 * spread)
    assert np.mean(plain) > limit + 10 * spread
    assert limit > 0.1
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.5)
    assert covered >= 34


def test_comes_out_the_same_with_the_same_seed(tmp_path):
    random = np.random.default_rng(0)
    real = statistics(random.normal(size=(100, DIMENSIONS)))
    sample = random.normal(size=(90, DIMENSIONS)).astype(np.float32)
    fake = FeatureFile.write(tmp_path / "fake", [sample])
    first, second = (frechet_at_infinity(real, fake, seed=5) for _ in range(2))
    assert first == second
    assert frechet_at_infinity(real, fake, seed=6).value != first.value
