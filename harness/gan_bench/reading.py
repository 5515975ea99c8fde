"""Reading files that may come from anywhere: within a limit, so that no size surprises."""

import errno
from pathlib import Path

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
