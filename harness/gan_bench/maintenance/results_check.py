"""Check, repair and clean a results folder: ``gan-bench doctor --results``, ``gan-bench clean``."""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from gan_bench.errors import GanBenchError, UnreadableFile, UsageError
from gan_bench.maintenance.run_check import (
    INTERRUPTED_WRITE,
    NOTHING_LOST,
    Problem,
    check_run,
    is_old,
)
from gan_bench.plan import Plan, RunSpec
from gan_bench.results.certificate import Certificate
from gan_bench.results.external import FACTS, Facts, read_published
from gan_bench.results.layout import (
    MARKER,
    RESULTS_SCHEMA_VERSION,
    ResultsFolder,
    RunFolder,
    open_results,
    write_marker,
)
from gan_bench.results.record import Record
from gan_bench.results.scores import Scores
from gan_bench.results.speed import SpeedStudy
from gan_bench.schedulers.submissions import submissions
from gan_bench.system.files import writing
from gan_bench.system.locks import is_held, run_lock
from gan_bench.system.processes import by_run


@dataclass(frozen=True)
class ResultsCheck:
    """The outcome of a check."""

    runs: int
    """Number of runs checked."""
    busy: tuple[str, ...]
    """Ids of runs that were skipped because another process is using them."""
    problems: tuple[Problem, ...]


def check(path: Path) -> ResultsCheck:
    """Check every file of a results folder that any command reads.

    Raises
    ------
    UsageError
        There is no such results folder, or it has another schema version.
    """
    if not path.is_dir():
        raise UsageError(f"There is no results folder {path}; `gan-bench run` creates one.")
    results = ResultsFolder(path)
    if not (path / MARKER).exists() and not any(_runs_and_plans(results)):
        raise UsageError(
            f"{path} is not a results folder of gan-bench: it has no {MARKER}, no run and no plan."
        )
    problems = [*_marker(path), *_shared_files(results)]
    busy = []
    processes = by_run()
    folders = sorted(folder for folder in results.runs.glob("*") if folder.is_dir())
    for folder in folders:
        if is_held(results.locks, folder.name):
            busy.append(folder.name)
            continue
        problems += check_run(folder)
        for process in processes.get(folder.resolve(), []):
            what = f"its process {process.pid} is still alive without a supervisor"
            consequence = "the next `gan-bench run` of this run ends the process"
            problems.append(Problem(folder, what, "none", consequence, run_id=folder.name))
    for removal in sorted(results.removing.glob("*")):
        if is_old(removal):
            what = "a removal or a replacement was interrupted"
            consequence = "nothing uses what is left of it"
            problems.append(Problem(removal, what, "aside", consequence))
    return ResultsCheck(len(folders) - len(busy), tuple(busy), tuple(problems))


def _runs_and_plans(results: ResultsFolder) -> Iterator[Path]:
    """Yield readable runs and plans: they show that a folder without a marker holds results."""
    for folder in results.run_folders():
        with contextlib.suppress(UnreadableFile):
            RunSpec.read(folder.spec)
            yield folder.path
    for path in results.plans.glob("*.json"):
        with contextlib.suppress(UnreadableFile):
            Plan.read(path)
            yield path


def _marker(path: Path) -> Iterator[Problem]:
    marker = path / MARKER
    try:
        version = json.loads(marker.read_text(encoding="utf-8"))["schema_version"]
    except FileNotFoundError:
        yield Problem(marker, "the marker is missing", "marker", NOTHING_LOST)
        return
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        yield Problem(marker, "the marker is damaged", "marker", NOTHING_LOST)
        return
    if version != RESULTS_SCHEMA_VERSION:
        raise UsageError(
            f"The results folder {path} has schema version {version}, but this gan-bench reads "
            f"{RESULTS_SCHEMA_VERSION}; use the gan-bench that wrote it."
        )


