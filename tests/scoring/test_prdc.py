"""Precision, recall, density and coverage: against the definitions, and known expectations."""

import numpy as np
import pytest

from gan_bench.scoring.array_file import FeatureFile
from gan_bench.scoring.metrics import prdc as module
from gan_bench.scoring.metrics.prdc import manifold


def write(folder, name, features):
    return FeatureFile.write(folder / name, [features.astype(np.float32)])


def by_definition(real, fake):
    def distances(a, b):
        return np.linalg.norm(a[:, None] - b[None], axis=2)

    def radii(a, k):
        return np.sort(distances(a, a), axis=1)[:, k]

    across = distances(real, fake)
    inside = across <= radii(real, 5)[:, None]
    return {
        "precision": (across <= radii(real, 3)[:, None]).any(axis=0).mean(),
        "recall": (across <= radii(fake, 3)[None, :]).any(axis=1).mean(),
        "density": inside.sum() / (5 * len(fake)),
        "coverage": inside.any(axis=1).mean(),
    }


@pytest.mark.slow
@pytest.mark.parametrize("block", [1, 17, 1024])
def test_are_what_the_definitions_say_whatever_the_blocks(tmp_path, monkeypatch, block):
    monkeypatch.setattr(module, "_BLOCK", block)
    random = np.random.default_rng(0)
    real = random.normal(size=(90, 4)).astype(np.float32)
    fake = random.normal(0.5, 0.7, size=(60, 4)).astype(np.float32)
    found = manifold(write(tmp_path, "real", real), write(tmp_path, "fake", fake))
    for name, value in by_definition(real.astype(float), fake.astype(float)).items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-12), name


@pytest.mark.long
def test_of_two_samples_of_one_distribution_they_are_as_expected(tmp_path):
    # Coverage: 1 - prod (N - i) / (N + M - 1 - i) over i < k is 0.96877 at N = M = 10,000, k = 5.
    random = np.random.default_rng(0)
    sides = random.normal(size=(2, 10_000, 4))
    found = manifold(*(write(tmp_path, str(i), side) for i, side in enumerate(sides)))
    assert found.coverage == pytest.approx(0.96877, abs=0.006)
    assert found.density == pytest.approx(1.0, abs=0.02)
    assert found.precision == pytest.approx(found.recall, abs=0.02)


def test_collapse_shows_in_recall_and_coverage_and_noise_in_precision(tmp_path):
    random = np.random.default_rng(0)
    real = write(tmp_path, "real", random.normal(size=(500, 3)))
    collapsed = manifold(real, write(tmp_path, "same", np.tile(random.normal(size=3), (500, 1))))
    noise = manifold(real, write(tmp_path, "noise", random.uniform(-9, 9, size=(500, 3))))
    assert collapsed.precision in (0.0, 1.0)
    assert collapsed.recall < 0.01
    assert collapsed.coverage < 0.05
    assert noise.precision < 0.3
    assert noise.density < 0.3


def test_a_copy_of_the_real_images_has_the_best_of_everything(tmp_path):
    real = np.random.default_rng(0).normal(size=(300, 5))
    found = manifold(write(tmp_path, "real", real), write(tmp_path, "copy", real))
    assert (found.precision, found.recall, found.coverage) == (1.0, 1.0, 1.0)
