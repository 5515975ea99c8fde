"""Turns an exception in a worker into the run's status and a reason in one sentence."""

import errno

from gan_bench.errors import GanBenchError
from gan_bench.trainer import Unsupported

_OUT_OF_MEMORY = (
    "can't allocate memory",
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "RESOURCE_EXHAUSTED",
    "std::bad_alloc",
)
LONGEST_REASON = 2_000
"""Maximum length of an exception's text, in characters; the log has all of it."""


class Diverged(GanBenchError):
    """A loss is not a finite number."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception reports a lack of memory."""
    name = type(error).__name__
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
        or name in {"OutOfMemoryError", "ResourceExhaustedError"}
        or any(words in text for words in _OUT_OF_MEMORY)
    )


def failure_kind(error: BaseException) -> str:
    """Return the status of a run that ended with an exception."""
    if isinstance(error, Unsupported):
        return "unsupported"
    if isinstance(error, Diverged):
        return "diverged"
    if isinstance(error, ModuleNotFoundError):
        return "missing"
    return "oom" if is_out_of_memory(error) else "error"


def failure_reason(error: BaseException) -> str:
    """Return an exception's message in one line of limited length."""
    text = _message(error).encode(errors="replace").decode()
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} ..."


def _message(error: BaseException) -> str:
    if isinstance(error, GanBenchError | Unsupported):
        return str(error) or type(error).__name__
    if isinstance(error, ModuleNotFoundError):
        return f"the Python package {error.name} is not installed"
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
