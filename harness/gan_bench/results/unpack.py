"""Unpacks an archive of a results folder, which may be damaged or hostile.

Nothing is written before the list of files has been checked, no size that the archive states is
believed, and only files of a results folder's layout are written, each below the folder it is for.
"""

import hashlib
import os
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, ClassVar, Final, Literal

from pydantic import ConfigDict, Field, ValidationError

from gan_bench.errors import UnreadableFile, UsageError, first_validation_error
from gan_bench.plan import Plan
from gan_bench.results.layout import MARKER, RESULTS_SCHEMA_VERSION, ResultsFolder
from gan_bench.results.training_files import Sha256
from gan_bench.system.files import LARGEST_BYTES
from gan_bench.system.models import Stored
from gan_bench.text import many, sanitize

PACK_SCHEMA_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
LARGEST_SNAPSHOT_BYTES: Final = 1 << 30
LARGEST_TOTAL_BYTES: Final = 1 << 32
LARGEST_PLANS_BYTES: Final = 1 << 26
"""Of one plan, and of all plans of an archive: read JSON takes many times its size."""
LARGEST_JSON_BYTES: Final = 1 << 22
MOST_FILES: Final = 200_000
MOST_EXPANSION: Final = 100
"""An archive may unpack to this many times its size, or to ALWAYS_ALLOWED_BYTES."""
ALWAYS_ALLOWED_BYTES: Final = 1 << 26
_LARGEST_LIST_BYTES = 1 << 25
_BLOCK_BYTES = 1 << 20
_ENCRYPTED = 0x1
_UTF_8 = 0x800
_END = struct.Struct("<4s4H2LH")
_LONGEST_COMMENT = 0xFFFF
_END_64 = struct.Struct("<4sLQL")
_NAME = r"[^/\\:.\x00-\x1f\x7f-\x9f][^/\\:\x00-\x1f\x7f-\x9f]*"
_PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+$"
_FINGERPRINT = r"[0-9a-f]{12}\.json"
_LAYOUT: Final = (
    (rf"{re.escape(MARKER)}|{re.escape(MANIFEST)}|published\.toml", LARGEST_BYTES),
    (rf"plans/{_FINGERPRINT}", LARGEST_PLANS_BYTES),
    (rf"runs/{_NAME}/(spec|record)\.json", LARGEST_JSON_BYTES),
    (rf"runs/{_NAME}/grids/\d{{8,12}}\.png", LARGEST_BYTES),
    (rf"runs/{_NAME}/(losses\.npy|snapshots/\d{{8,12}}\.npz)", LARGEST_SNAPSHOT_BYTES),
    (rf"(runs|external)/{_NAME}/scores/{_FINGERPRINT}", LARGEST_JSON_BYTES),
    (rf"external/{_NAME}/external\.json", LARGEST_JSON_BYTES),
    (rf"external/{_NAME}/grid\.png", LARGEST_BYTES),
    (rf"(parity|speed)/{_NAME}\.json", LARGEST_JSON_BYTES),
)
"""Patterns of the files of an archive, each with the largest size in bytes."""


class Manifest(Stored):
    """What an archive has."""

    KIND: ClassVar[str] = "manifest"

    schema_version: Literal[1] = PACK_SCHEMA_VERSION
    results_schema_version: Literal[1] = RESULTS_SCHEMA_VERSION
    gan_bench: str
    """The version of gan-bench that wrote it."""
    name: str | None = Field(default=None, max_length=60, pattern=_PRINTABLE)
    """What reports call the archive; None: by the name of its file."""
    files: dict[str, Sha256]
    """SHA-256 of every other file by its name."""


class _PlanDate(Stored):
    """The part of a plan that dates it: `load_results` reads the rest."""

    model_config = ConfigDict(extra="ignore")
    KIND: ClassVar[str] = Plan.KIND
    LARGEST_BYTES: ClassVar[int] = LARGEST_PLANS_BYTES

    created_at: str


class _Refused(Exception):
    """Why an archive is refused, as a part of a sentence."""


