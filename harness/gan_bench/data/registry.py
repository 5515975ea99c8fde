"""The known data sets, and how one is loaded by its name."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from gan_bench.data.cifar10 import Cifar10
from gan_bench.data.dataset import Dataset, DatasetSource, DatasetStatus, Split
from gan_bench.data.folder import FolderDataset, check_memory
from gan_bench.data.folder_spec import (
    PREFIX,
    FolderName,
    checked_options,
    label,
    parse_size,
    shown_size,
    split_options,
)
from gan_bench.data.idx_dataset import DebianPackage, EmbeddedDataset, IdxDataset, files_like_mnist
from gan_bench.data.stacked import StackedDataset
from gan_bench.errors import UsageError
from gan_bench.recipe import ImageShape
from gan_bench.system.files import is_folder
from gan_bench.text import did_you_mean

MNIST = IdxDataset(
    name="mnist",
    classes=10,
    files=files_like_mnist(
        download_md5=(
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
        content_md5=(
            "6bbc9ace898e44ae57da46a324031adb",
            "a25bea736e30d166cdddb491f175f624",
            "2646ac647ad5339dbf082846283269ea",
            "27ae3e4e09519cfbb04c329615203637",
        ),
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)
"""60,000 training and 10,000 test digits (LeCun and Cortes), uint8 (n, 28, 28, 1)."""
MNIST_5K = EmbeddedDataset(name="mnist-5k", classes=10, folder=Path(__file__).with_name("mnist_5k"))
"""4,000 training and 1,000 test digits of MNIST's training set, uint8 (n, 28, 28, 1)."""
FASHION_MNIST = IdxDataset(
    name="fashion-mnist",
    classes=10,
    files=files_like_mnist(
        download_md5=(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
        content_md5=(
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "9018921c3c673c538a1fc5bad174d6f9",
            "8181f5470baa50b63fa0f6fddb340f0a",
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
    ),
    mirrors=(
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    package=DebianPackage(
        name="dataset-fashion-mnist", folder=Path("/usr/share/datasets/fashion-mnist")
    ),
)
"""60,000 training and 10,000 test articles of clothing, uint8 (n, 28, 28, 1)."""
KMNIST = IdxDataset(
    name="kmnist",
    classes=10,
    files=files_like_mnist(
        download_md5=(
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
    ),
    mirrors=(
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
)
"""60,000 training and 10,000 test characters of cursive Japanese, uint8 (n, 28, 28, 1)."""


CIFAR10 = Cifar10(
    sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    mirrors=("https://www.cs.toronto.edu/~kriz/",),
)
"""50,000 training and 10,000 test photographs (Krizhevsky 2009), uint8 (n, 32, 32, 3)."""
STACKED_MNIST = StackedDataset(name="stacked-mnist", source=MNIST)
"""60,000 training and 10,000 test images of three digits of MNIST, uint8 (n, 28, 28, 3)."""
STACKED_MNIST_5K = StackedDataset(name="stacked-mnist-5k", source=MNIST_5K)
"""The same of the digits that come with gan-bench."""


SOURCES: dict[str, DatasetSource] = {
    "mnist-5k": MNIST_5K,
    "mnist": MNIST,
    "fashion-mnist": FASHION_MNIST,
    "kmnist": KMNIST,
    "cifar10": CIFAR10,
    "stacked-mnist-5k": STACKED_MNIST_5K,
    "stacked-mnist": STACKED_MNIST,
}
"""Data sets by name. To add one, add a row; besides these, any folder of images is a data set."""
BUNDLED: Final = MNIST_5K.name
"""The data set that comes with gan-bench."""
_OPTIONS = ("pad",)


@dataclass(frozen=True)
class PaddedDataset:
    """A known data set with rows and columns of zeros around its images, ``NAME,pad=SIZE``.

    They are centred; of an odd number of rows or columns, the one more is below or on the right.
    """

    source: DatasetSource

    size: tuple[int, int]
    """(height, width) of the padded images."""

    def load(self) -> Dataset:
        """Load the data set and pad its images.

        Raises
        ------
        UsageError
            It cannot be loaded, its images are larger, or the padded ones do not fit into memory.
        """
        dataset = self.source.load()
        height, width, channels = dataset.train.image_shape
        pad = shown_size(self.size)
        if self.size == (height, width):
            return dataset
        if self.size[0] < height or self.size[1] < width:
            raise UsageError(
                f"pad={pad} is smaller than the images of {dataset.name}, which are {height} x "
                f"{width}; give a larger one."
            )
        name = f"{dataset.name},pad={pad}"
        count = dataset.images_in(("train", "test"))
        check_memory(count, (*self.size, channels), name, "give a smaller pad=")
        return Dataset(
            name, self._padded(dataset.train), self._padded(dataset.test), dataset.classes
        )

    def status(self) -> DatasetStatus:
        """Say whether the data set is on this machine."""
        return self.source.status()

    def _padded(self, split: Split) -> Split:
        sides = zip(self.size, split.image_shape[:2], strict=True)
        around = [((side - own) // 2, side - own - (side - own) // 2) for side, own in sides]
        return Split.from_arrays(np.pad(split.images, ((0, 0), *around, (0, 0))), split.labels)


@cache
def bundled_shape() -> ImageShape:
    """Return (height, width, channels) of the images that come with gan-bench."""
    return load(BUNDLED).train.image_shape


def names() -> tuple[str, ...]:
    """Return the names that `load` accepts, besides ``folder:PATH``."""
    return tuple(SOURCES)


def load(name: str) -> Dataset:
    """Load a data set by its name, downloading it if it is not on this machine.

    Raises
    ------
    UsageError
        No data set has this name, or its files are missing, damaged, different from the published
        ones, or do not form one data set.
    """
    return _source(name).load()


def load_unchanged(name: str, sha256: str) -> Dataset:
    """Load the data set of a planned run.

    Raises
    ------
    UsageError
        It cannot be loaded, or its images are not those that were planned.
    """
    dataset = load(name)
    if dataset.sha256 != sha256:
        raise UsageError(
            f"The data set {label(name)} has changed since the run was planned (sha256 "
            f"{dataset.sha256[:12]}, planned {sha256[:12]}); restore it, or train on the new one "
            "with `gan-bench run`."
        )
    return dataset


def describe(name: str) -> DatasetStatus:
    """Say whether a data set is on this machine; load and download nothing.

    Raises
    ------
    UsageError
        No data set has this name.
    """
    return _source(name).status()


def _source(name: str) -> DatasetSource:
    if name in SOURCES:
        return SOURCES[name]
    if name.startswith(PREFIX):
        return FolderDataset(FolderName.parse(name))
    text, pairs = split_options(name)
    if pairs and text in SOURCES:
        otherwise = f"its option is pad=SIZE, such as {text},pad=64."
        options = checked_options(name, pairs, _OPTIONS, f"The data set {text}", otherwise)
        return PaddedDataset(SOURCES[text], parse_size(options["pad"], "pad"))
    if is_folder(Path(name)):
        hint = f"did you mean {PREFIX}{name}?"
    else:
        otherwise = (
            "for other images, save them as files in a folder, in a folder for each class if they "
            f"have classes, and give {PREFIX}PATH, such as {PREFIX}pictures,size=32."
        )
        hint = did_you_mean(text.lower().replace("_", "-"), SOURCES, otherwise)
    known = f"{', '.join(SOURCES)} and {PREFIX}PATH"
    raise UsageError(f"There is no data set {name!r}, only {known}; {hint}")
