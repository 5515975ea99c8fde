"""Follows submitted runs by their files, until none is left to wait for."""

import time
from collections.abc import Collection, Iterator

from gan_bench.launch.status import JobView, RunStatus, Scan
from gan_bench.results.status import UNFINISHED
from gan_bench.schedulers.jobs import Jobs

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
            if view is not None and view.answer == "yes" and view.state is None:
                gone.setdefault(row.run_id, started)
        over = not any(_under_way(row, views.get(row.run_id), gone) for row in rows)
        yield rows
        if over:
            return
        took = time.monotonic() - started
        time.sleep(max(EVERY_S, _SHARE * took))


def _under_way(row: RunStatus, view: JobView | None, gone: dict[str, float]) -> bool:
    unfinished = row.status in UNFINISHED
    if view is None or view.answer == "never":
        return row.status == "running"
    if view.answer == "not now":
        return unfinished
    if view.state is not None:
        return True
    return unfinished and time.monotonic() - gone[row.run_id] < _LATE_S