def member_limit(name: str) -> int | None:
    """Return the largest size in bytes of a file of an archive; None if it is in no layout."""
    if any(part.rstrip(". ") != part for part in name.split("/")):
        return None
    return next((limit for pattern, limit in _LAYOUT if re.fullmatch(pattern, name)), None)


def unpack(path: Path, into: Path) -> Manifest:
    """Unpack an archive into an empty folder.

    Raises
    ------
    UsageError
        It cannot be read, is damaged, is not one of `gan_bench.results.pack`, or would write a file
        that is not in the layout of a results folder, or more than the limits of this module.
    """
    try:
        with _one_sentence(), path.open("rb") as file:
            _check_list_size(file)
            with zipfile.ZipFile(file) as archive:
                members = _checked(archive)
                manifest = _manifest(archive, members.pop(MANIFEST), members)
                _write(archive, members, manifest, into, path.stat().st_size)
    except _Refused as refused:
        raise UsageError(
            f"The archive {path} is refused: {refused}; get it again, or have it packed again with "
            "`gan-bench pack`."
        ) from refused
    _date_plans(ResultsFolder(into))
    return manifest


@contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except zipfile.BadZipFile as error:
        text = str(error)
        if "CRC" in text:
            raise _Refused("a checksum in it is wrong") from error
        if "not a zip" in text:
            raise _Refused("it is not a ZIP file, or its end is missing") from error
        raise _Refused(f"it is damaged ({_shown(text)})") from error
    except UnicodeDecodeError as error:
        raise _Refused("the name of a file in it is not UTF-8") from error
    except (EOFError, zlib.error, struct.error) as error:
        raise _Refused(f"it is damaged ({_shown(str(error)) or 'a part is missing'})") from error
    except (NotImplementedError, RuntimeError, ValueError) as error:
        raise _Refused(f"it cannot be read ({_shown(str(error))})") from error
    except OSError as error:
        raise _Refused(f"it cannot be unpacked ({error.strerror or error})") from error


