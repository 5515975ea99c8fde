"""Images and features on disk, read in blocks to limit the memory needed."""

import itertools
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.results.training_files import read_header

T = TypeVar("T")
_DAMAGED = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError)
"""What damage makes zipfile and NumPy raise; a wrong header gives a RuntimeError, such as for an
unknown compression or an encrypted file."""
Images = NDArray[np.uint8]
"""uint8 (n, height, width, channels)."""
_BLOCK_BYTES = 8 * 2**20


class ArrayFile:
    """An open uint8 NHWC array, read from its beginning to its end.

    Every error is a `UsageError`.

    Attributes
    ----------
    shape
        (count, height, width, channels), with 1 or 3 channels.
    """

    def __init__(self, path: Path, label: str, remedy: str) -> None:
        """Open nothing yet.

        Parameters
        ----------
        path
            The file; an ``.npz`` must have one array, or one named ``images``.
        label
            Subject of the sentences about errors.
        remedy
            What the user can do about a damaged file.
        """
        self.path = path
        self._label = label
        self._remedy = remedy
        self._archive: zipfile.ZipFile | None = None

    def __enter__(self) -> "ArrayFile":
        self._file = self._checked(self._open)
        try:
            self.shape = self._checked(self._read_shape)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if self._archive is not None:
            self._archive.close()

    def blocks(self, size: int) -> Iterator[Images]:
        """Yield the images in blocks of at most this many."""
        count, *rest = self.shape
        image_bytes = int(np.prod(rest))
        for start in range(0, count, size):
            number = min(size, count - start)
            content = self._checked(lambda: self._file.read(number * image_bytes))  # noqa: B023
            if len(content) < number * image_bytes:
                raise UsageError(f"{self._label} is cut short: {self._remedy}.")
            yield np.frombuffer(content, dtype=np.uint8).reshape(number, *rest)

    def _open(self) -> BinaryIO:
        if self.path.suffix.lower() == ".npy":
            return self.path.open("rb")
        self._archive = zipfile.ZipFile(self.path)
        names = [n.removesuffix(".npy") for n in self._archive.namelist() if n.endswith(".npy")]
        name = "images" if "images" in names else names[0] if len(names) == 1 else None
        if name is None:
            listed = ", ".join(names) or "none"
            self._archive.close()
            raise UsageError(
                f"{self._label} must have one array, or one named 'images'; it has {listed}."
            )
        return self._archive.open(f"{name}.npy")  # type: ignore[return-value]

    def _read_shape(self) -> tuple[int, ...]:
        shape, fortran, dtype = read_header(self._file)
        empty = len(shape) == 4 and 0 in shape[1:3]
        if dtype != np.uint8 or len(shape) != 4 or shape[3] not in (1, 3) or fortran or empty:
            order = " in Fortran order" if fortran and len(shape) > 1 else ""
            raise UsageError(
                f"{self._label} has {dtype} {shape}{order} instead of uint8 (n, height, width, "
                f"channels) with 1 or 3 channels: {self._remedy}."
            )
        return shape

    def _checked(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except UsageError:
            raise
        except FileNotFoundError as error:
            raise UsageError(f"{self._label} does not exist: correct its name.") from error
        except _DAMAGED as error:
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            raise UsageError(f"{self._label} is damaged ({reason}): {self._remedy}.") from error


@dataclass(frozen=True)
class FeatureFile:
    """Feature vectors of images in their order, float32 (count, dimensions), row by row."""

    path: Path
    count: int
    dimensions: int

    @staticmethod
    def write(path: Path, batches: Iterable[NDArray[np.float32]]) -> "FeatureFile":
        """Write batches of float32 (any n, dimensions), at least one.

        Raises
        ------
        GanBenchError
            A feature is NaN or infinite.
        OSError
            The file cannot be written.
        """
        count = dimensions = 0
        with path.open("wb") as file:
            for batch in batches:
                if not np.isfinite(batch).all():
                    raise GanBenchError(
                        "A feature is NaN or infinite, so the images cannot be scored: check the "
                        "feature model."
                    )
                file.write(np.ascontiguousarray(batch, dtype="<f4").data)
                count += len(batch)
                dimensions = batch.shape[1]
        return FeatureFile(path, count, dimensions)

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the features of images ``start`` to ``stop``, float32 (n, dimensions)."""
        stop = min(stop, self.count)
        values = np.fromfile(
            self.path,
            dtype="<f4",
            count=(stop - start) * self.dimensions,
            offset=4 * start * self.dimensions,
        )
        return values.reshape(stop - start, self.dimensions).astype(np.float32, copy=False)

    def blocks(self, size: int | None = None) -> Iterator[NDArray[np.float32]]:
        """Yield all features in order, ``size`` images at a time or about 8 MiB."""
        size = size or max(1, _BLOCK_BYTES // (4 * self.dimensions))
        for start in range(0, self.count, size):
            yield self.rows(start, start + size)

    def chosen(self, mask: NDArray[np.bool_]) -> Iterator[NDArray[np.float32]]:
        """Yield the features of the images in a mask, bool (count,), in blocks."""
        start = 0
        for block in self.blocks():
            yield block[mask[start : start + len(block)]]
            start += len(block)


def pairs_of_blocks(
    first: FeatureFile, second: FeatureFile, size: int
) -> Iterator[tuple[int, int, NDArray[np.float32], NDArray[np.float32]]]:
    """Yield every pair of blocks with the indices of their first images, row by row."""
    starts = itertools.product(range(0, first.count, size), range(0, second.count, size))
    current = -1
    block = np.empty((0, first.dimensions), dtype=np.float32)
    for top, left in starts:
        if top != current:
            current, block = top, first.rows(top, top + size)
        yield top, left, block, second.rows(left, left + size)
