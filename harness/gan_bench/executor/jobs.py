"""The scheduler's jobs of a results folder: which run is which, and how they stand."""

from collections import defaultdict
from dataclasses import dataclass

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.executor.engine import Asked, Engine, Standing, find_engine
from gan_bench.executor.launches import LaunchFolder, launches
from gan_bench.folders import ResultsFolder


@dataclass(frozen=True)
class JobView:
    """One run's job."""

    job: str
    standing: Standing | None
    """None: it is over, or its scheduler does not answer."""
    cancelled: bool
    known: bool = True
    """Whether the scheduler answers."""

    @property
    def ended(self) -> str:
        """Say how it went without a record."""
        if self.cancelled:
            return f"job {self.job} was cancelled"
        if not self.known:
            return f"of job {self.job} nothing is known here"
        return f"job {self.job} ended without a record"


class Jobs:
    """The latest job of each run that was ever submitted."""

    def __init__(self, results: ResultsFolder) -> None:
        """Read what was submitted; ``left_out`` gets a sentence for what cannot be read."""
        self.left_out: list[str] = []
        self._of_run: dict[str, tuple[str, str, LaunchFolder]] = {}
        self._engines: dict[str, Engine] = {}
        for folder in launches(results):
            try:
                engine = folder.read().engine
                if engine not in self._engines:
                    self._engines[engine] = find_engine(engine)(Asked())
            except GanBenchError as error:
                self.left_out.append(str(error))
                continue
            for one in folder.jobs():
                self._of_run[one.run_id] = (engine, one.job, folder)
        self._over: set[str] = set()

    def look(self) -> dict[str, JobView]:
        """Return the job of each run, with one question to each scheduler."""
        asked: dict[str, list[str]] = defaultdict(list)
        for run_id, (engine, job, _) in self._of_run.items():
            if run_id not in self._over:
                asked[engine].append(job)
        states = {name: self._engines[name].states(jobs) for name, jobs in asked.items()}
        found = {}
        for run_id, (engine, job, folder) in self._of_run.items():
            answer = states.get(engine, {})
            standing = answer.get(job) if answer is not None else None
            if answer is not None and standing is None:
                self._over.add(run_id)
            # What is over was not necessarily cancelled; what never began then was.
            cancelled = standing is None and folder.cancelled.exists()
            found[run_id] = JobView(job, standing, cancelled, known=answer is not None)
        return found

    def cancel(self) -> int:
        """Cancel all jobs that are not over; return how many these were.

        Raises
        ------
        UsageError
            A scheduler does not answer, or does not let this user.
        """
        live: dict[str, list[str]] = defaultdict(list)
        folders: dict[str, set[LaunchFolder]] = defaultdict(set)
        for name, job, folder in self._of_run.values():
            live[name].append(job)
            folders[name].add(folder)
        count = 0
        for name, engine in self._engines.items():
            states = engine.states(live[name])
            if states is None:
                raise UsageError(
                    f"The scheduler {name} does not answer on this machine; nothing was cancelled."
                )
            for folder in folders[name]:
                if any(job.job in states for job in folder.jobs()):
                    folder.cancelled.touch()
            engine.cancel(list(states))
            count += len(states)
        return count
