"""CIFAR-10: its binary version is found on this machine or downloaded, checked and loaded.

Each of its six files has 10,000 records of 3,073 bytes: a label, then the red, the green and the
blue values of 32 x 32 pixels, row by row. See <https://www.cs.toronto.edu/~kriz/cifar.html>. The
version for Python is a pickle, which could run any code, and is never read.
"""

import gzip
import os
import tarfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, ClassVar, Final, cast

import numpy as np

from gan_bench.data.dataset import Dataset, DatasetStatus, Split
from gan_bench.data.places import ALTERNATIVE, DATA_VARIABLE, data_root, not_in_root
from gan_bench.errors import UsageError
from gan_bench.system.files import (
    DownloadError,
    cache_folders,
    download,
    file_sha256,
    writable_cache,
)
from gan_bench.text import listed

ARCHIVE: Final = "cifar-10-binary.tar.gz"
FOLDER: Final = "cifar-10-batches-bin"
"""Folder of the files in the archive."""
TRAIN: Final = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST: Final = ("test_batch.bin",)
_PLANES = (3, 32, 32)
"""Channels, height and width, in the order of a record."""
_RECORD_BYTES = 1 + prod(_PLANES)
_OTHER_BYTES = 2**20
"""Largest rest of the archive, unpacked: the names of the classes and a page of text."""


class _Refused(Exception):
    """Why an archive is refused, as a part of a sentence."""


