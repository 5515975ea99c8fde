"""The scheduler's jobs of a results folder: the state of each run's job, and how to follow them."""

import time
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.launch.status import Answer, JobState, JobView, RunStatus, Scan
from gan_bench.results.layout import ResultsFolder
from gan_bench.schedulers.base import Asked, Engine, find_engine
from gan_bench.schedulers.submissions import LaunchFolder, launches


@dataclass(frozen=True)
class _Job:
    engine: str
    job: str
    index: int
    folder: LaunchFolder


class Jobs:
    """The latest job of each run that was ever submitted."""

    def __init__(self, results: ResultsFolder) -> None:
        """Read what was submitted; ``left_out`` gets a sentence for what cannot be read."""
        self.left_out: list[str] = []
        self._of_run: dict[str, _Job] = {}
        self._engines: dict[str, Engine] = {}
        for folder in launches(results):
            try:
                engine = folder.read().engine
                if engine not in self._engines:
                    self._engines[engine] = find_engine(engine)(Asked())
                jobs = folder.jobs()
            except GanBenchError as error:
                self.left_out.append(str(error))
                continue
            for one in jobs:
                self._of_run[one.run_id] = _Job(engine, one.job, one.index, folder)
        self._over: set[str] = set()

    def look(self) -> dict[str, JobView]:
        """Return the job of each run, with one question to each scheduler."""
        asked: dict[str, list[str]] = defaultdict(list)
        for run_id, one in self._of_run.items():
            if run_id not in self._over:
                asked[one.engine].append(one.job)
        answers: dict[str, Answer] = dict.fromkeys(self._engines, "yes")
        states: dict[str, dict[str, JobState]] = {}
        for name, jobs in asked.items():
            try:
                found = self._engines[name].states(jobs)
            except UsageError:
                answers[name] = "never"
            else:
                answers[name] = "yes" if found is not None else "not now"
                states[name] = found or {}
        views = {}
        for run_id, one in self._of_run.items():
            over = run_id in self._over
            standing = None if over else states.get(one.engine, {}).get(one.job)
            answer = "yes" if over else answers[one.engine]
            if answer == "yes" and standing is None:
                self._over.add(run_id)
            # What is over was not necessarily cancelled; what never began then was.
            cancelled = standing is None and one.folder.cancelled.exists()
            problem = one.folder.problem(one.index)
            views[run_id] = JobView(one.job, standing, cancelled, problem, answer)
        return views

    def cancel(self) -> int:
        """Cancel all jobs that are not over; return how many these were.

        Raises
        ------
        UsageError
            A scheduler does not answer, or does not let this user.
        """
        of_engine: dict[str, list[_Job]] = defaultdict(list)
        for one in self._of_run.values():
            of_engine[one.engine].append(one)
        live = {}
        for name, jobs in of_engine.items():
            states = self._engines[name].states([one.job for one in jobs])
            if states is None:
                raise UsageError(
                    f"The scheduler {name} does not answer now; nothing was cancelled. Try again."
                )
            live[name] = [one for one in jobs if one.job in states]
        for name, jobs in live.items():
            for folder in {one.folder for one in jobs}:
                folder.cancelled.touch()
            self._engines[name].cancel([one.job for one in jobs])
        return sum(map(len, live.values()))


EVERY_S = 2.0
_SHARE = 10
"""Looking takes at most this part of the time, however many runs there are."""
_LATE_S = 30.0
"""A shared file system may show a job's last files a little after the job has gone."""


def follow(
    scan: Scan, jobs: Jobs, run_ids: Collection[str] | None = None
) -> Iterator[list[RunStatus]]:
    """Yield where runs stand, again and again, the last time when none is under way any more.

    Parameters
    ----------
    scan, jobs
        The runs of a results folder and its jobs; their ``left_out`` says what cannot be read.
    run_ids
        The runs to follow; None: all of its plans.
    """
    gone: dict[str, float] = {}
    while True:
        started = time.monotonic()
        views = jobs.look()
        rows = [row for row in scan.look(views) if run_ids is None or row.run_id in run_ids]
        for row in rows:
            view = views.get(row.run_id)
            if view is not None and view.answer == "yes" and view.standing is None:
                gone.setdefault(row.run_id, started)
        over = not any(_under_way(row, views.get(row.run_id), gone) for row in rows)
        yield rows
        if over:
            return
        took = time.monotonic() - started
        time.sleep(max(EVERY_S, _SHARE * took))


def _under_way(row: RunStatus, view: JobView | None, gone: dict[str, float]) -> bool:
    unfinished = row.status in ("pending", "running")
    if view is None or view.answer == "never":
        return row.status == "running"
    if view.answer == "not now":
        return unfinished
    if view.standing is not None:
        return True
    return unfinished and time.monotonic() - gone[row.run_id] < _LATE_S
