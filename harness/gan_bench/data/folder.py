"""A folder of images as a data set, ``folder:PATH``.

*Images* are the files with one of the suffixes of `gan_bench.data.image_file`, at any depth. Hidden
files and folders (names that start with a dot) and all other files are ignored. *Labels* are the
folders of the first level, sorted by name; without such folders there is one class.

*Splits*: if the folder has ``train`` and ``test``, these are the splits, each with or without
class folders, and nothing else is read. Otherwise the SHA-256 of a file's bytes decides: as a
fraction of its range it is uniform in [0, 1), and the image is in the test split if the fraction is
below the test share. Adding, removing or renaming a file therefore moves no other file, and copies
of an image are always in the same split. If the test split is given as a number of images, those
with the smallest hashes form it, and adding a file can move one other.

*Order*: within a split by hash, then by path, so that any first part is a fair sample.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
from numpy.typing import NDArray

from gan_bench.data.dataset import Dataset, DatasetStatus, Split
from gan_bench.data.folder_spec import TEST_SHARE, FolderName
from gan_bench.data.image_file import SUFFIXES, read_picture, shown
from gan_bench.errors import UsageError
from gan_bench.system.files import file_sha256, is_folder

FEWEST = 2
"""Minimum number of images in a split."""
_SIDES: tuple[Literal["train", "test"], ...] = ("train", "test")


@dataclass(frozen=True)
class _Picture:
    path: Path
    category: str | None
    """Name of its folder of the first level; None if it is in none."""
    sha256: str
    """Hash of the file's bytes."""


@dataclass(frozen=True)
class FolderDataset:
    """A data set in a folder of images; the module's docstring has the rules."""

    name: FolderName

    def load(self) -> Dataset:
        """Load every image.

        Raises
        ------
        UsageError
            The folder does not exist, an image cannot be read, sizes or channels differ and no
            option converts them, or a split has fewer than two images.
        """
        root = self.name.path
        if not is_folder(root):
            raise UsageError(f"{root} is not a folder; give folder:PATH the path of a folder.")
        train, test = self._splits()
        categories = sorted({p.category for p in (*train, *test) if p.category is not None})
        for side, pictures in zip(_SIDES, (train, test), strict=True):
            if len(pictures) < FEWEST:
                raise UsageError(
                    f"{root} has too few images for the {side} split ({len(pictures)}, at least "
                    f"{FEWEST} are needed); add some ({', '.join(SUFFIXES)}) or change the split."
                )
        loose = next((p for p in (*train, *test) if p.category is None), None)
        if categories and loose is not None:
            raise UsageError(
                f"{shown(loose.path)} is not in a class folder such as {categories[0]!r}; move it "
                "into one, so that it has a label."
            )
        reader = _Reader(self.name, train[0].path)
        reader.check_memory(len(train) + len(test))
        labels = {category: index for index, category in enumerate(categories)}
        return Dataset(
            name=str(self.name),
            train=reader.split(train, labels),
            test=reader.split(test, labels),
            classes=max(1, len(categories)),
        )

    def status(self) -> DatasetStatus:
        """Say whether the folder exists; its content is only read when it is loaded."""
        if is_folder(self.name.path):
            return DatasetStatus(True, str(self.name.path), "")
        how_to_get = "make the folder, or correct its path"
        return DatasetStatus(False, str(self.name.path), how_to_get)

    def _splits(self) -> tuple[list[_Picture], list[_Picture]]:
        root = self.name.path
        present = [side for side in _SIDES if is_folder(root / side)]
        if len(present) == 1:
            (only,) = present
            (other,) = set(_SIDES) - {only}
            raise UsageError(
                f"{root} has {only}/ but no {other}/; add it, or use {root / only} to split its "
                "images."
            )
        if not present:
            return self._cut(_pictures(root))
        if self.name.test is not None:
            raise UsageError(f"{root} already has train/ and test/; leave out test=.")
        return _pictures(root / "train"), _pictures(root / "test")

    def _cut(self, pictures: list[_Picture]) -> tuple[list[_Picture], list[_Picture]]:
        """Split pictures that are sorted by hash."""
        test = TEST_SHARE if self.name.test is None else self.name.test
        if isinstance(test, float):
            limit = test * 2**64
            test = sum(int(picture.sha256[:16], 16) < limit for picture in pictures)
        return pictures[test:], pictures[:test]


