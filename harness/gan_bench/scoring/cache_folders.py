"""Where the caches of scoring lie and how large they are, without opening anything in them."""

import contextlib
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from gan_bench.system.files import cache_folder


@dataclass(frozen=True)
class CacheSize:
    """One cache."""

    what: str
    folder: Path
    entries: int
    bytes: int

    def __str__(self) -> str:
        """Return e.g. ``3 entries, 12.3 MB in ~/.cache/gan-bench/reference``."""
        entries = "1 entry" if self.entries == 1 else f"{self.entries:,} entries"
        return f"{entries}, {self.bytes / 1e6:,.1f} MB in {self.folder}"


def reference_folder() -> Path:
    """Return where features, statistics and floors of real images lie."""
    return cache_folder() / "reference"


def features_folder() -> Path:
    """Return where feature models lie that were made on this machine."""
    return cache_folder() / "features"


def cache_sizes() -> list[CacheSize]:
    """Return both caches, empty ones too."""
    return [
        _size("reference features", reference_folder(), "*"),
        _size("feature models", features_folder(), "*.onnx"),
    ]


def _size(what: str, folder: Path, pattern: str) -> CacheSize:
    entries = sum(not path.name.startswith(".") for path in folder.glob(pattern))
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return CacheSize(what, folder, entries, total)


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
