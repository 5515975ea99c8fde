"""One planned run from launch to score; every executor calls exactly this."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gan_bench.atomic import write_atomically
from gan_bench.circumstances import LoadMeter, circumstances
from gan_bench.errors import GanBenchError
from gan_bench.events import Event
from gan_bench.folders import ResultsFolder, RunFolder
from gan_bench.frameworks import missing, versions_of
from gan_bench.launch import Outcome, launch
from gan_bench.probe import probe
from gan_bench.record import Record, make_record
from gan_bench.spec import RunSpec

RETRIED = frozenset({"error", "oom", "timeout", "diverged"})
"""Statuses that ``--retry`` tries again; killed, missing and skipped are tried on any run."""
FINAL = frozenset({"ok", "unsupported"}) | RETRIED

Action = Literal["reuse", "run"]


@dataclass(frozen=True)
class Options:
    """How runs are launched; nothing in here changes their bits."""

    command: str
    timeout_s: float | None = None
    retry: bool = False
    force: bool = False
    features: str = "lenet"
    keep_samples: bool = False


def earlier_record(folder: RunFolder) -> Record | None:
    """Return the record of a run if it has a sound one."""
    if not folder.record.exists():
        return None
    try:
        return Record.read(folder)
    except GanBenchError:
        return None


def action(folder: RunFolder, options: Options) -> Action:
    """Say whether a planned run is to be run, given what is there of it."""
    record = earlier_record(folder)
    if options.force or record is None:
        return "run"
    if record.status in RETRIED and options.retry:
        return "run"
    return "reuse" if record.status in FINAL else "run"


def _prepare(folder: RunFolder, spec: RunSpec, options: Options) -> None:
    """Make the run's folder, empty for a new start and as it was for a continuation."""
    if options.force:
        shutil.rmtree(folder.path, ignore_errors=True)
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.record.unlink(missing_ok=True)
    write_atomically(folder.spec, spec.model_dump_json(indent=1).encode() + b"\n")


def score(folder: RunFolder, spec: RunSpec, options: Options) -> None:
    """Score a run's snapshots in a process of its own; how that went stands in the score file."""
    command = [
        *(sys.executable, "-P", "-m", "gan_bench.score", str(folder.path)),
        *("--features", options.features, "--threads", str(spec.threads)),
    ]
    if options.keep_samples:
        command.append("--keep-samples")
    with (folder.path / "score.log").open("ab") as log:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)


def run_one(
    results: ResultsFolder,
    spec: RunSpec,
    options: Options,
    on_event: Callable[[Event], None] = lambda event: None,
) -> tuple[Record, int | None]:
    """Launch, record and score one run; return its record and the signal that interrupted it.

    A record that stands is returned as it is (see `action`), scored if it has no scores yet.
    """
    folder = results.run(spec.run_id)
    if action(folder, options) == "reuse":
        record = Record.read(folder)
        if record.status == "ok" and not any(folder.scores.glob("*.json")):
            score(folder, spec, options)
        return record, None
    _prepare(folder, spec, options)
    absent = missing(spec.implementation.framework, versions_of(spec.python))
    before = after = other_load = None
    if absent is not None:
        outcome = Outcome(status="missing", reason=absent, wall_s=0.0, cpu_s=0.0)
    else:
        before = probe(spec)
        meter = LoadMeter()
        outcome = launch(folder, spec, timeout_s=options.timeout_s, on_event=on_event)
        other_load = meter.stop(outcome.cpu_s)
        after = None if outcome.interrupt else probe(spec)
    record = make_record(
        folder,
        spec,
        outcome,
        circumstances(
            command=options.command,
            device=spec.device,
            probes=(before, after),
            other_load=other_load,
        ),
    )
    record.write(folder)
    if record.steps_done and outcome.interrupt is None and folder.snapshots.is_dir():
        score(folder, spec, options)
    return record, outcome.interrupt
