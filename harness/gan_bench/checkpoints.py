"""Checkpoints: written whole or not at all, only the last one kept."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from gan_bench.atomic import write_json_atomically

CHECKPOINT_SCHEMA_VERSION = 1
_STATE = "state.json"
TRAINER = "trainer"


def _flush(folder: Path) -> None:
    """Bring a folder's files and names to the disk, so that the rename that follows is the end."""
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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
    """
    final = folder / f"{step:08d}"
    if final.exists():
        return final
    folder.mkdir(exist_ok=True)
    half = folder / f"{step:08d}.half"
    shutil.rmtree(half, ignore_errors=True)
    (half / TRAINER).mkdir(parents=True)
    save(half / TRAINER)
    write_json_atomically(
        half / _STATE, {"schema_version": CHECKPOINT_SCHEMA_VERSION, "step": step}
    )
    _flush(half)
    half.rename(final)
    _flush(folder)
    for other in folder.iterdir():
        if other != final:
            shutil.rmtree(other)
    return final


def last_checkpoint(folder: Path) -> tuple[int, Path] | None:
    """Return the step and the trainer's folder of the last whole checkpoint, or None."""
    if not folder.is_dir():
        return None
    found = []
    for path in folder.iterdir():
        if path.suffix or not (path / _STATE).is_file():
            continue
        state = json.loads((path / _STATE).read_text(encoding="utf-8"))
        if state["schema_version"] == CHECKPOINT_SCHEMA_VERSION:
            found.append((int(state["step"]), path / TRAINER))
    return max(found, default=None)


def put_aside(folder: Path) -> None:
    """Keep checkpoints that cannot be restored under another name, so that a run starts over."""
    target = folder.with_name(f"{folder.name}.damaged")
    shutil.rmtree(target, ignore_errors=True)
    folder.rename(target)
