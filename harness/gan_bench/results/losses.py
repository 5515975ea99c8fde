"""The losses of a run: a table of all steps, as it is written, or in the packed form of kept runs.

A running worker writes ``losses.npy``. `pack_losses` writes the same numbers to ``losses.npz``,
about three quarters of the size: its array ``planes``, uint8 (4, losses, steps), has the four bytes
of every little-endian float32 in planes of their own, because only the first two bytes of
neighbouring losses are alike.
"""

import io
import os
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import GanBenchError
from gan_bench.results.training_files import read_header
from gan_bench.system.files import write_atomically

_PLANES = "planes"
_FLOAT32 = np.dtype("<f4")
LARGEST_PACKED_BYTES = 1 << 30
"""Maximum size of the unpacked losses of one run."""


def losses_file(path: Path) -> Path | None:
    """Return the file that has the losses of the run whose ``losses.npy`` is ``path``, or None."""
    found = (one for one in (path, path.with_suffix(".npz")) if one.exists())
    return next(found, None)


def read_losses(path: Path, names: Sequence[str]) -> NDArray[np.float32]:
    """Read a run's losses, of these names, from ``losses.npy``, or if there is none, packed ones.

    The header must fit the size of the file, so that reading takes no more memory than the file
    has bytes (of packed losses, than their ZIP directory says and `LARGEST_PACKED_BYTES` allows).

    Returns
    -------
    float32 (steps, len(names)).

    Raises
    ------
    FileNotFoundError
        There is none.
    GanBenchError
        The file cannot be read, is damaged, or is not a table of losses.
    """
    path = losses_file(path) or path
    try:
        with path.open("rb") as file:
            read = _read_packed if path.suffix == ".npz" else _read_table
            return read(file, len(names))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())
        raise GanBenchError(f"The losses {path} are not readable ({reason}).") from error


def losses_content(path: Path, names: Sequence[str]) -> bytes:
    """Return the content of ``losses.npy``, also if the run only has packed losses.

    It is the very file that the worker wrote, so its SHA-256 is the one in the record.

    Raises
    ------
    FileNotFoundError, GanBenchError
        See `read_losses`.
    """
    table = read_losses(path, names)
    if path.exists():
        return path.read_bytes()
    content = io.BytesIO()
    np.save(content, table, allow_pickle=False)
    return content.getvalue()


def pack_losses(path: Path, names: Sequence[str], packed: Path) -> None:
    """Write a run's losses in the packed form.

    Parameters
    ----------
    path
        The run's ``losses.npy``, which stays.
    names
        The names of its losses.
    packed
        The file to write, ``losses.npz`` in the folder of the kept run.

    Raises
    ------
    FileNotFoundError, GanBenchError
        See `read_losses`.
    """
    table = np.ascontiguousarray(read_losses(path, names), dtype=_FLOAT32)
    planes = table.view(np.uint8).reshape(*table.shape, _FLOAT32.itemsize).transpose(2, 1, 0)
    content = io.BytesIO()
    # In C order: in that of a transposed array, the bytes would lie as they did before.
    np.savez_compressed(content, planes=np.ascontiguousarray(planes))
    write_atomically(packed, content.getvalue())


def _read_table(file: BinaryIO, columns: int) -> NDArray[np.float32]:
    shape, fortran, dtype = read_header(file)
    if dtype.kind != "f" or len(shape) != 2 or fortran:
        raise ValueError(f"an array of {dtype} {shape} is not a table of losses")
    if shape[1] != columns:
        raise ValueError(f"it has {shape[1]} columns instead of {columns}")
    left = os.fstat(file.fileno()).st_size - file.tell()
    if left != shape[0] * shape[1] * dtype.itemsize:
        raise ValueError(f"it has {left} bytes, which do not make {shape[0]} steps")
    content = np.frombuffer(file.read(), dtype=dtype)
    return content.reshape(shape).astype(np.float32)


def _read_packed(file: BinaryIO, columns: int) -> NDArray[np.float32]:
    with zipfile.ZipFile(file) as archive:
        if archive.namelist() != [f"{_PLANES}.npy"]:
            raise ValueError("it has no packed losses")
        (member,) = archive.infolist()
        if member.file_size > LARGEST_PACKED_BYTES:
            raise ValueError(f"unpacked it would have {member.file_size:,} bytes")
        content = io.BytesIO(archive.read(member))
    shape, fortran, dtype = read_header(content)
    if dtype != np.uint8 or len(shape) != 3 or shape[0] != _FLOAT32.itemsize or fortran:
        raise ValueError(f"an array of {dtype} {shape} is not packed losses")
    if shape[1] != columns:
        raise ValueError(f"it has {shape[1]} columns instead of {columns}")
    values = np.frombuffer(content.read(), dtype=np.uint8)
    planes = values.reshape(shape)
    table = np.ascontiguousarray(planes.transpose(2, 1, 0)).view(_FLOAT32)[..., 0]
    return table.astype(np.float32)
