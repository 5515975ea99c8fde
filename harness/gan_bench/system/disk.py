"""Detects a full disk, and reports it."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gan_bench.errors import GanBenchError

_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TRIAL_BYTES = 1 << 16


class DiskFull(GanBenchError):
    """There is no space for results; finished results are kept."""

    def __init__(self, where: Path) -> None:
        super().__init__(
            f"There is no space left for {where}: free some, or raise your quota or file limit, "
            "and the same command continues; what is finished stands."
        )


def is_full(error: BaseException) -> bool:
    """Return whether an exception, or one of its causes, means a full disk."""
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:  # `raise error from error` makes a cycle
        seen.add(id(link))
        if isinstance(link, OSError) and link.errno in _ERRNOS:
            return True
        link = link.__cause__ or link.__context__
    return False


@contextlib.contextmanager
def writing(results: Path) -> Iterator[None]:
    """Turn a failure to write to a results folder into one sentence.

    Raises
    ------
    GanBenchError
        In place of an OSError; a `DiskFull` where there is no space.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFull(results) from error
        raise GanBenchError(
            f"The results folder {results} cannot be written ({error.strerror or error}: "
            f"{error.filename}); what is finished stands, and the same command continues."
        ) from error


class NoSpace(OSError):
    """A file of a run could not be written: no space."""

    def __init__(self, where: Path) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC), str(where))


@contextlib.contextmanager
def saving(where: Path) -> Iterator[None]:
    """Raise `NoSpace` if a run's own file does not fit on the disk, in contrast to a plugin's."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise NoSpace(where) from error
        raise


def is_full_for(folder: Path, error: BaseException) -> bool:
    """Return whether an error means that nothing can be written to a folder any more.

    If a plugin has filled another disk, such as shared memory, that is the plugin's error.
    """
    return isinstance(error, NoSpace) or (is_full(error) and has_no_space(folder))


def has_no_space(folder: Path) -> bool:
    """Try to write: a framework's own error may not say why it could not."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(os.urandom(_TRIAL_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return is_full(error)
    return False
