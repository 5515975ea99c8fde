"""What takes room in a results folder and is needed by no report: ``gan-bench clean``."""

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

    The snapshots of a run without a FID of each evaluation point stay, the checkpoints of one that
    `--retry` would continue, and all of a run that somebody is at.
    """
    found = []
    for folder in results.run_folders():
        if not is_held(results.locks, folder.path.name):
            found += _of_run(folder, kinds)
    return found


def _of_run(folder: RunFolder, kinds: Sequence[Kind]) -> list[Removable]:
    try:
        record = Record.read(folder)
        files = [Scores.read(path) for path in sorted(folder.scores.glob("*.json"))]
    except GanBenchError:
        return []
    if record.status != "ok":
        return []
    places: dict[Kind, Path] = {"checkpoints": folder.checkpoints}
    if any(_whole(file, record) for file in files):
        places["snapshots"] = folder.snapshots
    found = []
    for kind in kinds:
        path = places.get(kind)
        if path is not None and path.is_dir():
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            found += [Removable(folder.path.name, kind, path, size)] if size else []
    return found


def _whole(file: Scores, record: Record) -> bool:
    """Whether a file has the FID of every evaluation point."""
    name = f"fid_{file.protocol.features}"
    scored = {row.step for row in file.scores if row.metric == name and row.value is not None}
    return file.status == "ok" and {point.step for point in record.evaluation_points} <= scored


def remove(results: ResultsFolder, chosen: Sequence[Removable], command: str) -> None:
    """Remove what `removable` found.

    Raises
    ------
    UsageError
        A run has been taken up meanwhile.
    GanBenchError
        Something cannot be removed.
    """
    for one in chosen:
        try:
            with run_lock(results.locks, one.run_id, command):
                # Somebody may have taken the run up while the user was asked.
                if _of_run(results.run(one.run_id), [one.kind]):
                    shutil.rmtree(one.path)
        except OSError as error:
            raise GanBenchError(
                f"{one.path} cannot be removed ({error.strerror or error})."
            ) from error
