"""The kernel distance: against the definition, unbiased, with an honest error."""

import numpy as np
import pytest

from gan_bench.scoring.array_file import FeatureFile
from gan_bench.scoring.metrics import kid
from gan_bench.scoring.metrics.kid import kernel_distance


def write(folder, name, features):
    return FeatureFile.write(folder / name, [features.astype(np.float32)])


def by_definition(real, fake):
    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    m, n = len(real), len(fake)
    xx, yy, xy = kernel(real, real), kernel(fake, fake), kernel(real, fake)
    within = (xx.sum() - np.trace(xx)) / (m * (m - 1)) + (yy.sum() - np.trace(yy)) / (n * (n - 1))
    return within - 2 * xy.mean()


@pytest.fixture
def sides(tmp_path):
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(70, 6)), random.normal(0.3, 1.2, size=(45, 6))
    return real.astype(np.float32), fake.astype(np.float32)


def test_is_what_the_definition_says_whatever_the_blocks(tmp_path, sides, monkeypatch):
    real, fake = sides
    files = write(tmp_path, "real", real), write(tmp_path, "fake", fake)
    exact = by_definition(real.astype(np.float64), fake.astype(np.float64))
    for block in (1, 32, 1024):
        monkeypatch.setattr(kid, "_BLOCK", block)
        assert kernel_distance(*files).value == pytest.approx(exact, rel=1e-10)


def test_the_error_is_that_of_leaving_out_each_image_in_turn(tmp_path, sides):
    real, fake = (side.astype(np.float64) for side in sides)
    found = kernel_distance(write(tmp_path, "real", real), write(tmp_path, "fake", fake))
    left = [by_definition(np.delete(real, i, 0), fake) for i in range(len(real))]
    also = [by_definition(real, np.delete(fake, i, 0)) for i in range(len(fake))]
    variance = sum((len(v) - 1) / len(v) * np.sum((v - np.mean(v)) ** 2) for v in (left, also))
    assert found.standard_error == pytest.approx(np.sqrt(variance), rel=1e-8)


@pytest.mark.slow
def test_is_unbiased_and_its_error_is_the_spread_over_samples(tmp_path):
    values, errors = [], []
    for seed in range(200):
        random = np.random.default_rng(seed)
        real, fake = random.normal(size=(60, 8)), random.normal(0.4, 1, size=(60, 8))
        found = kernel_distance(write(tmp_path, "real", real), write(tmp_path, "fake", fake))
        values.append(found.value)
        errors.append(found.standard_error)
    # Of a large sample, which has next to no error, and of the small ones.
    random = np.random.default_rng(999)
    large = random.normal(size=(6000, 8)), random.normal(0.4, 1, size=(6000, 8))
    exact = kernel_distance(*(write(tmp_path, str(i), side) for i, side in enumerate(large))).value
    assert np.mean(values) == pytest.approx(exact, abs=4 * np.std(values) / np.sqrt(200))
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.2)


def test_of_one_distribution_is_zero_on_average(tmp_path):
    values = []
    for seed in range(100):
        random = np.random.default_rng(seed)
        sides = random.normal(size=(2, 50, 8))
        values.append(
            kernel_distance(*(write(tmp_path, str(i), side) for i, side in enumerate(sides))).value
        )
    assert np.mean(values) == pytest.approx(0, abs=4 * np.std(values) / 10)
    assert min(values) < 0 < max(values)
