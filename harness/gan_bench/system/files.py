"""Files: read within a limit, written whole or not at all, and the user's cache folder."""

import errno
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

_LOG_TAIL_BYTES = 16_384


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part.

    A temporary file beside it is flushed to the disk and then renamed; its name starts with a dot
    and ends in ``.tmp``.

    Parameters
    ----------
    path
        The file; its folder must exist.
    content
        All of it.

    Raises
    ------
    OSError
        The file cannot be written; nothing is left behind and an old file stays as it was.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            # mkstemp's files are for their owner alone; results are as readable as any other file.
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    # Without this the rename itself may be lost with the machine's power.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_json_atomically(path: Path, value: Any) -> None:
    """Write a value as indented JSON, whole or not at all.

    Parameters
    ----------
    path
        The file; its folder must exist.
    value
        What ``json`` can write.

    Raises
    ------
    ValueError
        A figure is NaN or infinite: a missing figure is None.
    OSError
        The file cannot be written.
    """
    text = json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False)
    write_atomically(path, f"{text}\n".encode())


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def cache_folder() -> Path:
    """Return the folder, which need not exist; ``$XDG_CACHE_HOME`` moves it."""
    return user_cache_path("gan-bench")


def is_file(path: Path) -> bool:
    """Tell a file that can be reached."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Tell a folder that can be reached."""
    try:
        return path.is_dir()
    except OSError:
        return False


def last_lines(path: Path, count: int = 1) -> list[str]:
    """Return the last lines of a log of any size, none if it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").rstrip().splitlines()
    except OSError:
        return []
    return lines[-count:]


def file_sha256(path: Path) -> str:
    """Return a file's sha256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


LARGEST_BYTES = 1 << 26
"""64 MiB, far more than anything that gan-bench writes as text."""


def read_limited(path: Path, limit: int = LARGEST_BYTES) -> bytes:
    """Return a file's bytes.

    Raises
    ------
    OSError
        It cannot be read, or is larger than the limit; its ``strerror`` says so.
    """
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EINVAL, f"it is larger than {limit / 2**20:g} MiB", str(path))
    return content
