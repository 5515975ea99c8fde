"""Where runs go that do not run here: what a scheduler is to gan-bench, and how one is found.

Third parties bring their own by an entry point in the group ``gan_bench.executors``; there is one
that works in docs/clusters.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from gan_bench.errors import UsageError
from gan_bench.launch.status import JobState
from gan_bench.plan.spec import Place
from gan_bench.text import did_you_mean

GROUP = "gan_bench.executors"
LOCAL = "local"
JOB_VARIABLE = "GAN_BENCH_JOB"
"""In which an engine tells a task which job it is: a `gan_bench.results.record.Job` as JSON."""
TETHER_VARIABLE = "GAN_BENCH_TETHERED"
"""Set by an engine that holds the other end of a task's stdin: the task ends when that closes."""
AGAIN_EXIT_CODE = 75
"""A task was asked to end before its run was finished: the same task continues it (EX_TEMPFAIL)."""


@dataclass(frozen=True)
class Task:
    """One run, to be run on some machine."""

    index: int
    """In its launch."""
    run_id: str
    implementation: str
    argv: tuple[str, ...]
    """Runs it on any machine that sees the results folder and this interpreter.

    It exits with 0 if the run is ok, 1 if the row is not, 2 where the run could not be tried, and
    `AGAIN_EXIT_CODE` where a signal (SIGTERM, SIGINT, SIGHUP, SIGUSR2) ended it after a checkpoint.
    """


@dataclass(frozen=True)
class Asked:
    """What a user asks an engine for: a table of the plan file's, and what was typed."""

    common: Mapping[str, Any] = field(default_factory=dict)
    by_implementation: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """``[slurm.keras-enhanced]`` in a plan file."""
    device: str = "auto"
    threads: int | None = None
    """Of each run, where the user named a number."""


class Engine(Protocol):
    """A scheduler, told what to ask it for."""

    def __init__(self, asked: Asked) -> None:
        """Read what is asked for; raise `UsageError` where that makes no sense."""

    def place(self) -> Place:
        """Return the device and the threads that every run will have."""

    def parameters(self, implementation: str) -> tuple[str, ...]:
        """Return exactly what the scheduler is asked for, one parameter a line, for readers."""

    def check(self, implementations: Sequence[str], folder: Path) -> None:
        """Raise `UsageError` for what can be known before anything is submitted."""

    def submit(
        self, tasks: Sequence[Task], folder: Path, *, retries: int, max_parallel: int | None
    ) -> Iterator[dict[int, str]]:
        """Submit tasks, all at a time or in parts; yield each part's jobs by the task's index.

        Parameters
        ----------
        tasks
            What to run.
        folder
            The launch's own folder, for the scheduler's logs; on the file system that all share.
        retries
            How often a job that was killed, with its machine perhaps, is to start again.
        max_parallel
            How many may run at once, None for as many as there is room for.
        """

    def states(self, jobs: Sequence[str]) -> dict[str, JobState] | None:
        """Return the states of those jobs that are not over, None where it cannot be known now.

        Raise `UsageError` where it never can be on this machine.
        """

    def cancel(self, jobs: Sequence[str]) -> None:
        """End jobs, whether they run or wait; those that are over are no error."""


@cache
def engines() -> dict[str, metadata.EntryPoint]:
    """Return the installed engines by name; none is imported."""
    return {point.name: point for point in metadata.entry_points(group=GROUP)}


def find_engine(name: str) -> type[Engine]:
    """Return an engine's class.

    Raises
    ------
    UsageError
        There is none of that name, or it cannot be imported.
    """
    known = [LOCAL, *engines()]
    if name not in engines():
        raise UsageError(f"There is no executor {name!r}; {did_you_mean(name, known)}")
    try:
        found: type[Engine] = engines()[name].load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"The executor {name} cannot be imported: {error}.") from error
    return found


def split(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    """Part a plan file's table of an engine into what all runs get and what implementations do."""
    own: dict[str, Mapping[str, Any]] = {
        name: table for name, table in values.items() if isinstance(table, dict)
    }
    return {name: value for name, value in values.items() if name not in own}, own
