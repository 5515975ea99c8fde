"""Where every planned run stands; ``pending`` and ``running`` are derived from its files."""

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


class JobState(NamedTuple):
    """How a job stands that is not over."""

    state: Literal["waiting", "running"]
    why: str = ""
    """What it waits for, in the scheduler's word."""


Answer = Literal["yes", "not now", "never"]


@dataclass(frozen=True)
class JobView:
    """One run's job."""

    job: str
    standing: JobState | None
    """None: it is over, or its scheduler does not answer."""
    cancelled: bool
    problem: Path
    """In which the job says why it could not try the run, if so."""
    answer: Answer = "yes"
    """Whether its scheduler answers here."""

    @property
    def ended(self) -> str:
        """Say how it went without a record."""
        if self.cancelled:
            return f"job {self.job} was cancelled"
        if self.answer == "never":
            return f"of job {self.job} nothing is known here"
        try:
            return f"job {self.job}: {self.problem.read_text(encoding='utf-8').rstrip('.')}"
        except OSError:
            return f"job {self.job} ended without a record"


_SILENT_S = 5 * HEARTBEAT_S
"""A worker that has said nothing for so long is not running any more."""
_TAIL_BYTES = 8192
"""The latest events of a journal; each is shorter than a few hundred bytes."""


@dataclass(frozen=True)
class RunStatus:
    """One row of ``gan-bench status``."""

    run_id: str
    status: str
    step: int
    steps: int
    detail: str


class Scan:
    """Looks at the files of all planned runs, as often as it is asked to.

    Each look lists the folder of runs once, and then opens only what may have changed: no record
    twice that was final, and no more than the end of a journal.
    """

    def __init__(self, results: ResultsFolder) -> None:
        """Read the plans; ``left_out`` gets a sentence for what cannot be read."""
        self._results = results
        planned, self.left_out = read_plans(results)
        self._steps = {run_id: run.spec.steps for run_id, run in planned.items()}
        self._heads: dict[str, RecordHead] = {}

    def look(self, jobs: Mapping[str, JobView] | None = None) -> list[RunStatus]:
        """Return where every run stands, in the order of the plans.

        Parameters
        ----------
        jobs
            The scheduler's job of each run that has one.
        """
        there = self._folders()
        for run_id in sorted(there - self._steps.keys()):
            head = self._head(run_id)  # of no plan, as where a folder was brought from elsewhere
            if head is not None:
                self._steps[run_id] = head.spec.steps
        return [
            self._row(run_id, steps, run_id in there, (jobs or {}).get(run_id))
            for run_id, steps in self._steps.items()
        ]

    def _folders(self) -> set[str]:
        try:
            with os.scandir(self._results.runs) as entries:
                return {entry.name for entry in entries}
        except FileNotFoundError:
            return set()

    def _row(self, run_id: str, steps: int, there: bool, job: JobView | None) -> RunStatus:
        standing = job.standing if job is not None else None
        head = self._head(run_id, changing=standing is not None) if there else None
        if head is not None and (job is None or standing is None or _is_of(head, job)):
            return RunStatus(run_id, head.status, head.steps_done, steps, head.reason or "")
        # The journal of a run that is to start over is of what it was.
        old = head is not None and head.status != "killed"
        journal = _Journal.read(self._results.run(run_id)) if there and not old else _Journal()
        if job is not None and standing is not None:
            return _with_job(run_id, steps, journal, job.job, standing)
        if job is not None and job.answer == "not now":
            detail = f"job {job.job}, whose scheduler does not answer now"
            return RunStatus(run_id, "pending", journal.step, steps, detail)
        if journal.silent_s is None:
            detail = f"{job.ended}; `gan-bench run` starts it again" if job else ""
            return RunStatus(run_id, "pending", 0, steps, detail)
        if journal.silent_s < _SILENT_S and not journal.ended:
            detail = f"attempt {journal.attempt}"
            return RunStatus(run_id, "running", journal.step, steps, detail)
        why = job.ended if job else "interrupted"
        detail = f"{why}; `gan-bench run` continues it"
        return RunStatus(run_id, "pending", journal.step, steps, detail)

    def _head(self, run_id: str, *, changing: bool = False) -> RecordHead | None:
        known = self._heads.get(run_id)
        if known is not None and known.status != "killed" and not changing:
            return known
        path = self._results.run(run_id).record
        with contextlib.suppress(OSError):
            # Or a network's file system may not look for what is new.
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
    """What the end of a journal says."""

    step: int = 0
    silent_s: float | None = None
    """Since the last event; None: there is none."""
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
    """Tell whether a record is the last word of a job that is not over."""
    written = head.circumstances.job
    return head.status != "killed" and written is not None and written.job == job.job


def _with_job(
    run_id: str, steps: int, journal: _Journal, job: str, standing: JobState
) -> RunStatus:
    if standing.state == "running":
        detail = f"job {job}, attempt {journal.attempt}" if journal.attempt else f"job {job} starts"
        return RunStatus(run_id, "running", journal.step, steps, detail)
    what = "waits to continue" if journal.attempt else "waits"
    what += f" ({standing.why})" if standing.why else ""
    return RunStatus(run_id, "pending", journal.step, steps, f"job {job} {what}")


def _tail(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            return file.read(_TAIL_BYTES).split(b"\n")
    except OSError:
        return []
