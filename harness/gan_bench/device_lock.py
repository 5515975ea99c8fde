"""One run at a time per device: a lock on the host's own disk, which the kernel releases."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from gan_bench.errors import UsageError


def _lock_path(device: str) -> Path:
    # The temporary folder is local where a home or results folder may be on a network.
    return Path(tempfile.gettempdir()) / f"gan-bench-{device.replace(':', '-')}.lock"


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return f"process {holder['pid']}, `{holder['command']}`"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


@contextlib.contextmanager
def device_lock(device: str, command: str, *, wait: bool) -> Iterator[None]:
    """Hold a device for the duration of a plan.

    Raises
    ------
    UsageError
        Another gan-bench holds it and ``wait`` is false.
    """
    path = _lock_path(device)
    said_by = path.with_suffix(".holder.json")
    # Other users of the machine take turns too, hence a lock file that all may open.
    lock = FileLock(path, mode=0o666)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        raise UsageError(
            f"The device {device} is in use by {_holder(said_by)}; wait for it with --wait, or "
            "take another with --device."
        ) from None
    except OSError as error:
        raise UsageError(
            f"The lock of the device {device}, {path}, cannot be taken ({error.strerror}); set "
            "TMPDIR to a folder of this machine that you can write to."
        ) from error
    try:
        with contextlib.suppress(OSError):
            said_by.write_text(json.dumps({"pid": os.getpid(), "command": command}))
        yield
    finally:
        with contextlib.suppress(OSError):
            said_by.unlink()
        lock.release()
