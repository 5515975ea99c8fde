"""Temporary folders, of which those of killed processes are deleted."""

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final

import psutil

_PREFIX: Final = "gan-bench-tmp-"
_OLD_S: Final = 3600.0
"""Younger folders stay: their process may run in a container where this one cannot see it."""


def scratch_folder(beside: Path | None = None) -> "tempfile.TemporaryDirectory[str]":
    """Return a temporary folder named after this process.

    Those of this user's killed processes are deleted, as they may be large. With ``beside`` it is a
    hidden folder in that one, from which a file can be renamed to its place there.
    """
    prefix = _PREFIX if beside is None else f".{_PREFIX}"
    parent = Path(tempfile.gettempdir()) if beside is None else beside
    for folder in parent.glob(f"{prefix}*"):
        number = folder.name.removeprefix(prefix).partition("-")[0]
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            with contextlib.suppress(OSError):
                facts = folder.stat()
                if facts.st_uid == os.getuid() and time.time() - facts.st_mtime > _OLD_S:
                    shutil.rmtree(folder, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"{prefix}{os.getpid()}-", dir=parent)
