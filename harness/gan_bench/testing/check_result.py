"""A check's start and result, and the functions with which checks report it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from gan_bench.errors import GanBenchError
from gan_bench.plugins.mistakes import authors_lines
from gan_bench.trainer import Unsupported

T = TypeVar("T")


class CheckFailed(Exception):
    """Raised by a check that found a violation; the text becomes the result's detail."""


class CheckSkipped(Exception):
    """Raised by a check that does not apply to this trainer; the text becomes the detail."""


@dataclass(frozen=True)
class CheckStarted:
    """A check that starts."""

    name: str
    number: int
    """Counts from 1."""
    count: int
    """How many checks there are."""
    done: float
    """The share of all work that is done, as far as that can be known before."""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check."""

    name: str
    """A few words, or ``field <name>`` for a field of the recipe."""

    status: Literal["passed", "failed", "skipped"]
    """``skipped`` if the check does not apply to this trainer or device."""

    detail: str
    """One sentence: what the check confirmed, what is wrong, or why it was skipped."""

    traceback: tuple[str, ...] = ()
    """If the trainer raised an exception: the lines of the author's files that it went through, the
    last one last, such as ``/home/me/my_gan.py:23, in update: loss = criterion(real)``."""


def perform(name: str, promise: str, check: Callable[[], object], module: str = "") -> CheckResult:
    """Run a check and turn any exception into a result; ``module`` is that of the trainer."""
    try:
        check()
    except CheckSkipped as reason:
        return CheckResult(name, "skipped", str(reason))
    except Unsupported as reason:
        return CheckResult(name, "skipped", f"Unsupported: {one_line(reason)}")
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a trainer may raise anything
        detail = f"It raised {describe(error)}."
        if isinstance(error, CheckFailed):
            detail = str(error)
        elif isinstance(error, GanBenchError):
            detail = f"{str(error).rstrip('.')}."
        lines = tuple(map(str, authors_lines(error, module)))
        return CheckResult(name, "failed", detail, lines)
    return CheckResult(name, "passed", promise)


def attempt(make: Callable[[], T]) -> T | None:
    """Return the result of ``make``, None if it raises.

    Only for cases in which another check reports the exception.
    """
    try:
        return make()
    except (Exception, SystemExit):  # noqa: BLE001 - a trainer may raise anything
        return None


def expect(condition: object, finding: str) -> None:
    """Raise `CheckFailed` with the sentence ``finding`` unless the condition is true."""
    if not condition:
        raise CheckFailed(finding)


def describe(error: BaseException) -> str:
    """Return an exception's type and text on one line."""
    text = one_line(error)
    return f"{type(error).__name__} ({text})" if text else type(error).__name__


def one_line(error: BaseException, limit: int = 300) -> str:
    """Return an exception's text without line breaks, shortened to ``limit`` characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
