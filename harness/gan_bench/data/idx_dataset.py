"""Data sets of four IDX files: found on this machine or downloaded, checked and loaded."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gan_bench.data import idx
from gan_bench.data.dataset import Dataset, DatasetStatus, Split
from gan_bench.data.places import ALTERNATIVE, DATA_VARIABLE, data_root, not_in_root
from gan_bench.errors import UsageError
from gan_bench.system.files import DownloadError, cache_folders, download, writable_cache

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
"""Names of MNIST's files, uncompressed; other data sets use the same."""


@dataclass(frozen=True)
class IdxFile:
    """One of the four files of a data set."""

    name: str
    """Name as for MNIST, without ``.gz``."""

    download_md5: str
    """MD5 of the gzipped file on the mirrors."""

    content_md5: str | None = None
    """MD5 of the uncompressed content, by which any copy can be checked.

    None if it is not known: then only the mirrors' gzipped file is accepted.
    """

    def find(self, folder: Path) -> Path | None:
        """Return the file's path in a folder: with a dash or a dot, gzipped or not; or None."""
        dotted = self.name.replace("-idx", ".idx")
        names = (f"{self.name}.gz", f"{dotted}.gz", self.name, dotted)
        return next((folder / name for name in names if (folder / name).is_file()), None)

    def check(self, path: Path, array: NDArray[np.uint8]) -> None:
        """Raise `UsageError` unless ``array``, read from ``path``, is the published content."""
        if self.content_md5 is None:
            self._check_download(path)
            return
        digest = hashlib.md5(idx.header(array), usedforsecurity=False)
        digest.update(array.data)
        if digest.hexdigest() != self.content_md5:
            raise UsageError(
                f"{path} is not the published {self.name}: the md5 of its uncompressed content is "
                f"{digest.hexdigest()}, not {self.content_md5}; replace the file or move it away."
            )

    def _check_download(self, path: Path) -> None:
        with path.open("rb") as file:
            if not idx.is_gzipped(file):
                raise UsageError(
                    f"{path} is not gzipped, but only the md5 of the gzipped file is known; "
                    f"replace it with the published {self.name}.gz."
                )
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        if digest.hexdigest() != self.download_md5:
            raise UsageError(
                f"{path} is not the published {self.name}.gz: its md5 is {digest.hexdigest()}, "
                f"not {self.download_md5}; replace the file or move it away."
            )


IdxFiles = tuple[IdxFile, IdxFile, IdxFile, IdxFile]
"""Training images, training labels, test images, test labels."""


def files_like_mnist(
    download_md5: Sequence[str], content_md5: Sequence[str | None] = (None,) * 4
) -> IdxFiles:
    """Return four files with MNIST's names, from their MD5 sums in the order of `IdxFiles`."""
    train_images, train_labels, test_images, test_labels = map(
        IdxFile, NAMES, download_md5, content_md5
    )
    return train_images, train_labels, test_images, test_labels


@dataclass(frozen=True)
class DebianPackage:
    """A Debian package that installs the four files."""

    name: str
    folder: Path


