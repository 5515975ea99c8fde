"""Removes snapshots and checkpoints that no report needs: ``gan-bench clean``."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gan_bench.errors import GanBenchError
from gan_bench.results.layout import ResultsFolder, RunFolder
from gan_bench.results.record import Record
from gan_bench.results.scores import Scores
from gan_bench.system.locks import is_held, run_lock

Kind = Literal["snapshots", "checkpoints"]
KINDS: tuple[Kind, ...] = ("snapshots", "checkpoints")


@dataclass(frozen=True)
class Removable:
    """The snapshots or the checkpoints of one finished run."""

    run_id: str
    kind: Kind
    path: Path
    size_bytes: int


def removable(results: ResultsFolder, kinds: Sequence[Kind]) -> list[Removable]:
    """Return what finished runs no longer need, by run.

    Kept are the snapshots of runs without a FID at every evaluation point, the checkpoints of runs
    that `--retry` would continue, and everything of runs that another process is using.
    """
    return [
        item
        for folder in results.run_folders()
        if not is_held(results.locks, folder.path.name)
        for item in _removable_of(folder, kinds)
    ]


def _removable_of(folder: RunFolder, kinds: Sequence[Kind]) -> list[Removable]:
    try:
        record = Record.read(folder.record)
        files = [Scores.read(path) for path in sorted(folder.scores.glob("*.json"))]
    except GanBenchError:
        return []
    if record.status != "ok":
        return []
    folders: dict[Kind, Path] = {"checkpoints": folder.checkpoints}
    steps = [point.step for point in record.evaluation_points]
    if any(file.has_fid_of(steps) for file in files):
        folders["snapshots"] = folder.snapshots
    items = []
    for kind in kinds:
        path = folders.get(kind)
        if path is not None and path.is_dir():
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            items += [Removable(folder.path.name, kind, path, size)] if size else []
    return items


def remove(results: ResultsFolder, items: Sequence[Removable], command: str) -> None:
    """Remove what `removable` returned.

    Raises
    ------
    UsageError
        Another process has started one of the runs.
    GanBenchError
        A folder cannot be removed.
    """
    for item in items:
        try:
            with run_lock(results.locks, item.run_id, command):
                # Another process may have used the run while the user was deciding.
                if _removable_of(results.run(item.run_id), [item.kind]):
                    shutil.rmtree(item.path)
        except OSError as error:
            reason = error.strerror or error
            raise GanBenchError(f"{item.path} cannot be removed ({reason}).") from error
