"""Data sets that come with the package: four gzipped IDX files in a folder beside this file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gan_bench.data import idx
from gan_bench.data.dataset import Dataset, DatasetStatus, Split


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