@dataclass(frozen=True)
class Cifar10:
    """CIFAR-10 in a local folder or on mirrors.

    It is looked for in this order: ``$GAN_BENCH_DATA/cifar10``, with the archive or the six files,
    the user's cache, the mirrors.
    """

    sha256: str
    """SHA-256 of the archive."""

    mirrors: tuple[str, ...]
    """Addresses of folders with the archive, each ending in a slash."""

    images: int = 10_000
    """Images in each of the six files."""

    name: ClassVar[str] = "cifar10"
    classes: ClassVar[int] = 10

    def load(self, *, cache: Path | None = None) -> Dataset:
        """Load the data set; download it to ``cache`` (default: the user's cache) if necessary.

        Raises
        ------
        UsageError
            It is missing and cannot be downloaded, is damaged, or is not the published one.
        """
        place = self._local() or self._cached(cache or self.default_cache())
        files = self._of_folder(place) if place.is_dir() else self._of_archive(place)
        return Dataset(
            name=self.name,
            train=self._split(TRAIN, files, place),
            test=self._split(TEST, files, place),
            classes=self.classes,
        )

    def status(self, *, cache: Path | None = None) -> DatasetStatus:
        """Look for the files; read and download none."""
        cache = cache or self.default_cache()
        try:
            local = self._local()
        except UsageError as error:
            return DatasetStatus(False, os.environ[DATA_VARIABLE], str(error))
        if local is not None:
            return DatasetStatus(True, str(local), "")
        if (cache / ARCHIVE).is_file():
            return DatasetStatus(True, str(cache), "")
        how_to_get = (
            f"with a network it is downloaded when first used, from {' or '.join(self.mirrors)} to "
            f"{cache}; without one, {self._by_hand()}"
        )
        return DatasetStatus(False, self._looked_at(cache), how_to_get, downloads=True)

    def default_cache(self) -> Path:
        """Return the data set's folder in the user's cache, where it is or would be kept."""
        folders = (cache / self.name for cache in cache_folders())
        whole = (folder for folder in folders if (folder / ARCHIVE).is_file())
        return next(whole, writable_cache() / self.name)

    @property
    def _file_bytes(self) -> int:
        return self.images * _RECORD_BYTES

    def _local(self) -> Path | None:
        """Find the archive, or the folder of the six files, in ``$GAN_BENCH_DATA``."""
        root = data_root()
        if root is None:
            return None
        folder = root / self.name
        if (folder / ARCHIVE).is_file():
            return folder / ARCHIVE
        for place in (folder, folder / FOLDER):
            missing = [name for name in (*TRAIN, *TEST) if not (place / name).is_file()]
            if not missing:
                return place
            if len(missing) < len((*TRAIN, *TEST)):
                are = "is" if len(missing) == 1 else "are"
                raise UsageError(
                    f"{place} ({DATA_VARIABLE}) has only some of the six files of {self.name}: "
                    f"{listed(missing)} {are} missing; add what is missing or unset "
                    f"{DATA_VARIABLE}."
                )
        return None

    def _cached(self, cache: Path) -> Path:
        if (cache / ARCHIVE).is_file():
            return cache / ARCHIVE
        try:
            return download(ARCHIVE, f"sha256:{self.sha256}", cache, self.mirrors)
        except DownloadError as error:
            raise UsageError(
                f"The data set {self.name} is not on this machine: {self._looked_at(cache)}, and "
                f"{error}; connect to a network, {self._by_hand()}, {ALTERNATIVE}."
            ) from error

    def _looked_at(self, cache: Path) -> str:
        return f"{not_in_root(self.name)}, {cache} lacks {ARCHIVE}"

    def _by_hand(self) -> str:
        return (
            f"put {ARCHIVE}, or the six files in it whose names end in .bin, into a folder "
            f"{self.name}/ and set {DATA_VARIABLE} to its parent folder"
        )

    def _of_folder(self, folder: Path) -> dict[str, bytes]:
        files = {}
        for name in (*TRAIN, *TEST):
            path = folder / name
            try:
                with path.open("rb") as file:
                    content = file.read(self._file_bytes + 1)
            except OSError as error:
                raise UsageError(
                    f"{path} cannot be read ({error.strerror}); check its permissions."
                ) from error
            if len(content) != self._file_bytes:
                size = "more" if len(content) > self._file_bytes else f"{len(content):,}"
                raise UsageError(
                    f"{path} is not the published {name}: it has {size} bytes, not "
                    f"{self._file_bytes:,}; replace the file or move it away."
                )
            files[name] = content
        return files

    def _of_archive(self, path: Path) -> dict[str, bytes]:
        try:
            # Before anything of it is unpacked.
            sha256 = file_sha256(path)
            if sha256 != self.sha256:
                raise UsageError(
                    f"{path} is not the published {ARCHIVE}: its sha256 is {sha256}, not "
                    f"{self.sha256}; replace the file or move it away."
                )
            return self._unpacked(path)
        except _Refused as refused:
            raise UsageError(
                f"{path} is refused: {refused}; replace the file or move it away."
            ) from refused
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise UsageError(
                f"{path} is a damaged archive ({error}); copy or download it again."
            ) from error
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read ({error.strerror or error}); check its permissions."
            ) from error

    def _unpacked(self, path: Path) -> dict[str, bytes]:
        """Read the six files into memory; nothing is written, and other members are passed over."""
        wanted = {f"{FOLDER}/{name}": name for name in (*TRAIN, *TEST)}
        files: dict[str, bytes] = {}
        limit = len(wanted) * self._file_bytes + _OTHER_BYTES
        with gzip.open(path) as unzipped:
            stream = _Limited(unzipped, limit)
            with tarfile.open(fileobj=cast(Any, stream), mode="r|") as archive:
                for member in archive:
                    name = wanted.get(member.name)
                    if name is None:
                        continue
                    if name in files:
                        raise _Refused(f"it has {name} twice")
                    files[name] = self._content(archive, member, name)
            while stream.read(2**16):  # gzip's checksum is at the end
                pass
        missing = [name for name in wanted.values() if name not in files]
        if missing:
            raise _Refused(f"it has no {listed(missing, last='or')}")
        return files

    def _content(self, archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> bytes:
        if not member.isreg() or member.issparse():
            raise _Refused(f"its {name} is not a plain file")
        if member.size != self._file_bytes:
            raise _Refused(f"its {name} has {member.size:,} bytes, not {self._file_bytes:,}")
        content = archive.extractfile(member)
        assert content is not None
        return content.read()

    def _split(self, names: Sequence[str], files: Mapping[str, bytes], place: Path) -> Split:
        records = np.concatenate(
            [np.frombuffer(files[name], np.uint8).reshape(-1, _RECORD_BYTES) for name in names]
        )
        labels = records[:, 0].astype(np.int64)
        if labels.max() >= self.classes:
            position = int(np.argmax(labels >= self.classes))
            name = names[position // self.images]
            raise UsageError(
                f"{place} has in {name} the label {labels[position]} at position "
                f"{position % self.images}, outside of 0..{self.classes - 1}; replace the file or "
                "move it away."
            )
        planes = records[:, 1:].reshape(-1, *_PLANES)
        split = Split.from_arrays(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels)
        # The page of the data set says so; the six files have no published checksums.
        each = len(labels) // self.classes
        if (np.bincount(labels, minlength=self.classes) != each).any():
            raise UsageError(
                f"{place} is not the published {self.name}: {listed(names)} do not have {each:,} "
                "images of each class; replace the files or move them away."
            )
        return split


class _Limited:
    """A stream that ends in an error when more is read than a limit allows."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, limit: int) -> None:
        self._stream, self._left = stream, limit

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise _Refused("it unpacks to more bytes than the published one")
        return content
