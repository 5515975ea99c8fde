"""The files that a worker writes while it trains: arrays, snapshots and checkpoints.

A checkpoint is written completely or not at all, with checksums; only the last one is kept.
"""

import io
import json
import os
import shutil
import tokenize
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from gan_bench.errors import GanBenchError
from gan_bench.system.files import NoSpace, file_sha256, has_no_space, is_full, write_atomically
from gan_bench.system.models import Stored

CHECKPOINT_SCHEMA_VERSION = 2
CHECKPOINT_EVERY_S = 60.0
"""Time between two checkpoints of a run."""
_STATE = "state.json"
_RANDOM = "random.json"
TRAINER = "trainer"
_HALF = ".half"
"""Suffix of a checkpoint that is being written or removed."""
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
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


def read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether the order is Fortran's, and dtype from the header of an .npy file.

    Raises
    ------
    ValueError
        It is not an .npy file, has another format version, or is damaged.
    """
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"its format version is {version}")
    try:
        shape, fortran, dtype = _HEADERS[version](file)
    # NumPy parses the header as Python and does not catch the parser's errors.
    except (tokenize.TokenError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f"its header is damaged: {error}") from error
    return tuple(shape), bool(fortran), dtype


class _State(Stored):
    """Step and checksums of a checkpoint."""

    model_config = ConfigDict(extra="ignore")
    KIND: ClassVar[str] = "checkpoint"

    schema_version: Literal[1, 2]
    step: int = Field(ge=0)
    files: dict[str, Sha256] | None = None
    """SHA-256 of the trainer's files by relative path; None before version 2."""
    random: Sha256 | None = None
    """SHA-256 of the file with the global generators' state; None if there is no such file."""


def _flush(folder: Path) -> None:
    """Flush a folder's files and names to the disk before it is renamed."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _checksums(trainer: Path) -> dict[str, str]:
    checksums = {}
    for path in sorted(trainer.rglob("*")):
        if path.is_file():
            checksums[path.relative_to(trainer).as_posix()] = file_sha256(path)
    return checksums


def write_checkpoint(
    folder: Path, step: int, save: Callable[[Path], None], random: Mapping[str, Any] | None = None
) -> Path:
    """Write the checkpoint of ``step`` and then remove the earlier ones.

    ``random`` is the state of the global generators as JSON values, see
    `gan_bench.plugins.frameworks.GlobalState`.

    Raises
    ------
    OSError
        It cannot be written, for example to a full disk; the earlier checkpoint is kept.
    """
    final = folder / f"{step:08d}"
    if final.exists():
        return final
    folder.mkdir(exist_ok=True)
    half = folder / f"{step:08d}{_HALF}"
    shutil.rmtree(half, ignore_errors=True)
    try:
        (half / TRAINER).mkdir(parents=True)
        save(half / TRAINER)
        if random is not None:
            (half / _RANDOM).write_text(json.dumps(random), encoding="utf-8")
        state = _State(
            schema_version=CHECKPOINT_SCHEMA_VERSION,
            step=step,
            files=_checksums(half / TRAINER),
            random=None if random is None else file_sha256(half / _RANDOM),
        )
        state.write(half / _STATE)
        _flush(half)
    except Exception as error:
        # A framework's own error may not say why it could not write.
        full = is_full(error) or has_no_space(folder)
        shutil.rmtree(half, ignore_errors=True)
        if full:
            raise NoSpace(half) from error
        raise
    half.rename(final)
    _flush(folder)
    for other in folder.iterdir():
        if other != final:
            # Rename it first: an interrupted removal must not look like a damaged checkpoint.
            gone = other if other.suffix == _HALF else other.with_name(f"{other.name}{_HALF}")
            other.rename(gone)
            shutil.rmtree(gone)
    return final


def last_checkpoint(folder: Path) -> tuple[int, Path] | None:
    """Return the step and the trainer's folder of the last complete checkpoint, or None.

    Raises
    ------
    GanBenchError
        The checkpoint is damaged, or from another version.
    """
    if not folder.is_dir():
        return None
    names = [path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()]
    # Earlier ones are being removed and may be incomplete.
    return _read(max(names, key=lambda path: int(path.name))) if names else None


def _read(checkpoint: Path) -> tuple[int, Path]:
    state = _State.read(checkpoint / _STATE)
    if state.step != int(checkpoint.name):
        raise GanBenchError(f"The checkpoint {checkpoint} is damaged: it is of step {state.step}.")
    trainer = checkpoint / TRAINER
    if (state.files is not None and _checksums(trainer) != state.files) or (
        state.random is not None and _sha256(checkpoint / _RANDOM) != state.random
    ):
        raise GanBenchError(f"The checkpoint {checkpoint} is damaged: its checksums do not match.")
    return state.step, trainer


def _sha256(path: Path) -> str | None:
    return file_sha256(path) if path.is_file() else None


def checkpoint_random(trainer: Path) -> dict[str, Any] | None:
    """Return the global generators' state of a checkpoint, by the trainer's folder.

    None if the checkpoint is of an earlier version.
    """
    path = trainer.with_name(_RANDOM)
    if not path.is_file():
        return None
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def put_aside(folder: Path) -> None:
    """Rename checkpoints that cannot be restored, so that the run starts over."""
    target, number = folder.with_name(f"{folder.name}.damaged"), 1
    while target.exists():
        number += 1
        target = folder.with_name(f"{folder.name}.damaged.{number}")
    folder.rename(target)
