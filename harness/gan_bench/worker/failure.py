"""What an exception that ended training becomes: the status of its run, and the reason."""

import contextlib
import errno
import re

from gan_bench.errors import GanBenchError
from gan_bench.plugins.frameworks import broken
from gan_bench.plugins.mistakes import other_version, place_of
from gan_bench.plugins.registry import Implementation
from gan_bench.trainer import Unsupported

_OUT_OF_MEMORY = re.compile(
    r"out.?of.?memory|not enough memory|allocate memory|bad_alloc|alloc_failed|resource.?exhausted",
    re.IGNORECASE,
)
"""What types and messages of errors say in any framework."""
LONGEST_REASON = 2_000
"""Maximum length of a reason, in characters; the log has the whole exception."""


class Absent(GanBenchError):
    """The data set is not on this machine, which is no fault of the implementation."""


class Diverged(GanBenchError):
    """A loss is not a finite number."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception reports a lack of memory."""
    if isinstance(error, OSError) and error.errno:  # its text may have the name of a file
        return error.errno == errno.ENOMEM
    text = f"{type(error).__name__}: {error}"
    return isinstance(error, MemoryError) or _OUT_OF_MEMORY.search(text) is not None


def failure_kind(error: BaseException) -> str:
    """Return the status of a run that ended with an exception."""
    if isinstance(error, Unsupported):
        return "unsupported"
    if isinstance(error, Diverged):
        return "diverged"
    if isinstance(error, ModuleNotFoundError | Absent):
        return "missing"
    return "oom" if is_out_of_memory(error) else "error"


def failure_reason(error: BaseException, implementation: Implementation | None) -> str:
    """Return an exception's message in one line of limited length, with the author's line."""
    known = isinstance(error, GanBenchError | Unsupported)
    problem = None if known else broken(error) or other_version(error)
    text = (problem or _message(error)).encode(errors="replace").decode()
    if len(text) > LONGEST_REASON:
        text = f"{text[:LONGEST_REASON]} ..."
    if problem or failure_kind(error) in _NO_MISTAKE:
        return text
    place = ""
    if implementation is not None:
        with contextlib.suppress(Exception):  # a plugin may raise objects of any kind
            place = place_of(error, implementation)
    return text if place in text else f"{text.rstrip('.')}, {place}"


_NO_MISTAKE = ("unsupported", "diverged", "missing")
"""Failures that are not a mistake in a line of the implementation."""


def _message(error: BaseException) -> str:
    if isinstance(error, GanBenchError | Unsupported):
        return str(error) or type(error).__name__
    if isinstance(error, ModuleNotFoundError):
        return f"the Python package {error.name} is not installed"
    text = str(error.msg if isinstance(error, SyntaxError) else error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
