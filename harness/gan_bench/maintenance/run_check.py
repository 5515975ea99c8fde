"""Finds the problems in the folder of one run."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gan_bench.errors import GanBenchError, UnreadableFile
from gan_bench.plan import RunSpec
from gan_bench.results.layout import RunFolder
from gan_bench.results.losses import losses_content, losses_file
from gan_bench.results.record import Record
from gan_bench.results.scores import Scores
from gan_bench.results.training_files import last_checkpoint
from gan_bench.scoring.images import of_snapshot
from gan_bench.scoring.snapshots import grid_problem

Remedy = Literal["aside", "spec", "marker", "none"]
"""``aside``: move the file or folder to ``aside/``. ``spec``: rewrite it from the record.
``marker``: rewrite the folder's marker. ``none``: --repair cannot fix it."""
INTERRUPTED_WRITE = "a process was killed while writing it"
NOTHING_LOST = "nothing is lost"
_OLD_S = 60.0
_BLOCK = 1024
_TRAIN_AGAIN = "the same command trains the run again"  # a checkpoint without losses is useless
_RESUMES = "the same command resumes the run"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; the texts are parts of a sentence."""

    path: Path
    """The file or folder."""
    what: str
    """What is wrong."""
    remedy: Remedy
    consequence: str
    """What happens, or what the user should do, after the repair."""
    run_id: str | None = None
    """The run that it belongs to; a repair takes the lock of this run."""


def is_old(path: Path) -> bool:
    """Return whether a file that no lock protects is too old to be still in use."""
    try:
        return time.time() - path.stat().st_mtime > _OLD_S
    except OSError:
        return False


def check_run(path: Path) -> list[Problem]:
    """Return the problems of a run's folder that no process is using.

    Problems inside a folder that is itself moved aside are left out.
    """
    problems = list(_problems(path))
    moved = [problem.path for problem in problems if problem.remedy == "aside"]
    return [p for p in problems if not any(parent in moved for parent in p.path.parents)]


def _problems(path: Path) -> Iterator[Problem]:
    folder = RunFolder(path)

    def problem(file: Path, what: str, remedy: Remedy, consequence: str) -> Problem:
        return Problem(file, what.rstrip("."), remedy, consequence, run_id=path.name)

    record, spec = _record(folder), _spec(folder)
    if isinstance(spec, str):
        if isinstance(record, Record):
            yield problem(folder.spec, spec, "spec", "the record has a copy")
        elif folder.spec.exists():
            yield problem(folder.spec, spec, "aside", _RESUMES)
        elif isinstance(record, str) or folder.events.exists():
            yield problem(folder.spec, spec, "none", _RESUMES)
        else:
            yield problem(path, "it is not the folder of a run", "aside", NOTHING_LOST)
            return
    ids = {stored.run_id for stored in (spec, record) if isinstance(stored, RunSpec | Record)}
    if ids - {path.name}:
        what = f"it is a copy of the run {min(ids - {path.name})}"
        yield problem(path, what, "aside", "reports already ignore it")
        return
    if isinstance(record, str):
        yield problem(folder.record, record, "aside", _RESUMES)
    for check in (_losses(folder, record, spec), _checkpoints(folder), _scored(folder)):
        yield from (problem(*arguments) for arguments in check)
    for temporary in sorted(path.rglob(".*.tmp")):
        yield problem(temporary, INTERRUPTED_WRITE, "aside", NOTHING_LOST)


_Arguments = tuple[Path, str, Remedy, str]


def _spec(folder: RunFolder) -> RunSpec | str:
    try:
        return RunSpec.read(folder.spec)
    except UnreadableFile as error:
        return error.problem


def _record(folder: RunFolder) -> Record | str | None:
    if not folder.record.exists():
        return None
    try:
        return Record.read(folder.record)
    except UnreadableFile as error:
        return error.problem


def _losses(
    folder: RunFolder, record: Record | str | None, spec: RunSpec | str
) -> Iterator[_Arguments]:
    known = record.spec if isinstance(record, Record) else spec
    if isinstance(known, str):
        return  # the names of the losses are not known
    path = losses_file(folder.losses) or folder.losses
    try:
        content = losses_content(folder.losses, known.losses)
    except FileNotFoundError:
        if isinstance(record, Record) and record.status == "ok":
            yield path, "the losses of a finished run are missing", "none", _TRAIN_AGAIN
        return
    except GanBenchError as error:
        yield path, str(error), "aside", _TRAIN_AGAIN
        return
    if not isinstance(record, Record) or record.files is None:
        return
    recorded = record.files.get(folder.losses.name)
    if recorded is not None and hashlib.sha256(content).hexdigest() != recorded:
        what = "the checksum differs from the one in the record"
        yield path, what, "aside", _TRAIN_AGAIN


def _checkpoints(folder: RunFolder) -> Iterator[_Arguments]:
    for half in sorted(folder.checkpoints.glob("*.half")):
        consequence = "nothing is lost: the checkpoint before it remains"
        yield half, "a process was killed while writing the checkpoint", "aside", consequence
    try:
        last_checkpoint(folder.checkpoints)
    except (GanBenchError, OSError) as error:
        yield folder.checkpoints, str(error), "aside", "an unfinished run starts over"


def _scored(folder: RunFolder) -> Iterator[_Arguments]:
    for path in sorted(folder.scores.glob("*.json")):
        try:
            Scores.read(path)
        except UnreadableFile as error:
            yield path, error.problem, "aside", "the same command scores the remaining snapshots"
    for path in sorted(folder.snapshots.glob("*.npz")):
        try:
            for _ in of_snapshot(path).read(_BLOCK):
                pass
        except GanBenchError as error:
            yield path, str(error), "aside", "to get it back, start the run over with --force"
    for path in sorted(folder.grids.glob("*.png")):
        problem = grid_problem(path)
        if problem is not None:
            yield path, problem, "aside", "reports leave it out"
