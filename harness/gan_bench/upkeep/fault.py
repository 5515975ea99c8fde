"""What can be wrong in a results folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Remedy = Literal["aside", "spec", "marker", "none"]
"""``aside``: the file or folder is moved aside. ``spec``: it is written again from the record.
``marker``: the folder's own mark is written again. ``none``: there is nothing to do here."""


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
