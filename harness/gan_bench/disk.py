"""Whether a disk is full, and what to say then."""

import errno
import os
import tempfile
from pathlib import Path

from gan_bench.errors import GanBenchError

_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_TRIAL_BYTES = 1 << 16


class DiskFull(GanBenchError):
    """There is no space for results; what is written already stands."""

    def __init__(self, where: Path) -> None:
        super().__init__(
            f"There is no space left for {where}: free some, or raise your quota or file limit, "
            "and the same command continues; what is finished stands."
        )


def is_full(error: BaseException) -> bool:
    """Tell by an exception, or by one that it came from."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno in _ERRNOS:
            return True
        link = link.__cause__ or link.__context__
    return False


def full_disk(where: Path) -> OSError:
    """Return the error that a full disk is."""
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(where))


def has_no_space(folder: Path) -> bool:
    """Tell by trying: a framework's own error may not say why it could not write."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(os.urandom(_TRIAL_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return is_full(error)
    return False