def _shown(text: str) -> str:
    """Return text of an archive for a message."""
    text = " ".join(sanitize(text).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def _check_list_size(file: BinaryIO) -> None:
    """Refuse a list of files so long that reading it takes much memory."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _END.size - _LONGEST_COMMENT - 20))
    tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) < place + _END.size:
        raise _Refused("it is not a ZIP file, or its end is missing")
    length = _END.unpack_from(tail, place)[5]
    if tail[place - 20 : place - 16] == b"PK\6\7":  # the size is in the record that this names
        offset = _END_64.unpack_from(tail, place - 20)[2]
        length %= 0xFFFFFFFF
        # Some versions of Python follow the offset, others read what is before the locator.
        for begin in (min(offset, size), max(0, size - len(tail) + place - 76)):
            file.seek(begin)
            record = file.read(56)
            if record[:4] == b"PK\6\6":
                length = max(length, struct.unpack_from("<Q", record, 40)[0])
    file.seek(0)
    if length > min(size, _LARGEST_LIST_BYTES):
        raise _Refused(f"its list of files is larger than {_LARGEST_LIST_BYTES >> 20} MiB")


def _checked(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Return the files by name, if all of them may be unpacked."""
    infos = archive.infolist()
    if len(infos) > MOST_FILES:
        raise _Refused(f"it has {len(infos):,} files, more than {MOST_FILES:,}")
    members: dict[str, zipfile.ZipInfo] = {}
    known: set[str] = set()
    for info in infos:
        name, shown = info.orig_filename, repr(_shown(info.orig_filename))
        if not (name.isascii() or info.flag_bits & _UTF_8):
            raise _Refused("the name of a file in it is not UTF-8")
        # What some file system takes for one file: other case, other composition of letters.
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        if key in known:
            raise _Refused(f"it has {shown} twice")
        known.add(key)
        parts = re.split(r"[/\\]", name)
        if ".." in parts or parts[0] == "" or re.match(r"[A-Za-z]:", name):
            raise _Refused(f"its file {shown} would leave the folder")
        mode = info.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise _Refused(f"{shown} in it is a link, a folder or a device")
        if info.flag_bits & _ENCRYPTED:
            raise _Refused(f"its file {shown} is encrypted")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # Python's module unpacks a block of the other methods to any size at once.
            raise _Refused(f"its file {shown} is compressed in another way than `pack` does it")
        limit = member_limit(name)
        if limit is None or info.filename != name:
            raise _Refused(f"{shown} is no file of a results folder")
        if info.file_size > limit:
            raise _Refused(f"its file {shown} is larger than {limit >> 20} MiB")
        members[name] = info
    if MANIFEST not in members:
        raise _Refused(f"it has no {MANIFEST}")
    if sum(one.file_size for name, one in members.items() if name.startswith("plans/")) > (
        LARGEST_PLANS_BYTES
    ):
        raise _Refused(f"its plans are larger than {LARGEST_PLANS_BYTES >> 20} MiB together")
    _check_total(sum(info.file_size for info in infos), _size(archive))
    return members


def _size(archive: zipfile.ZipFile) -> int:
    assert archive.fp is not None
    return os.fstat(archive.fp.fileno()).st_size


def _check_total(total: int, packed: int) -> None:
    if total > LARGEST_TOTAL_BYTES:
        raise _Refused(f"it unpacks to more than {LARGEST_TOTAL_BYTES >> 30} GiB")
    if total > max(ALWAYS_ALLOWED_BYTES, MOST_EXPANSION * packed):
        raise _Refused(f"it unpacks to more than {MOST_EXPANSION} times its size")


def _blocks(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> Iterator[bytes]:
    """Yield the content of a file, and stop as soon as it is longer than stated or allowed."""
    count = 0
    with archive.open(info) as file:
        while block := file.read(_BLOCK_BYTES):
            count += len(block)
            if count > min(limit, info.file_size):
                break
            yield block
    if count != info.file_size:
        raise _Refused(f"the size of its file {_shown(info.filename)!r} is not the one it states")


def _manifest(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, members: dict[str, zipfile.ZipInfo]
) -> Manifest:
    # What it says of these files: wrong entries take many times their size.
    if info.file_size > (1 << 17) + sum(6 * len(name) + 100 for name in members):
        raise _Refused(f"its {MANIFEST} is larger than its files need")
    content = b"".join(_blocks(archive, info, LARGEST_BYTES))
    try:
        return Manifest.parse(content)
    except (ValueError, RecursionError) as error:
        problem = first_validation_error(error) if isinstance(error, ValidationError) else error
        if "schema_version" in str(problem):
            why = "another version of gan-bench wrote it"
        else:
            why = f"its {MANIFEST} is damaged"
        raise _Refused(why) from error


def _write(
    archive: zipfile.ZipFile,
    members: dict[str, zipfile.ZipInfo],
    manifest: Manifest,
    into: Path,
    packed: int,
) -> None:
    if members.keys() != manifest.files.keys():
        apart = members.keys() ^ manifest.files.keys()
        raise _Refused(
            f"its {MANIFEST} does not agree with its files ({many(len(apart), 'difference')})"
        )
    if MARKER not in members:
        raise _Refused(f"it has no {MARKER}")
    total = 0
    for name, info in members.items():
        digest = hashlib.sha256()
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        limit = member_limit(name)
        assert limit is not None
        with target.open("xb") as file:
            for block in _blocks(archive, info, limit):
                total += len(block)
                _check_total(total, packed)
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != manifest.files[name]:
            raise _Refused(f"the checksum of its file {_shown(name)!r} is wrong")


def _date_plans(folder: ResultsFolder) -> None:
    """Date each plan's file when the plan was made: `read_plans` sorts by that."""
    for path in sorted(folder.plans.glob("*.json")):
        try:
            made = datetime.fromisoformat(_PlanDate.read(path).created_at).timestamp()
            os.utime(path, (made, made))
        except (UnreadableFile, ValueError, OverflowError, OSError):
            continue  # `load_results` says what is damaged
