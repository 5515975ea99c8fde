"""Where every planned run stands; ``pending`` and ``running`` are derived from its files."""

import time
from dataclasses import dataclass

from gan_bench.events import HEARTBEAT_S, read_events
from gan_bench.folders import RunFolder
from gan_bench.results import Results

_SILENT_S = 5 * HEARTBEAT_S
"""A worker that has said nothing for so long is not running any more."""


@dataclass(frozen=True)
class RunStatus:
    """One row of ``gan-bench status``."""

    run_id: str
    status: str
    step: int
    steps: int
    detail: str


def _unfinished(folder: RunFolder) -> tuple[str, int, str]:
    events = read_events(folder.events)
    if not events:
        return "pending", 0, ""
    step = max((event["step"] for event in events if event.get("step") is not None), default=0)
    silent_s = time.time() - max(event["time"] for event in events)
    if silent_s < _SILENT_S and events[-1]["event"] not in ("done", "failed", "stopped"):
        return "running", step, f"attempt {events[-1]['attempt']}"
    return "pending", step, "interrupted; `gan-bench run` continues it"


def statuses(results: Results, folders: dict[str, RunFolder]) -> list[RunStatus]:
    """Return the status of every planned run.

    Parameters
    ----------
    results
        The frames of a results folder.
    folders
        The run folders by run id.
    """
    rows = []
    for row in results.runs.to_dict("records"):
        run_id, steps = str(row["run_id"]), int(row["steps"])
        record = results.records.get(run_id)
        if record is not None:
            rows.append(
                RunStatus(run_id, record.status, record.steps_done, steps, record.reason or "")
            )
        else:
            status, step, detail = _unfinished(folders[run_id])
            rows.append(RunStatus(run_id, status, step, steps, detail))
    return rows
