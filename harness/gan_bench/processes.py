"""The processes of a run: its worker's group, what that left behind, and how all of it is ended."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

from gan_bench.environment import RUN_MARK

_PR_SET_CHILD_SUBREAPER = 36
_END_S = 10.0
"""How long a killed process may take to be gone, in a driver's hands perhaps."""


def become_subreaper() -> None:
    """Let orphans of a worker become this process's children, so that none outlives its run."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> set[psutil.Process]:
    """Return all that descend from this process."""
    return set(psutil.Process().children(recursive=True))


def signal_group(process: subprocess.Popen[bytes], signum: int) -> None:
    """Send a signal to a child's process group, if there is still one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signum)


def end_group(process: subprocess.Popen[bytes], earlier: set[psutil.Process]) -> None:
    """Kill what is left of a worker's process group and of the orphans that it left behind.

    Parameters
    ----------
    process
        The worker, the leader of its group.
    earlier
        The descendants of this process from before the worker; they are left alone.
    """
    signal_group(process, signal.SIGKILL)
    process.wait()
    # As subreaper, this process has become the parent of those that left the group.
    end(descendants() - earlier)


def left_behind(run: Path) -> list[psutil.Process]:
    """Return the processes of a run's folder that live, this one excepted; see `by_run`."""
    return by_run().get(run.resolve(), [])


def by_run() -> dict[Path, list[psutil.Process]]:
    """Return the living processes of all runs by the run's folder, this process excepted.

    They carry its mark in their environment, which outlives the worker and its supervisor. Those
    of other users, whose environment this process may not read, are not found.
    """
    found: dict[Path, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            mark = process.environ().get(RUN_MARK)
            if mark is not None and process.pid != os.getpid():
                found.setdefault(Path(mark), []).append(process)
    return found


def end(processes: Iterable[psutil.Process]) -> None:
    """Kill processes and wait until they are gone."""
    ended = list(processes)
    for process in ended:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.kill()
    psutil.wait_procs(ended, timeout=_END_S)
