"""Arrays of images in ``.npy`` and ``.npz`` files, checked and read in blocks."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import UsageError
from gan_bench.results.training_files import read_header

T = TypeVar("T")
_DAMAGED = (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error, RuntimeError)
"""What damage makes zipfile and NumPy raise; a wrong header gives a RuntimeError, such as for an
unknown compression or an encrypted file."""
Images = NDArray[np.uint8]
"""uint8 (n, height, width, channels)."""


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
