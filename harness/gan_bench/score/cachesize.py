"""Where the caches of scoring lie and how large they are, without opening anything in them."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from gan_bench.cachefolder import cache_folder


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
