"""Installed packages: those of extras, and what all of them register."""

import importlib.util
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from gan_bench.errors import UsageError
from gan_bench.text import listed


def check_packages(what: str, packages: Sequence[str], extra: str) -> None:
    """Check that the packages of an extra can be found, without importing them.

    Parameters
    ----------
    what
        What needs them, as the subject of a sentence.
    packages
        Names of modules.
    extra
        The extra of gan-bench that installs them.

    Raises
    ------
    UsageError
        One is missing.
    """
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"{what} needs {listed(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            f'installed: `pip install "gan-bench[{extra}]"`.'
        )


def entry_points(group: str) -> metadata.EntryPoints:
    """Return what the installed packages register in a group.

    The packages' metadata is read once for each group, and again when a folder of `sys.path` has
    changed.
    """
    return _entry_points(group, tuple((folder, _changed(folder)) for folder in sys.path))


@lru_cache
def _entry_points(group: str, folders: tuple[tuple[str, int | None], ...]) -> metadata.EntryPoints:
    return metadata.entry_points(group=group)


def _changed(folder: str) -> int | None:
    """Return when a folder, or an archive, was changed, in ns; None if there is none."""
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return None
