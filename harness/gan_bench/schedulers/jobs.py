"""The scheduler's jobs of a results folder: which run is which, and how they stand."""

from collections import defaultdict
from dataclasses import dataclass

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.launch.status import Answer, JobState, JobView
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
