"""A loaded data set, its splits, and the hash that identifies them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from gan_bench.recipe import ImageShape


@dataclass(frozen=True)
class Split:
    """Images and their labels; two splits are equal if their content is equal."""

    images: NDArray[np.uint8] = field(compare=False, repr=False)
    """uint8 (n, height, width, channels), C-contiguous and read-only."""

    labels: NDArray[np.int64] = field(compare=False, repr=False)
    """int64 (n,), C-contiguous and read-only."""

    sha256: str
    """SHA-256 over shape, dtype and bytes of both arrays, as 64 hexadecimal digits."""

    @property
    def image_shape(self) -> ImageShape:
        """(height, width, channels) of the images."""
        _, height, width, channels = self.images.shape
        return height, width, channels

    @classmethod
    def from_arrays(cls, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Self:
        """Make a split of uint8 (n, height, width, channels) and int64 (n,).

        Arrays that are contiguous are not copied; the split's views of them are read-only.

        Raises
        ------
        ValueError
            The arrays have other dtypes, other dimensions or different lengths.
        """
        if images.dtype != np.uint8 or images.ndim != 4:
            raise ValueError(f"images must be uint8 NHWC, not {images.dtype} {images.shape}")
        if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"labels must be int64 ({len(images)},), not {labels.dtype} {labels.shape}"
            )
        images = np.ascontiguousarray(images).view()
        labels = np.ascontiguousarray(labels).view()
        images.setflags(write=False)
        labels.setflags(write=False)
        return cls(images, labels, _sha256(images=images, labels=labels))


SplitName = Literal["train", "test"]


@dataclass(frozen=True)
class Dataset:
    """A data set with two splits; runs train on ``train``, and on ``test`` if the recipe asks."""

    name: str
    """Name that `gan_bench.data.load` accepts in any working folder."""

    train: Split
    test: Split

    classes: int
    """Labels are 0 <= label < classes."""

    def images_in(self, splits: Sequence[SplitName]) -> int:
        """Return the total number of images in these splits."""
        return sum(len(getattr(self, name).images) for name in splits)

    def training(self, splits: Sequence[SplitName]) -> Split:
        """Return the training data of a run: these splits, concatenated in this order."""
        chosen: list[Split] = [getattr(self, name) for name in splits]
        if len(chosen) == 1:
            return chosen[0]
        return Split.from_arrays(
            np.concatenate([split.images for split in chosen]),
            np.concatenate([split.labels for split in chosen]),
        )

    @property
    def sha256(self) -> str:
        """SHA-256 over both splits' content (not the name), as 64 hexadecimal digits."""
        text = f"train {self.train.sha256}\ntest {self.test.sha256}\n"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class DatasetStatus:
    """Whether a data set can be loaded on this machine, found out without loading it."""

    available: bool
    """True if it is on this machine; its checksums are only compared when it is loaded."""

    where: str
    """Folder that it is loaded from, or the folders that were searched without success."""

    how_to_get: str
    """Instructions for getting it; empty if it is available."""

    downloads: bool = False
    """Whether loading it downloads it."""


class DatasetSource(Protocol):
    """A place from which one data set can be loaded."""

    def load(self) -> Dataset:
        """Load it, or raise `UsageError` with what to do."""
        ...

    def status(self) -> DatasetStatus:
        """Say whether it is on this machine; load and download nothing."""
        ...


def _sha256(**arrays: NDArray[np.generic]) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {little_endian.dtype.str} {array.shape}\n".encode())
        digest.update(little_endian.data)
    return digest.hexdigest()
