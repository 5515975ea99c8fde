"""Rebuilds what can be rebuilt in a results folder and moves the rest aside; deletes nothing."""

import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from gan_bench.maintenance.run_check import Problem, of_run
from gan_bench.results.layout import ResultsFolder, RunFolder, open_results, write_marker
from gan_bench.results.record import Record
from gan_bench.system.disk import writing
from gan_bench.system.locks import run_lock


def repair(path: Path, faults: Sequence[Problem], command: str) -> list[tuple[Problem, str]]:
    """Apply the remedies; return what was done about each fault that is still there.

    Raises
    ------
    GanBenchError
        The folder cannot be written, or a run is taken up meanwhile; what was repaired is.
    """
    results = ResultsFolder(path)
    aside = path / "aside" / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
    done = []
    for fault in faults:
        if fault.remedy == "none":
            continue
        with writing(path), contextlib.ExitStack() as held:
            if fault.run_id is not None:
                held.enter_context(run_lock(results.locks, fault.run_id, command))
                # Somebody may have made the run again since it was looked at.
                if fault not in of_run(results.run(fault.run_id).path):
                    continue
            done.append((fault, _apply(results, fault, aside)))
    open_results(path, create=False)
    return done


def _apply(results: ResultsFolder, fault: Problem, aside: Path) -> str:
    if fault.remedy == "marker":
        if fault.path.exists():
            _move(results, fault.path, aside)
        write_marker(results.path)
        return "written again"
    if fault.remedy == "spec":
        folder = RunFolder(fault.path.parent)
        spec = Record.read(folder).spec
        if folder.spec.exists():
            _move(results, folder.spec, aside)
        spec.write(folder.spec)
        return "written again from the record"
    return f"moved to {_move(results, fault.path, aside)}"


def _move(results: ResultsFolder, path: Path, aside: Path) -> Path:
    target = aside / path.relative_to(results.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{path.name}.{number}")
    path.rename(target)
    return target
