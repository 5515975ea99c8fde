"""Kuzushiji-MNIST: only the published gzipped files are taken, as no other sums are known."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from gan_bench import data
from gan_bench.data import idx
from gan_bench.data.registry import KMNIST
from gan_bench.errors import UsageError


@pytest.fixture
def root(tmp_path, monkeypatch):
    (tmp_path / "kmnist").mkdir()
    monkeypatch.setenv("GAN_BENCH_DATA", str(tmp_path))
    return tmp_path / "kmnist"


@pytest.mark.parametrize(
    ("suffix", "pack", "said"),
    [
        ("", bytes, r"replace it with the published train-images-idx3-ubyte\.gz"),
        (".gz", gzip.compress, "its md5 is .*, not bdb82020997e1d708af4cf47b453dcf7; replace"),
    ],
)
def test_other_files_are_refused(root, suffix, pack, said):
    for file in KMNIST.files:
        shape = (2, 28, 28) if "images" in file.name else (2,)
        array = np.zeros(shape, np.uint8)
        (root / f"{file.name}{suffix}").write_bytes(pack(idx.header(array) + array.tobytes()))
    with pytest.raises(UsageError, match=said):
        data.load("kmnist")


def test_the_published_files_hold_ten_classes_of_seven_thousand():
    folder = Path(os.environ.get("GAN_BENCH_DATA", "")) / "kmnist"
    if not os.environ.get("GAN_BENCH_DATA") or not folder.is_dir():
        pytest.skip("needs the four KMNIST files in $GAN_BENCH_DATA/kmnist")
    characters = data.load("kmnist")
    assert characters.train.images.shape == (60_000, 28, 28, 1)
    assert np.bincount(characters.train.labels).tolist() == [6_000] * 10
    assert np.bincount(characters.test.labels).tolist() == [1_000] * 10
