"""Checkpoints: written whole or not at all, with checksums, only the last one kept."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gan_bench.errors import GanBenchError
from gan_bench.system.disk import NoSpace, has_no_space, is_full
from gan_bench.system.files import file_sha256, read_limited, write_atomically

CHECKPOINT_SCHEMA_VERSION = 2
CHECKPOINT_EVERY_S = 60.0
"""Time between two checkpoints of a run."""
_STATE = "state.json"
TRAINER = "trainer"
_HALF = ".half"
"""Ends the name of what is being written or removed."""
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _State(BaseModel):
    """What a checkpoint says of itself."""

    model_config = ConfigDict(frozen=True)

    schema_version: Literal[1, 2]
    step: int = Field(ge=0)
    files: dict[str, Sha256] | None = None
    """SHA-256 of the trainer's files by their path below its folder; None before version 2."""


def _flush(folder: Path) -> None:
    """Bring a folder's files and names to the disk, so that the rename that follows is the end."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _checksums(trainer: Path) -> dict[str, str]:
    found = {}
    for path in sorted(trainer.rglob("*")):
        if path.is_file():
            found[path.relative_to(trainer).as_posix()] = file_sha256(path)
    return found


def write_checkpoint(folder: Path, step: int, save: Callable[[Path], None]) -> Path:
    """Write the checkpoint of ``step`` and then remove the earlier ones.

    Parameters
    ----------
    folder
        The run's checkpoints.
    step
        The steps done.
    save
        The trainer's ``save``.

    Raises
    ------
    OSError
        It cannot be written, for want of space perhaps; the earlier one stands.
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
        state = _State(
            schema_version=CHECKPOINT_SCHEMA_VERSION, step=step, files=_checksums(half / TRAINER)
        )
        write_atomically(half / _STATE, state.model_dump_json(indent=1).encode() + b"\n")
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
            # Out of the way by its name first: a removal cut short must not look like a damage.
            gone = other if other.suffix == _HALF else other.with_name(f"{other.name}{_HALF}")
            other.rename(gone)
            shutil.rmtree(gone)
    return final


def last_checkpoint(folder: Path) -> tuple[int, Path] | None:
    """Return the step and the trainer's folder of the last whole checkpoint, or None.

    Raises
    ------
    GanBenchError
        What is there is damaged, or of another version.
    """
    if not folder.is_dir():
        return None
    names = [path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()]
    # Earlier ones are on their way out, and perhaps not whole any more.
    return _read(max(names, key=lambda path: int(path.name))) if names else None


def _read(checkpoint: Path) -> tuple[int, Path]:
    path = checkpoint / _STATE
    try:
        state = _State.model_validate_json(read_limited(path))
    except (OSError, ValidationError) as error:
        raise GanBenchError(
            f"The checkpoint {checkpoint} is damaged, or of another version of gan-bench: "
            f"its {_STATE} is not readable."
        ) from error
    if state.step != int(checkpoint.name):
        raise GanBenchError(f"The checkpoint {checkpoint} says that it is of step {state.step}.")
    trainer = checkpoint / TRAINER
    if state.files is not None and _checksums(trainer) != state.files:
        raise GanBenchError(f"The checkpoint {checkpoint} is damaged: its checksums do not fit.")
    return state.step, trainer


def put_aside(folder: Path) -> None:
    """Keep checkpoints that cannot be restored under another name, so that a run starts over."""
    target, number = folder.with_name(f"{folder.name}.damaged"), 1
    while target.exists():
        number += 1
        target = folder.with_name(f"{folder.name}.damaged.{number}")
    folder.rename(target)
