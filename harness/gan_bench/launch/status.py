"""The status of every planned run; ``pending`` and ``running`` are derived from its files."""

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from gan_bench.errors import MissingFile, UnreadableFile
from gan_bench.results.events import HEARTBEAT_S, parse_event
from gan_bench.results.layout import ResultsFolder, RunFolder
from gan_bench.results.record import RecordHead, read_plans
from gan_bench.results.scores import ScoresHead, why_not_scored
from gan_bench.results.status import NOT_SCORED


class JobState(NamedTuple):
    """The state of a job that has not ended."""

    state: Literal["waiting", "running"]
    why: str = ""
    """The scheduler's reason for waiting."""


Answer = Literal["yes", "not now", "never"]


@dataclass(frozen=True)
class JobView:
    """One run's job."""

    job: str
    state: JobState | None
    """None if it has ended or its scheduler does not answer."""
    cancelled: bool
    problem: Path
    """File in which the job writes why it could not start the run."""
    answer: Answer = "yes"
    """Whether its scheduler answers on this machine."""

    @property
    def ended(self) -> str:
        """How the job ended, if it left no record."""
        if self.cancelled:
            return f"job {self.job} was cancelled"
        if self.answer == "never":
            return f"job {self.job}: unknown on this machine"
        try:
            return f"job {self.job}: {self.problem.read_text(encoding='utf-8').rstrip('.')}"
        except OSError:
            return f"job {self.job} ended without a record"


OWN_LOOP_GOES_ON = "its own script goes on from a checkpoint with resume_from=, or starts over"
_SILENT_S = 5 * HEARTBEAT_S
"""A worker without a heartbeat for this long is not running any more."""
_TAIL_BYTES = 8192
"""Number of bytes at the end of a journal that are read for the latest events."""


@dataclass(frozen=True)
class RunStatus:
    """One row of ``gan-bench status``."""

    run_id: str
    status: str
    step: int
    steps: int
    detail: str


class Scan:
    """Reads the status of all planned runs from their files, repeatedly.

    Each call of `statuses` lists the folder of runs once, and opens only files that may have
    changed. It reads a final record once, and only the end of a journal.
    """

    def __init__(self, results: ResultsFolder) -> None:
        """Read the plans; ``left_out`` has a sentence for each file that cannot be read."""
        self._results = results
        planned, self.left_out = read_plans(results)
        self._steps = {run_id: run.spec.steps for run_id, run in planned.items()}
        self._own = {run_id for run_id, run in planned.items() if run.spec.own_loop}
        self._heads: dict[str, RecordHead] = {}
        self._scored: set[str] = set()

    def statuses(self, jobs: Mapping[str, JobView] | None = None) -> list[RunStatus]:
        """Return the status of every run, in the order of the plans."""
        folders = self._folders()
        for run_id in sorted(folders - self._steps.keys()):
            head = self._head(run_id)  # a run without a plan, such as a copied folder
            if head is not None:
                self._steps[run_id] = head.spec.steps
        return [
            self._row(run_id, steps, run_id in folders, (jobs or {}).get(run_id))
            for run_id, steps in self._steps.items()
        ]

    def _folders(self) -> set[str]:
        try:
            with os.scandir(self._results.runs) as entries:
                return {entry.name for entry in entries}
        except FileNotFoundError:
            return set()

    def _row(self, run_id: str, steps: int, has_folder: bool, job: JobView | None) -> RunStatus:
        job_state = job.state if job is not None else None
        head = self._head(run_id, changing=job_state is not None) if has_folder else None
        if head is not None and (job is None or job_state is None or _is_of(head, job)):
            problem = self._why_not_scored(run_id) if head.status == "ok" else None
            if problem is None:
                return RunStatus(run_id, head.status, head.steps_done, steps, head.reason or "")
            if job_state is not None:
                scoring = f"job {job.job} scores it" if job is not None else ""
                return RunStatus(run_id, "running", head.steps_done, steps, scoring)
            return RunStatus(run_id, NOT_SCORED, head.steps_done, steps, problem)
        # The journal of a run that starts over describes the earlier attempt.
        starts_over = head is not None and head.status != "killed"
        journal = _Journal()
        if has_folder and not starts_over:
            journal = _Journal.read(self._results.run(run_id))
        status, detail = _without_record(journal, job)
        if run_id in self._own and status == "pending" and detail:
            detail = f"interrupted; {OWN_LOOP_GOES_ON}"
        return RunStatus(run_id, status, journal.step, steps, detail)

    def _why_not_scored(self, run_id: str) -> str | None:
        if run_id in self._scored:
            return None
        files, _ = ScoresHead.read_all(self._results.run(run_id).scores.glob("*.json"))
        problem = why_not_scored(files)
        if problem is None:
            self._scored.add(run_id)
        return None if problem is None else self._results.relative(problem)

    def _head(self, run_id: str, *, changing: bool = False) -> RecordHead | None:
        known = self._heads.get(run_id)
        if known is not None and known.status != "killed" and not changing:
            return known
        path = self._results.run(run_id).record
        with contextlib.suppress(OSError):
            # Makes a network file system look for new files.
            list(path.parent.iterdir())
        try:
            head = RecordHead.read(path)
        except MissingFile:
            self._heads.pop(run_id, None)
            return None
        except UnreadableFile as error:
            self._leave_out(str(error))
            return None
        if head.run_id != run_id:
            self._leave_out(f"{path} is the record of {head.run_id}; it is not shown.")
            return None
        self._heads[run_id] = head
        return head

    def _leave_out(self, sentence: str) -> None:
        if sentence not in self.left_out:
            self.left_out.append(sentence)


