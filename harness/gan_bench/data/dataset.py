"""What a data set is once loaded, and its identity."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Split:
    """Images and their labels; two splits are equal if their content is."""

    images: NDArray[np.uint8] = field(compare=False, repr=False)
    """uint8 (n, height, width, channels), C-contiguous and read-only."""

    labels: NDArray[np.int64] = field(compare=False, repr=False)
    """int64 (n,), C-contiguous and read-only."""

    sha256: str
    """Of shape, dtype and bytes of both arrays, as 64 hexadecimal digits."""

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
    """A data set with its two splits; trainers see ``train``, and ``test`` if the recipe asks."""

    name: str
    """The name under which `gan_bench.data.load` knows it, wherever it is called from."""

    train: Split
    test: Split

    classes: int
    """Labels are 0 <= label < classes."""

    def images_in(self, splits: Sequence[SplitName]) -> int:
        """Return how many images splits have together."""
        return sum(len(getattr(self, name).images) for name in splits)

    def training(self, splits: Sequence[SplitName]) -> Split:
        """Return what a run trains on: the splits of these names in their order, as one."""
        chosen: list[Split] = [getattr(self, name) for name in splits]
        if len(chosen) == 1:
            return chosen[0]
        return Split.from_arrays(
            np.concatenate([split.images for split in chosen]),
            np.concatenate([split.labels for split in chosen]),
        )

    @property
    def sha256(self) -> str:
        """The identity of both splits' content, as 64 hexadecimal digits; the name has no part."""
        text = f"train {self.train.sha256}\ntest {self.test.sha256}\n"
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class DatasetStatus:
    """Whether a data set could be loaded here and now, found out without loading it."""

    available: bool
    """It is on this machine and needs no network; its checksums are compared when it is loaded."""

    where: str
    """The folder it would be loaded from, or the places that were looked at in vain."""

    how_to_get: str
    """What to do to have it; empty if it is available."""


def _sha256(**arrays: NDArray[np.generic]) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {little_endian.dtype.str} {array.shape}\n".encode())
        digest.update(little_endian.data)
    return digest.hexdigest()
