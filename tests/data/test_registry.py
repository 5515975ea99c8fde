"""Data sets by name: the known ones, folders, and what an unknown name is answered with."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from gan_bench import data
from gan_bench.data.idx_dataset import NAMES
from gan_bench.data.registry import FASHION_MNIST, KMNIST, MNIST, SOURCES
from gan_bench.errors import UsageError
from image_folder import write_images


@pytest.mark.parametrize("call", [data.load, data.describe])
def test_an_unknown_name_is_answered_with_the_known_ones(call):
    names = "mnist-5k, mnist, fashion-mnist, kmnist, cifar10, stacked-mnist-5k, stacked-mnist"
    known = f"{names} and folder:PATH"
    with pytest.raises(UsageError, match=f"no data set 'celeba', only {known}; for") as refused:
        call("celeba")
    assert "save them as files in a folder" in str(refused.value)
    assert str(refused.value).endswith("and give folder:PATH, such as folder:pictures,size=32.")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *[(name, "mnist-5k") for name in ("mnist_5k", "MNIST-5k", "mnist5k")],
        *[(name, "cifar10") for name in ("cifar", "CIFAR-10", "cifar_10")],
        ("stacked_mnist", "stacked-mnist"),
    ],
)
def test_a_near_miss_is_answered_with_what_was_meant(name, meant):
    with pytest.raises(UsageError, match=rf"did you mean {meant}\?"):
        data.load(name)


def test_a_folder_without_its_prefix_is_answered_with_it(tmp_path):
    with pytest.raises(UsageError, match=f"did you mean folder:{tmp_path}"):
        data.load(str(tmp_path))


@pytest.mark.process
@pytest.mark.process
def test_importing_it_does_not_import_the_downloader():
    code = "import sys, gan_bench.data; sys.exit('pooch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", SOURCES)
def test_a_data_set_has_the_name_under_which_it_is_found(name):
    assert SOURCES[name].name == name


@pytest.mark.parametrize("dataset", [MNIST, FASHION_MNIST, KMNIST], ids=lambda it: it.name)
def test_published_data_sets_have_four_files_of_their_own_and_mirrors_of_folders(dataset):
    assert tuple(file.name for file in dataset.files) == NAMES
    sums = [file.download_md5 for file in dataset.files] + [
        file.content_md5 for file in dataset.files if file.content_md5
    ]
    assert len(set(sums)) == len(sums)
    assert all(len(bytes.fromhex(md5)) == 16 for md5 in sums)
    assert all(mirror.endswith("/") for mirror in dataset.mirrors)


def test_no_two_data_sets_share_a_file():
    sums = [file.download_md5 for it in (MNIST, FASHION_MNIST, KMNIST) for file in it.files]
    assert len(set(sums)) == 12


def test_a_folder_is_loaded_and_described_by_its_prefix(tmp_path):
    write_images(tmp_path, 20)
    name = f"folder:{tmp_path}"
    assert data.load(name).name == name
    assert data.describe(name) == data.DatasetStatus(True, str(tmp_path), "")
    assert not data.describe(f"{name}/missing").available


PADDED = "mnist-5k,pad=32"


def test_padding_puts_zeros_around_the_images_and_says_so_in_the_name():
    plain, padded = data.load("mnist-5k"), data.load(PADDED)
    assert padded.name == data.label(padded.name) == PADDED
    assert padded.classes == plain.classes
    assert padded.train.image_shape == padded.test.image_shape == (32, 32, 1)
    for name in ("train", "test"):
        before, after = getattr(plain, name), getattr(padded, name)
        assert np.array_equal(after.images[:, 2:30, 2:30], before.images)
        assert after.images.sum(dtype=np.int64) == before.images.sum(dtype=np.int64)
        assert np.array_equal(after.labels, before.labels)
        assert after.sha256 != before.sha256
    assert data.describe(PADDED) == data.describe("mnist-5k")
    assert data.slug(PADDED) == "mnist-5k-pad-32"


def test_of_an_odd_number_the_one_more_is_below_and_on_the_right():
    plain, padded = data.load("mnist-5k").test, data.load("mnist-5k,pad=31x29").test
    assert padded.image_shape == (31, 29, 1)
    assert np.array_equal(padded.images[:, 1:29, :28], plain.images)


@pytest.mark.parametrize("name", ["mnist-5k, pad = 32", "mnist-5k,pad=32x32"])
def test_a_padded_data_set_has_one_name(name):
    assert data.load(name).name == PADDED


def test_padding_to_the_images_own_size_is_the_data_set_itself():
    same = data.load("mnist-5k,pad=28")
    assert (same.name, same.sha256) == ("mnist-5k", data.load("mnist-5k").sha256)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mnist-5k,pad=20", "pad=20 is smaller than the images of mnist-5k, which are 28 x 28; g"),
        ("mnist-5k,pad=32x27", "pad=32x27 is smaller than the images of mnist-5k, which are 28 x"),
        ("mnist-5k,pad=0", "pad must be the pixels of a side, .* not '0'"),
        ("mnist-5k,pad=", "pad must be the pixels of a side, .* not ''"),
        ("mnist-5k,pad=-4", "pad must be the pixels of a side, .* not '-4'"),
        ("mnist-5k,pad=9999", "pad must be the pixels of a side, .* from 1 to 4096; not '9999'"),
        ("mnist-5k,padd=32", "The data set mnist-5k has no option 'padd'; did you mean pad"),
        ("mnist-5k,size=32", "The data set mnist-5k has no option 'size'; its option is pad=SIZE"),
        ("mnist-5k,pad=32,pad=40", "gives pad twice; give it once"),
        ("mnist-5k,32", r"no data set 'mnist-5k,32'.*did you mean mnist-5k\?"),
        ("celeba,pad=32", "no data set 'celeba,pad=32', only"),
        ("MNIST-5k,pad=32", r"did you mean mnist-5k\?"),
        ("folder:pictures,pad=32", "A folder of images has no option 'pad'"),
    ],
)
def test_what_cannot_be_padded_is_refused_in_one_sentence(name, said):
    with pytest.raises(UsageError, match=said):
        data.load(name)


def test_padded_images_have_to_fit_into_memory(monkeypatch):
    small = SimpleNamespace(total=2**20)
    monkeypatch.setattr("gan_bench.data.folder.psutil.virtual_memory", lambda: small)
    with pytest.raises(UsageError, match=r"5,000 images of mnist-5k,pad=32 take .* smaller pad="):
        data.load(PADDED)
