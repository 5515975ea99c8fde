"""Locks on devices and runs; the kernel releases them when their process ends."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from filelock import FileLock, Timeout

from gan_bench.errors import UsageError
from gan_bench.system.devices import device_parts

RUN_LOCK_S = 2.0
"""How long to wait for a run's lock: longer than `status` takes to probe it."""
JOBS_RUN_LOCK_S = 180.0
"""How long a job waits: a shared file system may keep the lock of a dead machine."""


class Busy(UsageError):
    """Another gan-bench process holds the lock."""

    def __init__(self, sentence: str, holder: str) -> None:
        super().__init__(sentence.format(holder=holder))
        self.holder = holder


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']}, `{holder['command']}`"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


@contextlib.contextmanager
def _held(path: Path, command: str, *, wait_s: float, busy: str) -> Iterator[None]:
    """Hold a lock file; wait for it at most ``wait_s`` seconds, or forever if -1.

    ``busy`` is the error message, with a ``{holder}``, if another process holds it.
    """
    path.parent.mkdir(exist_ok=True)
    holder_file = path.with_suffix(".holder.json")
    # All users of the machine share the lock, so all may open the file.
    lock = FileLock(path, mode=0o666)
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise Busy(busy, _holder(holder_file)) from None
    except OSError as error:
        raise UsageError(f"The lock file {path} cannot be locked: {error.strerror}.") from error
    try:
        with contextlib.suppress(OSError):
            holder = {"pid": os.getpid(), "host": os.uname().nodename, "command": command}
            holder_file.write_text(json.dumps(holder), encoding="utf-8")
        yield
    finally:
        with contextlib.suppress(OSError):
            holder_file.unlink()
        lock.release()


@contextlib.contextmanager
def device_lock(device: str, command: str, *, wait: bool) -> Iterator[None]:
    """Hold the lock on a device of this machine.

    Raises
    ------
    Busy
        Another gan-bench process holds it and ``wait`` is false.
    """
    # The temporary folder is local; the home or results folder may be on a network.
    folder = Path(tempfile.gettempdir())
    busy = (
        f"The device {device} is in use by {{holder}}; wait for it with --wait, or use another "
        "with --device."
    )
    with contextlib.ExitStack() as held:
        # The same order in all processes prevents deadlocks.
        for part in device_parts(device):
            path = folder / f"gan-bench-{part}.lock"
            held.enter_context(_held(path, command, wait_s=-1 if wait else 0, busy=busy))
        yield


def run_lock(
    folder: Path, run_id: str, command: str, *, wait_s: float = RUN_LOCK_S
) -> AbstractContextManager[None]:
    """Hold the lock on a run; several devices or machines may share its results folder.

    Raises
    ------
    Busy
        Another gan-bench process holds it.
    """
    busy = f"The run {run_id} is in use by {{holder}}; wait until it ends, and try again."
    return _held(folder / f"{run_id}.lock", command, wait_s=wait_s, busy=busy)


def submission_lock(folder: Path, command: str) -> AbstractContextManager[None]:
    """Let only one command at a time submit jobs: two would submit the same runs.

    Raises
    ------
    Busy
        Another gan-bench process is submitting jobs.
    """
    busy = "Jobs of this results folder are being submitted by {holder}; try again later."
    return _held(folder / "submission.lock", command, wait_s=RUN_LOCK_S, busy=busy)


def study_lock(folder: Path, study_id: str, command: str) -> AbstractContextManager[None]:
    """Let only one command at a time draw and train the trials of a study.

    Raises
    ------
    Busy
        Another gan-bench process does so.
    """
    busy = f"The study {study_id} is in use by {{holder}}; wait until it ends, and try again."
    return _held(folder / f"{study_id}.lock", command, wait_s=RUN_LOCK_S, busy=busy)


def is_held(folder: Path, run_id: str) -> bool:
    """Return whether a process holds the run's lock; the file may exist without a holder."""
    path = folder / f"{run_id}.lock"
    if not path.exists():
        return False
    lock = FileLock(path, mode=0o666)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False