@dataclass(frozen=True)
class _Journal:
    """The end of a worker's journal."""

    step: int = 0
    silent_s: float | None = None
    """Seconds since the last event; None without events."""
    ended: bool = False
    attempt: int = 0

    @classmethod
    def read(cls, folder: RunFolder) -> "_Journal":
        events = [event for line in _tail(folder.events) if (event := parse_event(line))]
        if not events:
            return cls()
        return cls(
            step=next((event["step"] for event in reversed(events) if "step" in event), 0),
            silent_s=time.time() - max(event["time"] for event in events),
            ended=events[-1]["event"] in ("done", "failed", "stopped"),
            attempt=events[-1]["attempt"],
        )


def _is_of(head: RecordHead, job: JobView) -> bool:
    """Return whether a job that has not ended has already written its final record."""
    written = head.circumstances.job
    return head.status != "killed" and written is not None and written.job == job.job


def _without_record(
    journal: _Journal, job: JobView | None
) -> tuple[Literal["running", "pending"], str]:
    """Return the status and detail of a run that has no record, or an old one."""
    if job is not None and job.state is not None:
        return _with_job(journal, job.job, job.state)
    if job is not None and job.answer == "not now":
        return "pending", f"job {job.job}, whose scheduler does not answer now"
    if journal.silent_s is None:
        return "pending", f"{job.ended}; `gan-bench run` starts it again" if job else ""
    if journal.silent_s < _SILENT_S and not journal.ended:
        return "running", f"attempt {journal.attempt}"
    return "pending", f"{job.ended if job else 'interrupted'}; `gan-bench run` resumes it"


def _with_job(
    journal: _Journal, job: str, job_state: JobState
) -> tuple[Literal["running", "pending"], str]:
    """Return the status and detail of a run whose job waits or runs."""
    if job_state.state == "running":
        attempt = f"job {job}, attempt {journal.attempt}"
        return "running", attempt if journal.attempt else f"job {job} starts"
    waits = "waits to resume" if journal.attempt else "waits"
    why = f" ({job_state.why})" if job_state.why else ""
    return "pending", f"job {job} {waits}{why}"


def _tail(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            return file.read(_TAIL_BYTES).split(b"\n")
    except OSError:
        return []
