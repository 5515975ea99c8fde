"""Fashion-MNIST: what Debian's package brings is what the mirrors publish."""

import numpy as np
import pytest

from gan_bench import data
from gan_bench.data.registry import FASHION_MNIST

FOLDER = FASHION_MNIST.package.folder

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="needs Debian's package dataset-fashion-mnist"
)


@pytest.fixture(scope="module")
def articles():
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GAN_BENCH_DATA", raising=False)
        yield data.load("fashion-mnist")


def test_it_has_six_thousand_and_one_thousand_of_each_of_ten_classes(articles):
    assert articles.name == "fashion-mnist"
    assert articles.classes == 10
    assert articles.train.images.shape == (60_000, 28, 28, 1)
    assert articles.test.images.shape == (10_000, 28, 28, 1)
    assert np.bincount(articles.train.labels).tolist() == [6_000] * 10
    assert np.bincount(articles.test.labels).tolist() == [1_000] * 10


def test_its_sums_are_pinned(articles):
    assert (
        articles.train.sha256 == "39b16495fb2a33a623bafd61675527940eef80b81462c3e7b0c252ed46e070ae"
    )
    assert (
        articles.test.sha256 == "abf0e5fb805d86ac0f6086549913a8114f0aec3383793b5be99a95612b265434"
    )
    assert articles.sha256 == "550223355e9164428bb6335c7c3ec661bca283641678932529f251e9f1e8b1c8"


def test_the_machine_is_said_to_have_it(monkeypatch):
    monkeypatch.delenv("GAN_BENCH_DATA", raising=False)
    assert data.describe("fashion-mnist") == data.DatasetStatus(True, str(FOLDER), "")


def test_the_users_own_copy_comes_first(monkeypatch, tmp_path):
    (tmp_path / "fashion-mnist").symlink_to(FOLDER)
    monkeypatch.setenv("GAN_BENCH_DATA", str(tmp_path))
    assert data.describe("fashion-mnist").where == str(tmp_path / "fashion-mnist")
