"""MNIST (Yann LeCun and Corinna Cortes): the sums of its four files and where they are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gan_bench.data import idx
from gan_bench.data.dataset import Dataset, DatasetStatus, Split
from gan_bench.data.idx_dataset import (
    DebianPackage,
    PublishedDataset,
    PublishedFile,
    PublishedSplit,
)

MNIST = PublishedDataset(
    name="mnist",
    classes=10,
    train=PublishedSplit(
        images=PublishedFile(
            name="train-images-idx3-ubyte",
            content_md5="6bbc9ace898e44ae57da46a324031adb",
            download_md5="f68b3c2dcbeaaa9fbdd348bbdeb94873",
        ),
        labels=PublishedFile(
            name="train-labels-idx1-ubyte",
            content_md5="a25bea736e30d166cdddb491f175f624",
            download_md5="d53e105ee54ea40749a09fcbcd1e9432",
        ),
    ),
    test=PublishedSplit(
        images=PublishedFile(
            name="t10k-images-idx3-ubyte",
            content_md5="2646ac647ad5339dbf082846283269ea",
            download_md5="9fb629c4189551a2d022fa330f9573f3",
        ),
        labels=PublishedFile(
            name="t10k-labels-idx1-ubyte",
            content_md5="27ae3e4e09519cfbb04c329615203637",
            download_md5="ec29112dd5afa0611ce80d1b7f02629c",
        ),
    ),
    mirrors=(
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ),
)
"""60,000 training and 10,000 test digits, uint8 (n, 28, 28, 1)."""


@dataclass(frozen=True)
class EmbeddedDataset:
    """A data set in a folder of the package, its files named as MNIST's are."""

    name: str
    classes: int

    folder: Path
    """Holds the four files."""

    def load(self) -> Dataset:
        """Load the data set.

        Raises
        ------
        UsageError
            The installation is damaged.
        """
        return Dataset(self.name, self._split("train"), self._split("t10k"), self.classes)

    def status(self) -> DatasetStatus:
        """Look for the folder."""
        if self.folder.is_dir():
            return DatasetStatus(True, str(self.folder), "")
        return DatasetStatus(False, str(self.folder), "install gan-bench again")

    def _split(self, prefix: str) -> Split:
        images, labels = idx.read_pair(
            self.folder / f"{prefix}-images-idx3-ubyte.gz",
            self.folder / f"{prefix}-labels-idx1-ubyte.gz",
            self.classes,
        )
        return Split.from_arrays(images[..., np.newaxis], labels)


MNIST_5K = EmbeddedDataset(name="mnist-5k", classes=10, folder=Path(__file__).with_name("mnist_5k"))
"""4,000 training and 1,000 test digits of MNIST's training set, uint8 (n, 28, 28, 1)."""

FASHION_MNIST = PublishedDataset(
    name="fashion-mnist",
    classes=10,
    train=PublishedSplit(
        images=PublishedFile(
            name="train-images-idx3-ubyte",
            content_md5="f4a8712d7a061bf5bd6d2ca38dc4d50a",
            download_md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        ),
        labels=PublishedFile(
            name="train-labels-idx1-ubyte",
            content_md5="9018921c3c673c538a1fc5bad174d6f9",
            download_md5="25c81989df183df01b3e8a0aad5dffbe",
        ),
    ),
    test=PublishedSplit(
        images=PublishedFile(
            name="t10k-images-idx3-ubyte",
            content_md5="8181f5470baa50b63fa0f6fddb340f0a",
            download_md5="bef4ecab320f06d8554ea6380940ec79",
        ),
        labels=PublishedFile(
            name="t10k-labels-idx1-ubyte",
            content_md5="15d484375f8d13e6eb1aabb0c3f46965",
            download_md5="bb300cfdad3c16e7a12a480ee83cd310",
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

KMNIST = PublishedDataset(
    name="kmnist",
    classes=10,
    train=PublishedSplit(
        images=PublishedFile(
            name="train-images-idx3-ubyte", download_md5="bdb82020997e1d708af4cf47b453dcf7"
        ),
        labels=PublishedFile(
            name="train-labels-idx1-ubyte", download_md5="e144d726b3acfaa3e44228e80efcd344"
        ),
    ),
    test=PublishedSplit(
        images=PublishedFile(
            name="t10k-images-idx3-ubyte", download_md5="5c965bf0a639b31b8f53240b1b52f4d7"
        ),
        labels=PublishedFile(
            name="t10k-labels-idx1-ubyte", download_md5="7320c461ea6c1c855c0b718fb2a4b134"
        ),
    ),
    mirrors=(
        "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    ),
)
"""60,000 training and 10,000 test characters of cursive Japanese, uint8 (n, 28, 28, 1).

The sums of the uncompressed content are not known here, so only the gzipped files are taken.
"""
