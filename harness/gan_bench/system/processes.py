"""Processes: groups of them, dying with the parent, and the kernel's OOM killer."""

import contextlib
import ctypes
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import psutil

from gan_bench.system.environment import RUN_MARK

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


def end_with_parent(run: Path | None = None) -> None:
    """End this process group when the parent's end of stdin, a pipe, closes.

    Does nothing where stdin is no pipe: then a person started the process by hand.

    Parameters
    ----------
    run
        The folder of the run that this process trains: all that carries its mark is ended, too.
    """
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1):
                pass
        if run is not None:
            from gan_bench.system.processes import end, left_behind

            with contextlib.suppress(Exception):
                end(left_behind(run))
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


_CGROUPS = Path("/sys/fs/cgroup")


class OomWatch:
    """Notices what the kernel's out-of-memory killer does from now on."""

    def __init__(self) -> None:
        self._counters = {path: _count(path) for path in _counters()}

    def happened(self) -> str | None:
        """Return a sentence where it has killed something since, None where it has not."""
        for path, before in self._counters.items():
            now = _count(path)
            if before is not None and now is not None and now > before:
                where = "this machine" if path.name == "vmstat" else "the memory limit's group"
                return f"the kernel's out-of-memory killer ended the worker (it counted in {where})"
        return None


def _counters() -> list[Path]:
    """Return the files that count its kills: of this process's group, or of the machine."""
    found = []
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found.append(_CGROUPS / path.lstrip("/") / "memory.events")
        elif "memory" in controllers.split(","):
            found.append(_CGROUPS / "memory" / path.lstrip("/") / "memory.oom_control")
    found = [path for path in found if _count(path) is not None]
    # In a group of its own, what others on the machine do is no evidence.
    return found or [Path("/proc/vmstat")]


def _count(path: Path) -> int | None:
    """Return the number on the line ``oom_kill``, None where there is none."""
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    except (OSError, ValueError):
        pass
    return None
