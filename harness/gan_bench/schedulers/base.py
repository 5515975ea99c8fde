"""The interface of schedulers; finds the installed ones.

Other packages add schedulers by an entry point in the group ``gan_bench.executors``;
docs/clusters.md has a working example.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from gan_bench.errors import UsageError
from gan_bench.launch.status import JobState
from gan_bench.plan import Place
from gan_bench.system.packages import entry_points
from gan_bench.text import did_you_mean

GROUP = "gan_bench.executors"
LOCAL = "local"
JOB_VARIABLE = "GAN_BENCH_JOB"
"""Environment variable with the job of a task: a `gan_bench.results.record.Job` as JSON."""
TETHER_VARIABLE = "GAN_BENCH_TETHERED"
"""Environment variable; if set, the task ends when the scheduler closes the task's stdin."""
AGAIN_EXIT_CODE = 75
"""EX_TEMPFAIL: a signal ended the task before its run finished; the same task continues it."""


@dataclass(frozen=True)
class Task:
    """One run to submit."""

    index: int
    """Position in its submission."""
    run_id: str
    implementation: str
    argv: tuple[str, ...]
    """Command for any machine that has access to the results folder and this interpreter.

    It exits with 0 if the run succeeded, 1 if it failed, 2 if it could not start, and with
    `AGAIN_EXIT_CODE` if a signal (SIGTERM, SIGINT, SIGHUP, SIGUSR2) ended it after a checkpoint.
    """


@dataclass(frozen=True)
class SchedulerOptions:
    """Options of a user: the scheduler's table in the plan file, and the command line."""

    common: Mapping[str, Any] = field(default_factory=dict)
    by_implementation: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Options of single implementations: ``[slurm.keras-enhanced]`` in a plan file."""
    device: str = "auto"
    threads: int | None = None
    """Number of threads of each run; None: the scheduler decides."""


class Scheduler(Protocol):
    """A scheduler with the options for its jobs."""

    def __init__(self, options: SchedulerOptions) -> None:
        """Validate the options; raise `UsageError` if one is invalid."""

    def place(self) -> Place:
        """Return the device and the number of threads of every run."""

    def parameters(self, implementation: str) -> tuple[str, ...]:
        """Return the exact parameters of an implementation's jobs, for users to read."""

    def check(self, implementations: Sequence[str], folder: Path) -> None:
        """Raise `UsageError` if the scheduler would refuse the jobs or never start them."""

    def submit(
        self, tasks: Sequence[Task], folder: Path, *, retries: int, max_parallel: int | None
    ) -> Iterator[dict[int, str]]:
        """Submit tasks, all at once or in parts; yield each part's jobs by task index.

        Parameters
        ----------
        tasks
            The tasks.
        folder
            The submission's own folder on the shared file system, for the scheduler's logs.
        retries
            Maximum number of restarts of a job that was killed.
        max_parallel
            Maximum number of jobs that run at once; None: no limit.
        """

    def states(self, jobs: Sequence[str]) -> dict[str, JobState] | None:
        """Return the states of unfinished jobs; None if the scheduler does not answer now.

        Raise `UsageError` if this machine cannot reach the scheduler at all.
        """

    def cancel(self, jobs: Sequence[str]) -> None:
        """Cancel running and waiting jobs; ignore finished ones."""


@cache
def schedulers() -> dict[str, metadata.EntryPoint]:
    """Return the installed schedulers by name, without importing them."""
    return {point.name: point for point in entry_points(GROUP)}


def find_scheduler(name: str) -> type[Scheduler]:
    """Return a scheduler's class.

    Raises
    ------
    UsageError
        The name is unknown, or the class cannot be imported.
    """
    known = [LOCAL, *schedulers()]
    if name not in schedulers():
        raise UsageError(f"There is no executor {name!r}; {did_you_mean(name, known)}")
    try:
        scheduler: type[Scheduler] = schedulers()[name].load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"The executor {name} cannot be imported: {error}.") from error
    return scheduler


def split(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    """Split a scheduler's table into options of all runs and options by implementation."""
    own: dict[str, Mapping[str, Any]] = {
        name: table for name, table in values.items() if isinstance(table, dict)
    }
    return {name: value for name, value in values.items() if name not in own}, own
