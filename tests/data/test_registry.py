"""Data sets by name: the known ones, folders, and what an unknown name is answered with."""

import subprocess
import sys

import pytest

from gan_bench import data
from gan_bench.data.idx_dataset import NAMES
from gan_bench.data.registry import FASHION_MNIST, KMNIST, MNIST, SOURCES
from gan_bench.errors import UsageError
from image_folder import write_images


@pytest.mark.parametrize("call", [data.load, data.describe])
def test_an_unknown_name_is_answered_with_the_known_ones(call):
    known = "mnist-5k, mnist, fashion-mnist, kmnist and folder:PATH"
    with pytest.raises(UsageError, match=f"no data set 'cifar', only {known}; use"):
        call("cifar")


@pytest.mark.parametrize("name", ["mnist_5k", "MNIST-5k", "mnist5k"])
def test_a_near_miss_is_answered_with_what_was_meant(name):
    with pytest.raises(UsageError, match=r"did you mean mnist-5k\?"):
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
