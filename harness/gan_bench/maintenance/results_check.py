"""Reads all of a results folder and says what is wrong: ``gan-bench doctor --results``."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.maintenance.run_check import CUT_SHORT, Problem, is_old, of_run
from gan_bench.plan.spec import RunSpec
from gan_bench.results.certificate import Certificate
from gan_bench.results.external import read_facts
from gan_bench.results.layout import MARKER, RESULTS_SCHEMA_VERSION, ResultsFolder
from gan_bench.results.plans import read_plan
from gan_bench.results.published_figures import read_published
from gan_bench.results.scores import Scores
from gan_bench.schedulers.submissions import launches
from gan_bench.system.files import read_limited
from gan_bench.system.locks import is_held
from gan_bench.system.processes import by_run


@dataclass(frozen=True)
class Checkup:
    """What a results folder is like."""

    runs: int
    """That were looked at."""
    busy: tuple[str, ...]
    """Ids of runs that another gan-bench is at; they were not looked at."""
    faults: tuple[Problem, ...]


def check(path: Path) -> Checkup:
    """Look at every file of a results folder that anything is read from.

    Raises
    ------
    UsageError
        There is no such folder, or it is of another schema version.
    """
    if not path.is_dir():
        raise UsageError(f"There is no results folder {path}; `gan-bench run` makes one.")
    results = ResultsFolder(path)
    if not (path / MARKER).exists() and not any(_ours(results)):
        raise UsageError(
            f"{path} is no results folder of gan-bench's: it has no {MARKER}, no run and no plan."
        )
    faults = [*_marker(path), *_files_of_its_own(results)]
    busy = []
    alive = by_run()
    folders = sorted(one for one in results.runs.glob("*") if one.is_dir())
    for folder in folders:
        if is_held(results.locks, folder.name):
            busy.append(folder.name)
        else:
            faults += of_run(folder)
            faults += [_left(folder, process.pid) for process in alive.get(folder.resolve(), [])]
    for left in sorted(results.removing.glob("*")):
        if is_old(left):
            then = "nothing is lost: it was on its way out"
            faults.append(Problem(left, "a removal was cut short", "aside", then))
    return Checkup(len(folders) - len(busy), tuple(busy), tuple(faults))


def _left(folder: Path, pid: int) -> Problem:
    what = f"its process {pid} still lives though nobody supervises it"
    then = "the next `gan-bench run` of it ends the process"
    return Problem(folder, what, "none", then, run_id=folder.name)


def _ours(results: ResultsFolder) -> Iterator[Path]:
    """Yield what tells that a folder without its mark is one of results all the same."""
    for folder in results.run_folders():
        with contextlib.suppress(ValueError, OSError):
            RunSpec.model_validate_json(read_limited(folder.spec))
            yield folder.path
    for path in results.plans.glob("*.json"):
        with contextlib.suppress(GanBenchError):
            read_plan(path)
            yield path


def _marker(path: Path) -> Iterator[Problem]:
    marker = path / MARKER
    try:
        version = json.loads(marker.read_text(encoding="utf-8"))["schema_version"]
    except FileNotFoundError:
        yield Problem(marker, "the folder's mark is missing", "marker", "it is written again")
        return
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        yield Problem(marker, "the folder's mark is damaged", "marker", "it is written again")
        return
    if version != RESULTS_SCHEMA_VERSION:
        raise UsageError(
            f"The results folder {path} has schema version {version}, this gan-bench reads "
            f"{RESULTS_SCHEMA_VERSION}; use the gan-bench that wrote it."
        )


def _files_of_its_own(results: ResultsFolder) -> Iterator[Problem]:
    kinds: tuple[tuple[Path, str, Callable[[Path], object], str], ...] = (
        (results.plans, "*.json", read_plan, "its pending runs are planned by the same command"),
        (results.parity, "*.json", Certificate.read, "`gan-bench parity` makes it again"),
    )
    for folder, pattern, read, then in kinds:
        for path in sorted(folder.glob(pattern)):
            try:
                read(path)
            except GanBenchError as error:
                yield Problem(path, str(error).rstrip("."), "aside", then)
    for path in sorted(results.external.glob("*")):
        if not is_old(path):
            continue  # somebody may be writing it
        try:
            read_facts(path)
            for file in path.glob("scores/*.json"):
                Scores.read(file)
        except GanBenchError as error:
            then = "score the images again"
            yield Problem(path, str(error).rstrip("."), "aside", then)
    try:
        read_published(results.published)
    except GanBenchError as error:
        yield Problem(results.published, str(error).rstrip("."), "none", "mend it by hand")
    for launch in launches(results):
        try:
            launch.read()
            launch.jobs()
        except GanBenchError as error:
            then = "its jobs are neither followed nor cancelled: the scheduler's own commands are"
            yield Problem(launch.path, str(error).rstrip("."), "none", f"{then} left")
    for pattern in (".*.tmp", "plans/.*.tmp", "parity/.*.tmp", "external/**/.*.tmp"):
        for path in sorted(results.path.glob(pattern)):
            if is_old(path):
                yield Problem(path, CUT_SHORT, "aside", "nothing is lost")