@dataclass(frozen=True)
class IdxDataset:
    """A data set of four IDX files, in a local folder or on mirrors.

    They are looked for in this order: ``$GAN_BENCH_DATA/<name>``, the folder of the Debian package
    if there is one, the user's cache, the mirrors.
    """

    name: str
    classes: int
    files: IdxFiles

    mirrors: tuple[str, ...]
    """Addresses of folders with the gzipped files, each ending in a slash."""

    package: DebianPackage | None = None

    def load(self, *, cache: Path | None = None) -> Dataset:
        """Load the data set; download missing files to ``cache`` (default: the user's cache).

        Raises
        ------
        UsageError
            Files are missing and cannot be downloaded, are damaged, or are not the published ones.
        """
        paths = self._local() or self._cached(cache or self.default_cache())
        return Dataset(
            name=self.name,
            train=self._split(*self.files[:2], paths),
            test=self._split(*self.files[2:], paths),
            classes=self.classes,
        )

    def status(self, *, cache: Path | None = None) -> DatasetStatus:
        """Look for the files; read and download none."""
        cache = cache or self.default_cache()
        try:
            local = self._local()
        except UsageError as error:
            return DatasetStatus(False, os.environ[DATA_VARIABLE], str(error))
        paths = local or self._present(cache)
        if len(paths) == len(self.files):
            return DatasetStatus(True, str(paths[self.files[0]].parent), "")
        how_to_get = (
            f"with a network it is downloaded when first used, from {' or '.join(self.mirrors)} to "
            f"{cache}; without one, {self._by_hand()}"
        )
        return DatasetStatus(False, self._looked_at(cache), how_to_get, downloads=True)

    def default_cache(self) -> Path:
        """Return the data set's folder in the user's cache, where it is or would be kept."""
        folders = [cache / self.name for cache in cache_folders()]
        whole = (folder for folder in folders if len(self._present(folder)) == len(self.files))
        return next(whole, writable_cache() / self.name)

    def _split(self, images: IdxFile, labels: IdxFile, paths: dict[IdxFile, Path]) -> Split:
        split = read_split(paths[images], paths[labels], self.classes)
        images.check(paths[images], split.images[..., 0])
        labels.check(paths[labels], split.labels.astype(np.uint8))
        return split

    def _local(self) -> dict[IdxFile, Path] | None:
        """Find the files in ``$GAN_BENCH_DATA``, which has all or none of them, or installed."""
        root = data_root()
        if root is None:
            return self._installed()
        folder = root / self.name
        paths = self._present(folder)
        missing = [file.name for file in self.files if file not in paths]
        if paths and missing:
            raise UsageError(
                f"{folder} ({DATA_VARIABLE}) has only some of the four files of {self.name}: "
                f"{_enumeration(missing)} missing; add what is missing or unset {DATA_VARIABLE}."
            )
        return paths or self._installed()

    def _installed(self) -> dict[IdxFile, Path] | None:
        paths = self._present(self.package.folder) if self.package else {}
        return paths if len(paths) == len(self.files) else None

    def _cached(self, cache: Path) -> dict[IdxFile, Path]:
        paths = self._present(cache)
        try:
            for file in self.files:
                if file not in paths:
                    name = f"{file.name}.gz"
                    paths[file] = download(name, f"md5:{file.download_md5}", cache, self.mirrors)
        except DownloadError as error:
            raise UsageError(
                f"The data set {self.name} is not on this machine: {self._looked_at(cache)}, "
                f"and {error}; connect to a network, {self._by_hand()}, {ALTERNATIVE}."
            ) from error
        return paths

    def _present(self, folder: Path) -> dict[IdxFile, Path]:
        return {file: path for file in self.files if (path := file.find(folder)) is not None}

    def _looked_at(self, cache: Path) -> str:
        places = [self.package.folder, cache] if self.package else [cache]
        lacking = [
            f"{place} lacks {len(self.files) - len(self._present(place))} of the "
            f"{len(self.files)} files"
            for place in places
        ]
        return ", ".join([not_in_root(self.name), *lacking])

    def _by_hand(self) -> str:
        install = f"install Debian's package {self.package.name} or " if self.package else ""
        return (
            f"{install}put the four files into a folder {self.name}/ and set {DATA_VARIABLE} to "
            "its parent folder"
        )


@dataclass(frozen=True)
class EmbeddedDataset:
    """A data set that is part of this package."""

    name: str
    classes: int

    folder: Path
    """Folder with the four gzipped files."""

    def load(self) -> Dataset:
        """Load the data set.

        Raises
        ------
        UsageError
            The installation is damaged.
        """
        train, test = self._split(*NAMES[:2]), self._split(*NAMES[2:])
        return Dataset(self.name, train, test, self.classes)

    def status(self) -> DatasetStatus:
        """Say whether the folder is there."""
        if self.folder.is_dir():
            return DatasetStatus(True, str(self.folder), "")
        return DatasetStatus(False, str(self.folder), "install gan-bench again")

    def _split(self, images: str, labels: str) -> Split:
        return read_split(self.folder / f"{images}.gz", self.folder / f"{labels}.gz", self.classes)


def read_split(images_path: Path, labels_path: Path, classes: int) -> Split:
    """Read a split of grey images from a pair of IDX files."""
    images, labels = idx.read_pair(images_path, labels_path, classes)
    return Split.from_arrays(images[..., np.newaxis], labels)


def _enumeration(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last} are" if others else f"{last} is"
