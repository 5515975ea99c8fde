"""Scratch folders of scoring processes, and the removal of those that a kill left behind."""

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

import psutil

_PREFIX = "gan-bench-score-"
_OLD_S = 3600.0
"""Younger ones stay: their process may be one that cannot be seen from here, in a container."""


def scratch_folder() -> "tempfile.TemporaryDirectory[str]":
    """Return a folder of this process's own, named after it, below the temporary folder.

    Features of ten thousand images take 80 MB: what killed processes of this user left is removed.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        number = left.name.removeprefix(_PREFIX).partition("-")[0]
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            with contextlib.suppress(OSError):
                facts = left.stat()
                if facts.st_uid == os.getuid() and time.time() - facts.st_mtime > _OLD_S:
                    shutil.rmtree(left, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-")
