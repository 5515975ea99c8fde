"""Files that are there whole or not at all, whatever kills the process that writes them."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any


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
