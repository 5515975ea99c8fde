"""The process of a scheduler's job: runs and supervises one task of a submission.

``python -P -m gan_bench.schedulers.task RESULTS SUBMISSION INDEX OFFSET``; see `base.Task` for its
exit codes. It communicates only through files in the results folder.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from gan_bench.errors import GanBenchError
from gan_bench.launch.circumstances import provenance
from gan_bench.launch.local import Interrupted, RunProgress, interruptible
from gan_bench.launch.outcome import Outcome, make_record
from gan_bench.launch.run_one import Options, RunResult, run_one, start_over
from gan_bench.launch.supervisor import SCHEDULERS_SIGNALS
from gan_bench.plan import RunSpec
from gan_bench.results.events import Event
from gan_bench.results.layout import ResultsFolder, RunFolder, open_results
from gan_bench.results.record import Job, Record
from gan_bench.results.training_files import last_checkpoint
from gan_bench.schedulers.base import AGAIN_EXIT_CODE, JOB_VARIABLE, TETHER_VARIABLE
from gan_bench.schedulers.submissions import Start, Submission, SubmissionFolder
from gan_bench.system.files import writing
from gan_bench.system.locks import JOBS_RUN_LOCK_S, Busy, device_lock, run_lock
from gan_bench.system.processes import end_with_parent
from gan_bench.text import timestamp

_LINE_EVERY_S = 60.0


def main(results: ResultsFolder, folder: SubmissionFolder, index: int, offset: int) -> int:
    """Run one task, or continue it; return the process's exit code.

    Raises
    ------
    GanBenchError
        The run could not start.
    Interrupted
        A signal arrived while no worker was running.
    """
    submission, spec = folder.read(), folder.spec(offset)
    if folder.cancelled.exists():
        print(f"{submission.id} was cancelled; {spec.run_id} is not started", flush=True)
        return 0
    options = replace(submission.options, job=_job(submission), force=False)
    while True:
        with writing(results.path):
            if submission.options.force:
                _start_over_once(results, folder, index, spec, options)
            result = _attempt(results, folder, index, spec, options, submission.retries)
        if result is None:
            return 1
        print(_sentence(result), flush=True)
        if result.interrupt is not None:
            return AGAIN_EXIT_CODE
        if result.record.status != "killed":
            return 0 if result.ok else 1


def _start_over_once(
    results: ResultsFolder, folder: SubmissionFolder, index: int, spec: RunSpec, options: Options
) -> None:
    """Remove earlier results for ``--force``, unless an earlier attempt of this task did."""
    done = folder.started_over(index)
    if done.exists():
        return
    with run_lock(results.locks, spec.run_id, options.command, wait_s=JOBS_RUN_LOCK_S):
        start_over(results, results.run(spec.run_id))
        done.parent.mkdir(exist_ok=True)
        done.touch()


def _attempt(
    results: ResultsFolder,
    folder: SubmissionFolder,
    index: int,
    spec: RunSpec,
    options: Options,
    retries: int,
) -> RunResult | None:
    """Run or continue the run; return None if too many attempts made no progress."""
    run = results.run(spec.run_id)
    step = _checkpoint_step(run)
    now = timestamp()
    earlier = folder.note_start(index, Start(time=now, host=os.uname().nodename, step=step))
    failures = _without_progress([start.step for start in earlier], step)
    if failures > retries:
        reason = (
            f"{failures} consecutive attempts made no progress after step {step:,}, more than "
            "--retries allows: they were killed, or their jobs need more time"
        )
        _give_up(results, run, spec, options, reason)
        return None
    with _device(spec, options):
        progress = RunProgress(spec)
        print(progress.first_line, flush=True)

        def show(event: Event) -> None:
            line = progress.line(event, _LINE_EVERY_S)
            if line is not None:
                print(line, flush=True)

        return run_one(results, spec, options, show)


@contextlib.contextmanager
def _device(spec: RunSpec, options: Options) -> Iterator[None]:
    """Lock the device; if the scheduler has given it to two jobs, the second one waits."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(device_lock(spec.device, options.command, wait=False))
        except Busy as busy:
            print(
                f"The device {spec.device} is in use by {busy.holder}; this job waits, and its "
                "time limit keeps running.",
                flush=True,
            )
            held.enter_context(device_lock(spec.device, options.command, wait=True))
        yield


def _checkpoint_step(run: RunFolder) -> int:
    try:
        checkpoint = last_checkpoint(run.checkpoints)
    except GanBenchError:
        return 0  # damaged: the worker reports it
    return checkpoint[0] if checkpoint else 0


def _without_progress(earlier: list[int], step: int) -> int:
    """Return the number of latest attempts that made no progress."""
    count = 0
    for start in reversed(earlier):
        if start < step:
            break
        count += 1
    return count


def _job(submission: Submission) -> Job:
    """Return the job of this process, with an empty id if the scheduler does not pass one."""
    with contextlib.suppress(ValidationError):
        return Job.model_validate_json(os.environ.get(JOB_VARIABLE, ""))
    return Job(engine=submission.engine, job="")


def _give_up(
    results: ResultsFolder, run: RunFolder, spec: RunSpec, options: Options, reason: str
) -> None:
    """Write a record with status ``killed``, unless the run has finished training."""
    print(reason, flush=True)
    with run_lock(results.locks, spec.run_id, options.command, wait_s=JOBS_RUN_LOCK_S):
        with contextlib.suppress(GanBenchError, FileNotFoundError):
            if Record.read(run.record).status != "killed":
                return  # killed during scoring, after training
        spec.write(run.spec)
        outcome = Outcome(status="killed", reason=reason)
        circumstances = provenance(
            command=options.command,
            device=spec.device,
            probes=(None, None),
            other_load=None,
            job=options.job,
        )
        make_record(run, spec, outcome, circumstances).write(run.record)


def _sentence(result: RunResult) -> str:
    record = result.record
    parts = [record.run_id, record.status, record.reason, result.scoring_problem]
    return ": ".join(part for part in parts if part)


def run(argv: list[str]) -> int:
    """Parse the arguments, run the task, and return the exit code."""
    path, submission_id, index, offset = argv
    folder = SubmissionFolder(ResultsFolder(Path(path)).jobs / submission_id)
    if os.environ.pop(TETHER_VARIABLE, None):
        end_with_parent()
    try:
        with interruptible(SCHEDULERS_SIGNALS):
            return main(open_results(Path(path), create=False), folder, int(index), int(offset))
    except Interrupted as interrupt:
        print(f"interrupted ({interrupt})", flush=True)
        return AGAIN_EXIT_CODE
    except GanBenchError as error:
        print(error, flush=True)
        with contextlib.suppress(OSError):
            folder.note_problem(int(index), str(error))
        return 2


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
