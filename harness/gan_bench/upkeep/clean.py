"""What takes room in a results folder and is needed by no report: ``gan-bench clean``."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gan_bench.errors import GanBenchError
from gan_bench.executor.one_run import FINAL
from gan_bench.folders import ResultsFolder
from gan_bench.locks import is_held, run_lock
from gan_bench.record import Record
from gan_bench.score.result import Scores

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

    The snapshots of a run without whole scores stay, and all of a run that somebody is at.
    """
    found = []
    for folder in results.run_folders():
        run_id = folder.path.name
        if not folder.record.exists() or is_held(results.locks, run_id):
            continue
        try:
            record = Record.read(folder)
            files = [Scores.read(path) for path in sorted(folder.scores.glob("*.json"))]
        except GanBenchError:
            continue
        scored = bool(files) and all(file.status == "ok" for file in files)
        places: dict[Kind, Path] = {
            "snapshots": folder.snapshots,
            "checkpoints": folder.checkpoints,
        }
        for kind, path in places.items():
            if kind not in kinds or record.status not in FINAL or not path.is_dir():
                continue
            if kind == "snapshots" and record.status == "ok" and not scored:
                continue
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            if size:
                found.append(Removable(run_id, kind, path, size))
    return found


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
        with run_lock(results.locks, one.run_id, command):
            try:
                shutil.rmtree(one.path)
            except OSError as error:
                raise GanBenchError(
                    f"{one.path} cannot be removed ({error.strerror or error})."
                ) from error