class _Reader:
    """Reads images that must all have the shape of the first."""

    def __init__(self, name: FolderName, first: Path) -> None:
        self._name = name
        self._first = first
        self._shape = self._read(first).shape

    def check_memory(self, count: int) -> None:
        check_memory(
            count, self._shape, str(self._name.path), "give a smaller size= or fewer images"
        )

    def split(self, pictures: Sequence[_Picture], labels: dict[str, int]) -> Split:
        images = np.empty((len(pictures), *self._shape), dtype=np.uint8)
        for index, picture in enumerate(pictures):
            pixels = self._read(picture.path)
            self._check_like_first(picture.path, pixels)
            images[index] = pixels
        numbers = [0 if p.category is None else labels[p.category] for p in pictures]
        return Split.from_arrays(images, np.array(numbers, dtype=np.int64))

    def _read(self, path: Path) -> NDArray[np.uint8]:
        return read_picture(path, size=self._name.size, channels=self._name.channels)

    def _check_like_first(self, path: Path, pixels: NDArray[np.uint8]) -> None:
        height, width, channels = self._shape
        if pixels.shape[2] != channels:
            kinds = {1: "grey", 3: "RGB"}
            raise UsageError(
                f"{shown(path)} is {kinds[pixels.shape[2]]} but {shown(self._first)} is "
                f"{kinds[channels]}; give channels=1 or channels=3 to convert all."
            )
        if pixels.shape != self._shape:
            raise UsageError(
                f"{shown(path)} is {pixels.shape[0]} x {pixels.shape[1]} pixels (height x width) "
                f"but {shown(self._first)} is {height} x {width}; give size={height}x{width}, for "
                "example, to resize all."
            )


def check_memory(count: int, shape: tuple[int, ...], what: str, remedy: str) -> None:
    """Raise `UsageError` if ``count`` images of a shape do not fit into this machine's memory."""
    needed = count * prod(shape)
    memory = psutil.virtual_memory().total
    if needed > memory:
        raise UsageError(
            f"The {count:,} images of {what} take {needed / 2**30:,.0f} GiB, this machine has "
            f"{memory / 2**30:,.0f}; {remedy}."
        )


def _pictures(folder: Path) -> list[_Picture]:
    """Return the images below a folder, sorted by hash."""
    pictures = []
    for path in visible_files(folder):
        if path.suffix.lower() not in SUFFIXES:
            continue
        first, *deeper = path.relative_to(folder).parts
        pictures.append(_Picture(path, first if deeper else None, _sha256(path)))
    return sorted(pictures, key=lambda p: (p.sha256, p.path.relative_to(folder).parts))


def visible_files(folder: Path, above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield the files below a folder except hidden ones; links are followed.

    Raises
    ------
    UsageError
        A folder cannot be read, or is a link to one of its parents.
    """
    here = folder.resolve()
    if here in above:
        raise UsageError(f"{shown(folder)} is a link to a folder above it; remove it.")
    try:
        visible = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
        folders = [entry for entry in visible if entry.is_dir()]
        # A broken link raises an error when it is read; a pipe is no image.
        files = [e for e in visible if e.is_file() or (e.is_symlink() and not e.exists())]
    except OSError as error:
        raise UsageError(
            f"{shown(folder)} cannot be read ({error.strerror}); check its permissions."
        ) from error
    for entry in folders:
        yield from visible_files(entry, (*above, here))
    yield from files


def _sha256(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        raise UsageError(
            f"{shown(path)} cannot be read ({error.strerror}); check it and its permissions."
        ) from error
