"""The files of one submission to a scheduler, in ``results/.../jobs/<submission>/``.

``launch.json`` has the options of the submitting command, ``tasks.jsonl`` the run specification of
each task, ``jobs.jsonl`` the job of each task, and ``attempts/`` the starts of each task. The
submitting command, the tasks and ``status`` communicate only through these files.
"""

import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Literal, TypeVar

from gan_bench.errors import GanBenchError
from gan_bench.launch.run_one import Options
from gan_bench.plan import RunSpec
from gan_bench.results.layout import ChildPath, Folder, ResultsFolder
from gan_bench.system.files import read_limited, write_atomically
from gan_bench.system.models import Frozen, Stored

_LONGEST_LINE_BYTES = 1 << 20
Line = TypeVar("Line", bound=Frozen)


class Submission(Stored):
    """Options of all tasks that one command submitted."""

    KIND: ClassVar[str] = "submission"
    REMEDY: ClassVar[str] = "use the scheduler's own commands for its jobs"

    schema_version: Literal[1] = 1
    id: str
    engine: str
    created_at: str
    plan_id: str
    options: Options
    retries: int
    """Maximum number of consecutive attempts without progress."""


class Submitted(Frozen):
    """The job of one task."""

    run_id: str
    index: int
    job: str


class Start(Frozen):
    """One attempt of a task."""

    time: str
    host: str
    step: int
    """Step of the last checkpoint; 0 if there is none."""


def new_id() -> str:
    """Return a new submission's id; later ids sort after earlier ones."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class SubmissionFolder(Folder):
    """The files of one submission."""

    cancelled = ChildPath("cancelled")
    """File that exists once the submission was cancelled; tasks that start later do nothing."""
    _options = ChildPath("launch.json")
    """The `Submission`."""
    _tasks = ChildPath("tasks.jsonl")
    """One `RunSpec` for each task."""
    _jobs = ChildPath("jobs.jsonl")
    """One `Submitted` for each job, once the scheduler has accepted it."""

    def create(self, submission: Submission, specs: Sequence[RunSpec]) -> list[int]:
        """Write the options and specifications; return each specification's byte offset."""
        self.path.mkdir(parents=True)
        offsets = []
        with self._tasks.open("wb") as file:
            for spec in specs:
                offsets.append(file.tell())
                file.write(spec.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        submission.write(self._options)
        return offsets

    def read(self) -> Submission:
        """Read the options of the submission.

        Raises
        ------
        GanBenchError
            The file is missing, damaged, or of another version.
        """
        return Submission.read(self._options)

    def spec(self, offset: int) -> RunSpec:
        """Read the specification at a byte offset of ``tasks.jsonl``.

        Raises
        ------
        GanBenchError
            There is none.
        """
        try:
            with self._tasks.open("rb") as file:
                file.seek(offset)
                return RunSpec.parse(file.readline(_LONGEST_LINE_BYTES))
        except (OSError, ValueError) as error:
            raise GanBenchError(f"{self._tasks} has no task at byte {offset}.") from error

    def note_jobs(self, jobs: Sequence[Submitted]) -> None:
        """Record the job of each task."""
        with self._jobs.open("ab") as file:
            file.write(b"".join(job.model_dump_json().encode() + b"\n" for job in jobs))
            file.flush()
            os.fsync(file.fileno())

    def jobs(self) -> list[Submitted]:
        """Return the jobs; skip truncated and damaged lines.

        Raises
        ------
        GanBenchError
            The file cannot be read.
        """
        return list(_lines(self._jobs, Submitted))

    def problem(self, index: int) -> Path:
        """Return the file with the reason why a task could not start."""
        return self.path / "problems" / f"{index}.txt"

    def note_problem(self, index: int, sentence: str) -> None:
        """Record why a task could not start."""
        path = self.problem(index)
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, sentence.encode())

    def started_over(self, index: int) -> Path:
        """Return the file that exists once a task has removed earlier results for ``--force``."""
        return self.path / "attempts" / f"{index}.over"

    def note_start(self, index: int, start: Start) -> list[Start]:
        """Record an attempt of a task, remove the problem of earlier ones, and return those."""
        self.problem(index).unlink(missing_ok=True)
        path = self.path / "attempts" / f"{index}.jsonl"
        path.parent.mkdir(exist_ok=True)
        earlier = list(_lines(path, Start))
        with path.open("ab") as file:
            # The newline separates this line from one that a kill truncated.
            file.write(b"\n" + start.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return earlier


def _lines(path: Path, kind: type[Line]) -> Iterator[Line]:
    try:
        content = read_limited(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise GanBenchError(f"{path} cannot be read: {error.strerror or error}.") from error
    for line in content.splitlines():
        try:
            yield kind.model_validate(json.loads(line))
        except (ValueError, RecursionError):
            continue


def submissions(results: ResultsFolder) -> list[SubmissionFolder]:
    """Return the submissions of a results folder, the latest last."""
    return [SubmissionFolder(path.parent) for path in sorted(results.jobs.glob("*/launch.json"))]
