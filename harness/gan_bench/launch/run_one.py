"""One planned run from the start of its worker to its scores; every executor calls `run_one`."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Final, Literal

from gan_bench.errors import UsageError
from gan_bench.launch.circumstances import Watch, provenance
from gan_bench.launch.outcome import Outcome, make_record
from gan_bench.launch.score import final_fid, is_scored, score_missing
from gan_bench.launch.supervisor import GRACE_S, SILENCE_S, environment_of, launch
from gan_bench.plan import RunSpec
from gan_bench.plugins.frameworks import framework_problem
from gan_bench.results.certificate import certificate_for, read_certificates
from gan_bench.results.events import Event
from gan_bench.results.layout import ResultsFolder, RunFolder
from gan_bench.results.losses import losses_file
from gan_bench.results.record import Job, Record
from gan_bench.results.status import RETRIED_ON_REQUEST, REUSED, Status
from gan_bench.scoring.features import Scoring
from gan_bench.system.files import DiskFull, is_full
from gan_bench.system.locks import JOBS_RUN_LOCK_S, RUN_LOCK_S, run_lock

SCORED_LATER: Final = "scored when all runs have trained"
Action = Literal["reuse", "run"]


@dataclass(frozen=True)
class Options:
    """How runs are started; none of these options changes a run's results."""

    command: str
    timeout_s: float | None = None
    silence_s: float = SILENCE_S
    grace_s: float = GRACE_S
    retry: bool = False
    force: bool = False
    keep_samples: bool = False
    scoring: Scoring = field(default_factory=Scoring)
    score: Literal["now", "later"] = "now"
    """When runs are scored: each after its training, or all when the last one has trained."""
    job: Job | None = None
    """The scheduler's job that executes the run; None without a scheduler."""


@dataclass(frozen=True)
class RunResult:
    """The result of one planned run."""

    record: Record
    scoring_problem: str | None = None
    """Why a score is missing; None if every evaluation point has its scores."""
    interrupt: int | None = None
    """The signal that ended the run and should end the plan."""
    score_s: float = 0.0
    """How long it was scored now."""
    log: Path | None = None
    """The worker's log, if the run did not reach its end and its log says more."""
    fid: float | None = None
    """The final FID by the first features; None if there is none."""

    @property
    def ok(self) -> bool:
        """Whether the run is finished and scored."""
        return self.record.status == "ok" and self.scoring_problem is None


def action(folder: RunFolder, options: Options) -> Action:
    """Return whether to run a planned run or to reuse its record.

    Raises
    ------
    UsageError
        Its record cannot be read, for example because it is from another version of gan-bench;
        it is not overwritten.
    """
    if options.force or not folder.record.exists():
        return "run"
    record = Record.read(folder.record)
    if record.status in RETRIED_ON_REQUEST and options.retry:
        return "run"
    # A finished run whose files were deleted runs again.
    complete = folder.spec.exists() and (
        record.status != "ok" or losses_file(folder.losses) is not None
    )
    cannot_make = record.status == "unsupported" and record.spec.cannot_make is not None
    return "reuse" if (record.status in REUSED or cannot_make) and complete else "run"


def obstacle_of(spec: RunSpec) -> tuple[Status, str] | None:
    """Return the status and reason of a run that cannot start on this machine, else None."""
    absent = framework_problem(spec.implementation, spec.python)
    if absent is not None:
        return "missing", absent
    try:
        environment_of(spec)
    except UsageError as conflict:
        return "missing", str(conflict).rstrip(".")
    return None if spec.cannot_make is None else ("unsupported", spec.cannot_make)


def start_over(results: ResultsFolder, folder: RunFolder) -> None:
    """Remove a run's folder, if it exists; the caller holds the run's lock."""
    if folder.path.exists():
        # Rename it first: an interrupted removal must not leave half a run.
        results.removing.mkdir(exist_ok=True)
        gone = Path(tempfile.mkdtemp(prefix=f"{folder.path.name}-", dir=results.removing))
        folder.path.rename(gone / folder.path.name)
        shutil.rmtree(gone, ignore_errors=True)


