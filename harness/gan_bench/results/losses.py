"""Arrays in files, without pickle: written whole or not at all, and read within limits."""

import io
import os
import tokenize
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import GanBenchError
from gan_bench.system.files import write_atomically
from gan_bench.trainer import LOSS_COLUMNS

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Write one array as .npy."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_atomically(path, buffer.getvalue())


def write_images(path: Path, images: NDArray[np.uint8]) -> None:
    """Write images as .npz under the name ``images``."""
    buffer = io.BytesIO()
    np.savez(buffer, images=images)
    write_atomically(path, buffer.getvalue())


def read_losses(path: Path) -> NDArray[np.float32]:
    """Read a run's losses.

    Nothing is believed of the header that the file's size does not bear out, so that no more
    memory is taken than the file has bytes.

    Returns
    -------
    float32 (steps, 4), in the order of `LOSS_COLUMNS`.

    Raises
    ------
    FileNotFoundError
        There is none.
    GanBenchError
        The file cannot be read, is damaged, or is no table of losses.
    """
    try:
        with path.open("rb") as file:
            return _read_losses(file)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError) as error:
        said = " ".join(str(error).split())
        raise GanBenchError(f"The losses {path} are not readable ({said}).") from error


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether it is in Fortran's order, and dtype of an .npy file at its beginning.

    Raises
    ------
    ValueError
        It is none, of another format version, or damaged.
    """
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"its format version is {version}")
    try:
        shape, fortran, dtype = _HEADERS[version](file)
    # NumPy parses the header as Python, and lets through what the parser says.
    except (tokenize.TokenError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"its header is damaged: {error}") from error
    return tuple(shape), bool(fortran), dtype


def _read_losses(file: BinaryIO) -> NDArray[np.float32]:
    shape, fortran, dtype = read_header(file)
    if dtype.kind != "f" or len(shape) != 2 or fortran:
        raise ValueError(f"they are {dtype} {shape}, no table of figures")
    if shape[1] != len(LOSS_COLUMNS):
        raise ValueError(f"they have {shape[1]} columns, not {len(LOSS_COLUMNS)}")
    left = os.fstat(file.fileno()).st_size - file.tell()
    if left != shape[0] * shape[1] * dtype.itemsize:
        raise ValueError(f"{left} bytes are no {shape[0]} steps")
    content = np.frombuffer(file.read(), dtype=dtype)
    return content.reshape(shape).astype(np.float32)
