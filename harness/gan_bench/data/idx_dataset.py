"""Data sets published as four IDX files: finding, downloading and checking them."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gan_bench.data import idx
from gan_bench.data.dataset import Dataset, DatasetStatus, Split
from gan_bench.errors import UsageError
from gan_bench.system.files import DownloadError, cache_folder, download

DATA_VARIABLE = "GAN_BENCH_DATA"
"""Environment variable: a folder with one folder of files for each data set."""
_ALTERNATIVE = "or use --dataset mnist-5k, which comes with gan-bench"


@dataclass(frozen=True)
class PublishedFile:
    """One of the four files."""

    name: str
    """As MNIST names them, without ``.gz``."""

    download_md5: str
    """Of the gzipped file on the mirrors."""

    content_md5: str | None = None
    """Of the uncompressed content, which says whether a file is the published one.

    None where it is not known: then only the gzipped file of the mirrors is.
    """

    def spellings(self) -> tuple[str, ...]:
        """Names under which the file is found: with a dash or a dot, gzipped or not."""
        dotted = self.name.replace("-idx", ".idx")
        return f"{self.name}.gz", f"{dotted}.gz", self.name, dotted

    def find(self, folder: Path) -> Path | None:
        """Return the file's path in a folder, or None."""
        paths = (folder / spelling for spelling in self.spellings())
        return next((path for path in paths if path.is_file()), None)

    def check(self, path: Path, array: NDArray[np.uint8]) -> None:
        """Raise `UsageError` unless what was read from ``path`` is the published content."""
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
                    f"{path} is not gzipped, and of {self.name} only the md5 of the gzipped file "
                    f"is known; put the published {self.name}.gz in its place."
                )
            digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
        if digest.hexdigest() != self.download_md5:
            raise UsageError(
                f"{path} is not the published {self.name}.gz: its md5 is {digest.hexdigest()}, "
                f"not {self.download_md5}; replace the file or move it away."
            )


@dataclass(frozen=True)
class PublishedSplit:
    """The two files of a split."""

    images: PublishedFile
    labels: PublishedFile


@dataclass(frozen=True)
class DebianPackage:
    """A package of the system's that brings the four files."""

    name: str
    folder: Path


@dataclass(frozen=True)
class PublishedDataset:
    """A data set whose files are in a local folder or on mirrors.

    Places, in this order: ``$GAN_BENCH_DATA/<name>``, the folder of Debian's package where there is
    one, the user's cache, the mirrors.
    """

    name: str
    classes: int
    train: PublishedSplit
    test: PublishedSplit

    mirrors: tuple[str, ...]
    """Addresses of folders that hold the gzipped files, each ending in a slash."""

    package: DebianPackage | None = None

    @property
    def files(self) -> tuple[PublishedFile, ...]:
        """The four files."""
        return self.train.images, self.train.labels, self.test.images, self.test.labels

    def load(self, *, cache: Path | None = None) -> Dataset:
        """Load the data set, downloading to ``cache`` (default: the user's) what is nowhere here.

        Raises
        ------
        UsageError
            Files are missing and cannot be downloaded, are damaged, or are not the published ones.
        """
        paths = self._local() or self._cached(cache or self.default_cache())
        return Dataset(
            name=self.name,
            train=self._split(self.train, paths),
            test=self._split(self.test, paths),
            classes=self.classes,
        )

    def status(self, *, cache: Path | None = None) -> DatasetStatus:
        """Look for the files without reading or downloading them."""
        cache = cache or self.default_cache()
        try:
            local = self._local()
        except UsageError as error:
            return DatasetStatus(False, os.environ[DATA_VARIABLE], str(error))
        paths = local or self._present(cache)
        if len(paths) == len(self.files):
            return DatasetStatus(True, str(paths[self.train.images].parent), "")
        how_to_get = (
            f"with a network it is downloaded when first used, from {' or '.join(self.mirrors)} to "
            f"{cache}; without one, {self._by_hand()}"
        )
        return DatasetStatus(False, self._looked_at(cache), how_to_get)

    def default_cache(self) -> Path:
        """Return the data set's folder in the user's cache."""
        return cache_folder() / self.name

    def _split(self, split: PublishedSplit, paths: dict[PublishedFile, Path]) -> Split:
        images, labels = idx.read_pair(paths[split.images], paths[split.labels], self.classes)
        split.images.check(paths[split.images], images)
        split.labels.check(paths[split.labels], labels.astype(np.uint8))
        return Split.from_arrays(images[..., np.newaxis], labels)

    def _local(self) -> dict[PublishedFile, Path] | None:
        """Find the files in ``$GAN_BENCH_DATA``, which holds all of them or none, or installed."""
        root = _data_root()
        if root is None:
            return self._installed()
        if not root.is_dir():
            raise UsageError(
                f"{DATA_VARIABLE} names {root}, which is not a folder; correct it or unset it."
            )
        folder = root / self.name
        paths = self._present(folder)
        missing = [file.name for file in self.files if file not in paths]
        if paths and missing:
            raise UsageError(
                f"{folder} ({DATA_VARIABLE}) holds only some of the four files of {self.name}: "
                f"{_enumeration(missing)} missing; add what is missing or unset {DATA_VARIABLE}."
            )
        return paths or self._installed()

    def _installed(self) -> dict[PublishedFile, Path] | None:
        paths = self._present(self.package.folder) if self.package else {}
        return paths if len(paths) == len(self.files) else None

    def _cached(self, cache: Path) -> dict[PublishedFile, Path]:
        paths = self._present(cache)
        try:
            for file in self.files:
                if file not in paths:
                    name = f"{file.name}.gz"
                    paths[file] = download(name, f"md5:{file.download_md5}", cache, self.mirrors)
        except DownloadError as error:
            raise UsageError(
                f"The data set {self.name} is not here: {self._looked_at(cache)}, and {error}; "
                f"connect to a network, {self._by_hand()}, {_ALTERNATIVE}."
            ) from error
        return paths

    def _present(self, folder: Path) -> dict[PublishedFile, Path]:
        found = {file: file.find(folder) for file in self.files}
        return {file: path for file, path in found.items() if path is not None}

    def _looked_at(self, cache: Path) -> str:
        root = _data_root()
        local = (
            f"{DATA_VARIABLE} is not set" if root is None else f"{root / self.name} has no files"
        )
        places = [self.package.folder, cache] if self.package else [cache]
        lacking = [
            f"{place} lacks {len(self.files) - len(self._present(place))} of the "
            f"{len(self.files)} files"
            for place in places
        ]
        return ", ".join([local, *lacking])

    def _by_hand(self) -> str:
        install = f"install Debian's package {self.package.name} or " if self.package else ""
        return (
            f"{install}put the four files into a folder {self.name}/ and let {DATA_VARIABLE} name "
            "its parent"
        )


def _data_root() -> Path | None:
    value = os.environ.get(DATA_VARIABLE, "")
    return Path(value).expanduser() if value else None


def _enumeration(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last} are" if others else f"{last} is"
