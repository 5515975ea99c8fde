"""The result of a check, and the functions with which checks report it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from gan_bench.trainer import Unsupported

T = TypeVar("T")


class CheckFailed(Exception):
    """Raised by a check that found a violation; the text becomes the result's detail."""


class CheckSkipped(Exception):
    """Raised by a check that does not apply to this trainer; the text becomes the detail."""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check."""

    name: str
    """A few words, or ``field <name>`` for a field of the recipe."""

    status: Literal["passed", "failed", "skipped"]
    """``skipped`` if the check does not apply to this trainer or device."""

    detail: str
    """One sentence: what the check confirmed, what is wrong, or why it was skipped."""


def perform(name: str, promise: str, check: Callable[[], object]) -> CheckResult:
    """Run a check and turn any exception into a result."""
    try:
        check()
    except CheckFailed as finding:
        return CheckResult(name, "failed", str(finding))
    except CheckSkipped as reason:
        return CheckResult(name, "skipped", str(reason))
    except Unsupported as reason:
        return CheckResult(name, "skipped", f"Unsupported: {one_line(reason)}")
    except (Exception, SystemExit) as crash:  # noqa: BLE001 - a trainer may raise anything
        return CheckResult(name, "failed", f"{promise} It raised {describe(crash)}.")
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
