"""The files of what was submitted to a scheduler: ``results/.../jobs/<launch>/``.

``launch.json`` says how runs are run, ``tasks.jsonl`` has each task's specification, ``jobs.jsonl``
each task's job, ``attempts/`` when each task started. They are the only channel between whoever
submits, the tasks, and whoever looks.
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
from gan_bench.plan.spec import RunSpec
from gan_bench.results.layout import ResultsFolder
from gan_bench.system.files import read_limited
from gan_bench.system.models import Frozen, Stored

_LONGEST_LINE_BYTES = 1 << 20
Line = TypeVar("Line", bound=Frozen)


class Submission(Stored):
    """What is alike for all tasks that one command submitted."""

    KIND: ClassVar[str] = "submission"
    REMEDY: ClassVar[str] = "use the scheduler's own commands for its jobs"

    schema_version: Literal[1] = 1
    id: str
    engine: str
    created_at: str
    plan_id: str
    options: Options
    retries: int
    """How many attempts in a row may come no further."""


class Submitted(Frozen):
    """One task's job."""

    run_id: str
    index: int
    job: str


class Start(Frozen):
    """One attempt of a task."""

    time: str
    host: str
    step: int
    """The last checkpoint's, 0 where there is none."""


def new_id() -> str:
    """Return a launch's id; later ones sort after earlier ones."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class LaunchFolder:
    """The files of one launch."""

    path: Path

    @property
    def cancelled(self) -> Path:
        """Is there once the launch was cancelled: what starts later ends at once."""
        return self.path / "cancelled"

    @property
    def _launch(self) -> Path:
        return self.path / "launch.json"

    @property
    def _tasks(self) -> Path:
        return self.path / "tasks.jsonl"

    @property
    def _jobs(self) -> Path:
        return self.path / "jobs.jsonl"

    def create(self, launch: Submission, specs: Sequence[RunSpec]) -> list[int]:
        """Write all that tasks need; return where each task's specification begins, in bytes."""
        self.path.mkdir(parents=True)
        places = []
        with self._tasks.open("wb") as file:
            for spec in specs:
                places.append(file.tell())
                file.write(spec.model_dump_json().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        launch.write(self._launch)
        return places

    def read(self) -> Submission:
        """Read how its runs are run.

        Raises
        ------
        GanBenchError
            It is not there, damaged, or another version's.
        """
        return Submission.read(self._launch)

    def spec(self, place: int) -> RunSpec:
        """Read the specification that begins at a byte of ``tasks.jsonl``.

        Raises
        ------
        GanBenchError
            There is none.
        """
        try:
            with self._tasks.open("rb") as file:
                file.seek(place)
                return RunSpec.parse(file.readline(_LONGEST_LINE_BYTES))
        except (OSError, ValueError) as error:
            raise GanBenchError(f"{self._tasks} has no task at byte {place}.") from error

    def note_jobs(self, jobs: Sequence[Submitted]) -> None:
        """Note which job each task has become."""
        with self._jobs.open("ab") as file:
            file.write(b"".join(job.model_dump_json().encode() + b"\n" for job in jobs))
            file.flush()
            os.fsync(file.fileno())

    def jobs(self) -> list[Submitted]:
        """Return the jobs; lines that are cut short or damaged are passed over.

        Raises
        ------
        GanBenchError
            The file cannot be read.
        """
        return list(_lines(self._jobs, Submitted))

    def problem(self, index: int) -> Path:
        """Return the file in which a task says why it could not be tried."""
        return self.path / "problems" / f"{index}.txt"

    def note_problem(self, index: int, sentence: str) -> None:
        """Note why a task could not be tried."""
        path = self.problem(index)
        path.parent.mkdir(exist_ok=True)
        path.write_text(sentence, encoding="utf-8")

    def started_over(self, index: int) -> Path:
        """Return the file that is there once a task of ``--force`` has removed what there was."""
        return self.path / "attempts" / f"{index}.over"

    def note_start(self, index: int, start: Start) -> list[Start]:
        """Note an attempt of a task; return those before it.

        Why an earlier one could not be tried is forgotten: it does not hold of this one.
        """
        self.problem(index).unlink(missing_ok=True)
        path = self.path / "attempts" / f"{index}.jsonl"
        path.parent.mkdir(exist_ok=True)
        earlier = list(_lines(path, Start))
        with path.open("ab") as file:
            # A line cut short by an earlier kill must not swallow this one.
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


def launches(results: ResultsFolder) -> list[LaunchFolder]:
    """Return the launches of a results folder, the latest last."""
    return [LaunchFolder(path.parent) for path in sorted(results.jobs.glob("*/launch.json"))]
