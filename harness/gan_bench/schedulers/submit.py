"""Submits the unfinished runs of a plan to a scheduler, one task for each run."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gan_bench.errors import UsageError
from gan_bench.launch.local import write_plan
from gan_bench.launch.run_one import Options, action
from gan_bench.launch.score import is_scored
from gan_bench.launch.supervisor import ENDING_SIGNALS
from gan_bench.plan import Plan, RunSpec
from gan_bench.results.layout import ResultsFolder
from gan_bench.schedulers.base import Scheduler, Task
from gan_bench.schedulers.jobs import Jobs
from gan_bench.schedulers.submissions import Submission, SubmissionFolder, Submitted, new_id
from gan_bench.system.files import writing
from gan_bench.system.locks import submission_lock
from gan_bench.text import timestamp


@dataclass(frozen=True)
class SubmitCounts:
    """Numbers of a plan's runs, by what `submit` did with them."""

    submitted: int
    finished: int
    """Number of runs that need not run again."""
    under_way: int
    """Number of runs with an unfinished job of an earlier command."""


def submit(
    results: ResultsFolder,
    plan: Plan,
    options: Options,
    *,
    engine_name: str,
    engine: Scheduler,
    retries: int,
    max_parallel: int | None,
) -> SubmitCounts:
    """Submit every run that is neither finished nor submitted already.

    If the scheduler stops accepting jobs, the same command later submits the rest.

    Raises
    ------
    UsageError
        The scheduler would refuse the jobs, or does not report the state of earlier jobs; another
        command is submitting; a record has another version.
    GanBenchError
        The scheduler accepted only some jobs, or the results folder cannot be written.
    """
    engine.check(sorted({spec.implementation.name for spec in plan.runs}), results.path)
    with writing(results.path), submission_lock(results.locks, options.command):
        live = _live(results)
        specs = [spec for spec in plan.runs if spec.run_id not in live]
        to_submit = [spec for spec in specs if _needs_job(results, spec, options)]
        write_plan(results, plan)
        done = SubmitCounts(
            submitted=len(to_submit),
            finished=len(specs) - len(to_submit),
            under_way=len(plan.runs) - len(specs),
        )
        if not to_submit:
            return done
        submission = Submission(
            id=new_id(),
            engine=engine_name,
            created_at=timestamp(),
            plan_id=plan.plan_id,
            options=replace(options, grace_s=engine.place().grace_s),
            retries=retries,
        )
        folder = SubmissionFolder((results.jobs / submission.id).absolute())
        tasks = _tasks(results, submission, to_submit, folder.create(submission, to_submit))
        parts = engine.submit(tasks, folder.path, retries=retries, max_parallel=max_parallel)
        while True:
            with _undisturbed():  # an accepted job must be recorded
                jobs = next(parts, None)
                if jobs is None:
                    return done
                folder.note_jobs(
                    [
                        Submitted(run_id=tasks[index].run_id, index=index, job=job)
                        for index, job in jobs.items()
                    ]
                )


def _live(results: ResultsFolder) -> set[str]:
    """Return the runs with an unfinished job; fail if that is unknown, to submit nothing twice."""
    jobs = Jobs(results)
    views = jobs.views()
    if any(view.answer != "yes" for view in views.values()):
        raise UsageError(
            "The scheduler does not report the state of this results folder's jobs; nothing was "
            "submitted. Try again on a machine that has access to the scheduler."
        )
    if jobs.left_out:
        raise UsageError(
            f"{jobs.left_out[0]} Its jobs may still be under way, so nothing was submitted; "
            "move its folder away once they have finished."
        )
    return {run_id for run_id, view in views.items() if view.state is not None}


def _tasks(
    results: ResultsFolder, submission: Submission, specs: list[RunSpec], offsets: list[int]
) -> list[Task]:
    path = str(results.path.absolute())
    return [
        Task(
            index=index,
            run_id=spec.run_id,
            implementation=spec.implementation.name,
            argv=(
                *(sys.executable, "-P", "-m", "gan_bench.schedulers.task"),
                *(path, submission.id, str(index), str(offset)),
            ),
        )
        for index, (spec, offset) in enumerate(zip(specs, offsets, strict=True))
    ]


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Delay signals that would end this command."""
    # Not blocked, because child processes of the scheduler would inherit the block.
    received: list[int] = []
    before = {
        s: signal.signal(s, lambda number, _: received.append(number)) for s in ENDING_SIGNALS
    }
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
        for number in received:
            signal.raise_signal(number)


def _needs_job(results: ResultsFolder, spec: RunSpec, options: Options) -> bool:
    folder = results.run(spec.run_id)
    return action(folder, options) == "run" or not is_scored(folder, spec, options.scoring)