def _shared_files(results: ResultsFolder) -> Iterator[Problem]:
    """Yield the problems of files that belong to no run."""
    kinds: tuple[tuple[Path, Callable[[Path], object], str], ...] = (
        (results.plans, Plan.read, "the same command plans its pending runs again"),
        (results.parity, Certificate.read, "`gan-bench parity` writes a new one"),
        (results.speed, SpeedStudy.read, "`gan-bench speed` measures again"),
    )
    for folder, read, consequence in kinds:
        for path in sorted(folder.glob("*.json")):
            try:
                read(path)
            except UnreadableFile as error:
                yield Problem(path, error.problem, "aside", consequence)
    for path in sorted(results.external.glob("*")):
        if not is_old(path):
            continue  # another process may be writing it
        try:
            Facts.read(path / FACTS)
            for file in path.glob("scores/*.json"):
                Scores.read(file)
        except UnreadableFile as error:
            yield Problem(path, error.problem, "aside", "score the images again")
    try:
        read_published(results.published)
    except UnreadableFile as error:
        yield Problem(results.published, error.problem, "none", "edit the file")
    for submission in submissions(results):
        try:
            submission.read()
            submission.jobs()
        except GanBenchError as error:
            consequence = "follow and cancel its jobs with the scheduler's own commands"
            yield Problem(submission.path, str(error).rstrip("."), "none", consequence)
    for pattern in (
        ".*.tmp",
        "plans/.*.tmp",
        "parity/.*.tmp",
        "speed/.*.tmp",
        "external/**/.*.tmp",
    ):
        for path in sorted(results.path.glob(pattern)):
            if is_old(path):
                yield Problem(path, INTERRUPTED_WRITE, "aside", NOTHING_LOST)


def repair(path: Path, problems: Sequence[Problem], command: str) -> list[tuple[Problem, str]]:
    """Apply the remedies; return each problem that was still there, with what was done.

    Raises
    ------
    GanBenchError
        The folder cannot be written, or another process has started a run; earlier repairs remain.
    """
    results = ResultsFolder(path)
    aside = path / "aside" / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    done = []
    for problem in problems:
        if problem.remedy == "none":
            continue
        with writing(path), contextlib.ExitStack() as held:
            if problem.run_id is not None:
                held.enter_context(run_lock(results.locks, problem.run_id, command))
                # Another process may have run it again since the check.
                if problem not in check_run(results.run(problem.run_id).path):
                    continue
            done.append((problem, _apply(results, problem, aside)))
    open_results(path, create=False)
    return done


def _apply(results: ResultsFolder, problem: Problem, aside: Path) -> str:
    if problem.remedy == "marker":
        if problem.path.exists():
            _move(results, problem.path, aside)
        write_marker(results.path)
        return "rewritten"
    if problem.remedy == "spec":
        folder = RunFolder(problem.path.parent)
        spec = Record.read(folder.record).spec
        if folder.spec.exists():
            _move(results, folder.spec, aside)
        spec.write(folder.spec)
        return "rewritten from the record"
    return f"moved to {_move(results, problem.path, aside)}"


def _move(results: ResultsFolder, path: Path, aside: Path) -> Path:
    target = aside / path.relative_to(results.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{path.name}.{number}")
    path.rename(target)
    return target


Kind = Literal["snapshots", "checkpoints"]
KINDS: tuple[Kind, ...] = ("snapshots", "checkpoints")


@dataclass(frozen=True)
class Removable:
    """The snapshots or the checkpoints of one run that succeeded."""

    run_id: str
    kind: Kind
    path: Path
    size_bytes: int


def removable(results: ResultsFolder, kinds: Sequence[Kind]) -> list[Removable]:
    """Return what runs that succeeded no longer need, by run.

    Kept are the snapshots of runs without an FID at every evaluation point, and everything of runs
    that another process is using.
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
    if any(file.status == "ok" and file.has_fid_of(steps) for file in files):
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
