"""What can be wrong in a results folder."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Remedy = Literal["aside", "spec", "marker", "none"]
"""``aside``: the file or folder is moved aside. ``spec``: it is written again from the record.
``marker``: the folder's own mark is written again. ``none``: there is nothing to do here."""

CUT_SHORT = "a writer was killed while it wrote it"
_OLD_S = 60.0


def is_old(path: Path) -> bool:
    """Tell whether nobody writes a file of no run's any more; there is no lock that says so."""
    try:
        return time.time() - path.stat().st_mtime > _OLD_S
    except OSError:
        return False


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong."""

    path: Path
    """Of the file or folder."""
    what: str
    """Is wrong, as a part of a sentence."""
    remedy: Remedy
    then: str
    """What follows, or is to be done, once it is repaired; a part of a sentence."""
    run_id: str | None = None
    """Of the run that it belongs to, whose lock a repair holds."""
