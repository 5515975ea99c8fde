"""What is wrong in the folder of one run."""

import hashlib
import io
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from pydantic import ValidationError

from gan_bench.errors import GanBenchError
from gan_bench.plan.spec import RunSpec
from gan_bench.results.checkpoints import last_checkpoint
from gan_bench.results.layout import RunFolder
from gan_bench.results.losses import read_losses
from gan_bench.results.record import Record
from gan_bench.results.scores import Scores
from gan_bench.scoring.images import of_snapshot
from gan_bench.system.files import read_limited

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
class Problem:
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


_BLOCK = 1024
_AGAIN = "the same command trains it again"  # a checkpoint without losses is worth nothing
_CONTINUES = "the same command continues it"


def of_run(path: Path) -> list[Problem]:
    """Return the faults of a run's folder, that nobody is at.

    What lies in a folder that is moved aside as a whole is no fault of its own.
    """
    found = list(_of_run(path))
    whole = [fault.path for fault in found if fault.remedy == "aside"]
    return [f for f in found if not any(parent in whole for parent in f.path.parents)]


def _of_run(path: Path) -> Iterator[Problem]:
    folder = RunFolder(path)

    def fault(of: Path, what: str, remedy: Remedy, then: str) -> Problem:
        return Problem(of, what.rstrip("."), remedy, then, run_id=path.name)

    record, spec = _record(folder), _spec(folder)
    if isinstance(spec, str):
        if isinstance(record, Record):
            yield fault(folder.spec, f"it has {spec}", "spec", "the record says what it was")
        elif folder.spec.exists():
            yield fault(folder.spec, f"it has {spec}", "aside", _CONTINUES)
        elif isinstance(record, str) or folder.events.exists():
            yield fault(folder.spec, f"it has {spec}", "none", _CONTINUES)
        else:
            yield fault(path, "it is no run's folder", "aside", "nothing is lost")
            return
    names = {one.run_id for one in (spec, record) if isinstance(one, RunSpec | Record)}
    if names - {path.name}:
        what = f"it holds the run {min(names - {path.name})}, as a copy would"
        yield fault(path, what, "aside", "reports go without it, as they do now")
        return
    if isinstance(record, str):
        yield fault(folder.record, record, "aside", _CONTINUES)
    yield from (fault(*one) for one in _losses(folder, record))
    yield from (fault(*one) for one in _checkpoints(folder))
    yield from (fault(*one) for one in _scored(folder))
    for left in sorted(path.rglob(".*.tmp")):
        yield fault(left, CUT_SHORT, "aside", "nothing is lost")


_Found = tuple[Path, str, Remedy, str]


def _spec(folder: RunFolder) -> RunSpec | str:
    try:
        return RunSpec.model_validate_json(read_limited(folder.spec))
    except FileNotFoundError:
        return "no spec.json"
    except (OSError, ValidationError):
        return "a spec.json that is not readable"


def _record(folder: RunFolder) -> Record | str | None:
    if not folder.record.exists():
        return None
    try:
        return Record.read(folder)
    except GanBenchError as error:
        return str(error)


def _losses(folder: RunFolder, record: Record | str | None) -> Iterator[_Found]:
    ok = isinstance(record, Record) and record.status == "ok"
    try:
        read_losses(folder.losses)
    except FileNotFoundError:
        if ok:
            yield folder.losses, "a finished run has none", "none", _AGAIN
        return
    except GanBenchError as error:
        yield folder.losses, str(error), "aside", _AGAIN
        return
    if not isinstance(record, Record) or record.files is None:
        return
    stated = record.files.get(folder.losses.name)
    if stated is not None and hashlib.sha256(folder.losses.read_bytes()).hexdigest() != stated:
        what = "they are not those of the record: their checksum differs"
        yield folder.losses, what, "aside", _AGAIN


def _checkpoints(folder: RunFolder) -> Iterator[_Found]:
    for half in sorted(folder.checkpoints.glob("*.half")):
        yield half, "a checkpoint was cut short", "aside", "nothing is lost: the last one stands"
    try:
        last_checkpoint(folder.checkpoints)
    except (GanBenchError, OSError) as error:
        yield folder.checkpoints, str(error), "aside", "an unfinished run starts over"


def _scored(folder: RunFolder) -> Iterator[_Found]:
    for path in sorted(folder.scores.glob("*.json")):
        try:
            Scores.read(path)
        except GanBenchError as error:
            then = "the same command scores the snapshots that are left"
            yield path, str(error).partition(": delete")[0], "aside", then
    for path in sorted(folder.snapshots.glob("*.npz")):
        try:
            for _ in of_snapshot(path).read(_BLOCK):
                pass
        except GanBenchError as error:
            yield path, str(error), "aside", "start the run over with --force for it"
    for path in sorted(folder.grids.glob("*.png")):
        try:
            with Image.open(io.BytesIO(read_limited(path)), formats=("PNG",)) as image:
                image.verify()
        except Exception as error:  # noqa: BLE001 - Pillow raises what the damage makes it raise
            yield path, f"it is no sound PNG ({error})", "aside", "reports go without it"