def _train(
    results: ResultsFolder, spec: RunSpec, options: Options, on_event: Callable[[Event], None]
) -> tuple[Record, int | None]:
    """Start the worker, unless it cannot run; write the record.

    Raises
    ------
    DiskFull
        The disk is full: the run ended for that, or its record cannot be written.
    """
    folder = results.run(spec.run_id)
    known = obstacle_of(spec)
    if known is not None:
        outcome = Outcome(status=known[0], reason=known[1])
        around = provenance(
            command=options.command,
            device=spec.device,
            probes=(None, None),
            other_load=None,
            job=options.job,
        )
    else:
        watch = Watch(spec)
        folder.record.unlink(missing_ok=True)
        outcome = launch(
            folder,
            spec,
            timeout_s=options.timeout_s,
            silence_s=options.silence_s,
            grace_s=options.grace_s,
            by_scheduler=options.job is not None,
            on_event=on_event,
        )
        watch.stop(outcome.cpu_s, measure=outcome.interrupt is None)
        around = watch.provenance(folder, options.command, options.job)
    # The report names certificates that cannot be read.
    certificate = certificate_for(spec, read_certificates(results)[0])
    parity = certificate.id if certificate else None
    record = make_record(folder, spec, outcome, around, parity)
    try:
        spec.write(folder.spec)
        record.write(folder.record)
    except OSError as error:
        if is_full(error):
            raise DiskFull(folder.path) from error
        # The trainer may have put something in its place; the plan continues.
        reason = f"its record cannot be written ({error.strerror or error})"
        return record.model_copy(update={"status": "error", "reason": reason}), outcome.interrupt
    if outcome.disk_full:
        raise DiskFull(folder.path)
    return record, outcome.interrupt


def run_one(
    results: ResultsFolder,
    spec: RunSpec,
    options: Options,
    on_event: Callable[[Event], None] = lambda event: None,
) -> RunResult:
    """Train, record and score one run; reuse its record if possible (see `action`).

    Raises
    ------
    UsageError
        Another process is using this run, or its record cannot be read.
    DiskFull
        There is no space for its files.
    OSError
        Its folder cannot be written for another reason.
    """
    folder = results.run(spec.run_id)
    # A shared file system may take a while to release the lock of a dead machine.
    wait_s = RUN_LOCK_S if options.job is None else JOBS_RUN_LOCK_S
    with run_lock(results.locks, spec.run_id, options.command, wait_s=wait_s):
        interrupt = None
        if action(folder, options) == "reuse":
            record = Record.read(folder.record)
        else:
            if options.force:
                start_over(results, folder)
            spec.write(folder.spec)
            record, interrupt = _train(results, spec, options, on_event)
        problem, began = None, monotonic()
        if interrupt is None:
            problem = _score(folder, spec, options, on_event)
        score_s = monotonic() - began
    log = folder.log if record.status in _LOGGED and record.log_tail else None
    fid = None
    if record.status == "ok" and problem is None:
        fid = final_fid(folder, spec, options.scoring)
    return RunResult(record, problem, interrupt, score_s, log, fid)


_LOGGED = ("error", "oom", "missing", "timeout")
"""Statuses of runs whose log has a traceback, or the stacks of a run that hangs."""


def _score(
    folder: RunFolder, spec: RunSpec, options: Options, on_event: Callable[[Event], None]
) -> str | None:
    if options.score == "now":
        return score_missing(
            *(folder, spec, options.scoring),
            keep_samples=options.keep_samples,
            progress=lambda line: on_event({"event": "scoring", "line": line}),
        )
    return None if is_scored(folder, spec, options.scoring) else SCORED_LATER


def score_one(
    results: ResultsFolder,
    spec: RunSpec,
    options: Options,
    on_event: Callable[[Event], None] = lambda event: None,
) -> RunResult:
    """Score a run that has its record.

    Raises
    ------
    UsageError
        Another process is using this run, or its record cannot be read.
    """
    folder = results.run(spec.run_id)
    with run_lock(results.locks, spec.run_id, options.command, wait_s=RUN_LOCK_S):
        problem = _score(folder, spec, replace(options, score="now"), on_event)
        fid = None if problem is not None else final_fid(folder, spec, options.scoring)
        return RunResult(record=Record.read(folder.record), scoring_problem=problem, fid=fid)
