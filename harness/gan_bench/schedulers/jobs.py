"""The jobs of a results folder: reads their state, cancels them and follows them."""

import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.launch.status import Answer, JobState, JobView, RunStatus, Scan
from gan_bench.results.layout import ResultsFolder
from gan_bench.results.status import UNFINISHED
from gan_bench.schedulers.base import Scheduler, SchedulerOptions, find_scheduler
from gan_bench.schedulers.submissions import SubmissionFolder, submissions


@dataclass(frozen=True)
class _Job:
    scheduler: str
    job: str
    index: int
    folder: SubmissionFolder


class Jobs:
    """The latest job of each submitted run."""

    def __init__(self, results: ResultsFolder) -> None:
        """Read all submissions; ``left_out`` has a sentence for each unreadable one."""
        self.left_out: list[str] = []
        self._job_of_run: dict[str, _Job] = {}
        self._schedulers: dict[str, Scheduler] = {}
        for folder in submissions(results):
            try:
                name = folder.read().engine
                if name not in self._schedulers:
                    self._schedulers[name] = find_scheduler(name)(SchedulerOptions())
                jobs = folder.jobs()
            except GanBenchError as error:
                self.left_out.append(str(error))
                continue
            for job in jobs:
                self._job_of_run[job.run_id] = _Job(name, job.job, job.index, folder)
        self._finished: set[str] = set()

    def views(self) -> dict[str, JobView]:
        """Return the job of each run; ask each scheduler once."""
        unfinished: dict[str, list[str]] = defaultdict(list)
        for run_id, job in self._job_of_run.items():
            if run_id not in self._finished:
                unfinished[job.scheduler].append(job.job)
        answers: dict[str, Answer] = dict.fromkeys(self._schedulers, "yes")
        states: dict[str, dict[str, JobState]] = {}
        for name, jobs in unfinished.items():
            try:
                states_now = self._schedulers[name].states(jobs)
            except UsageError:
                answers[name] = "never"
            else:
                answers[name] = "yes" if states_now is not None else "not now"
                states[name] = states_now or {}
        views = {}
        for run_id, job in self._job_of_run.items():
            finished = run_id in self._finished
            state = None if finished else states.get(job.scheduler, {}).get(job.job)
            answer = "yes" if finished else answers[job.scheduler]
            if answer == "yes" and state is None:
                self._finished.add(run_id)
            # Also set for a job that had finished before; the run's record says so.
            cancelled = state is None and job.folder.cancelled.exists()
            problem = job.folder.problem(job.index)
            views[run_id] = JobView(job.job, state, cancelled, problem, answer)
        return views

    def cancel(self) -> int:
        """Cancel all unfinished jobs; return their number.

        Raises
        ------
        UsageError
            A scheduler does not answer, or refuses.
        """
        jobs_of: dict[str, list[_Job]] = defaultdict(list)
        for job in self._job_of_run.values():
            jobs_of[job.scheduler].append(job)
        live = {}
        for name, jobs in jobs_of.items():
            states = self._schedulers[name].states([job.job for job in jobs])
            if states is None:
                raise UsageError(
                    f"The scheduler {name} does not answer now; nothing was cancelled. Try again."
                )
            live[name] = [job for job in jobs if job.job in states]
        for name, jobs in live.items():
            for folder in {job.folder for job in jobs}:
                folder.cancelled.touch()
            self._schedulers[name].cancel([job.job for job in jobs])
        return sum(map(len, live.values()))


POLL_S = 2.0
_PAUSE_FACTOR = 10
"""The pause is at least this many times as long as reading the files took."""
_FILE_DELAY_S = 30.0
"""A shared file system may show a job's last files this long after the job has ended."""


def follow(
    scan: Scan, jobs: Jobs, run_ids: Collection[str] | None = None
) -> Iterator[list[RunStatus]]:
    """Yield the status of runs repeatedly, until no run is under way."""
    gone: dict[str, float] = {}
    while True:
        started = time.monotonic()
        views = jobs.views()
        rows = [row for row in scan.statuses(views) if run_ids is None or row.run_id in run_ids]
        for row in rows:
            view = views.get(row.run_id)
            if view is not None and view.answer == "yes" and view.state is None:
                gone.setdefault(row.run_id, started)
        finished = not any(_under_way(row, views.get(row.run_id), gone) for row in rows)
        yield rows
        if finished:
            return
        elapsed = time.monotonic() - started
        time.sleep(max(POLL_S, _PAUSE_FACTOR * elapsed))


def _under_way(row: RunStatus, view: JobView | None, gone: dict[str, float]) -> bool:
    unfinished = row.status in UNFINISHED
    if view is None or view.answer == "never":
        return row.status == "running"
    if view.answer == "not now":
        return unfinished
    if view.state is not None:
        return True
    return unfinished and time.monotonic() - gone[row.run_id] < _FILE_DELAY_S
