"""What a check says: passed, failed or skipped, and why, in one sentence."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gan_bench.trainer import Unsupported


class CheckFailed(Exception):
    """Raised by a check that found what must not be; its text is the result's detail."""


class CheckSkipped(Exception):
    """Raised by a check that says nothing about this trainer; its text is the result's detail."""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check."""

    name: str
    """The check's name: a few words, or ``field <name>`` for a field of the recipe."""

    status: Literal["passed", "failed", "skipped"]
    """Skipped says that the check does not apply to this trainer or on this device."""

    detail: str
    """One sentence: what is so, what is wrong, or why nothing can be said."""


def perform(name: str, promise: str, check: Callable[[], None]) -> CheckResult:
    """Run a check; whatever it raises becomes a result.

    Parameters
    ----------
    name
        The result's name.
    promise
        The sentence that is true of a trainer that passes.
    check
        Returns None where the promise holds.
    """
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


def expect(truth: object, finding: str) -> None:
    """Raise `CheckFailed` with the sentence ``finding`` unless ``truth`` holds."""
    if not truth:
        raise CheckFailed(finding)


def describe(error: BaseException) -> str:
    """Return an exception's type and text on one line."""
    text = one_line(error)
    return f"{type(error).__name__} ({text})" if text else type(error).__name__


def one_line(error: BaseException, limit: int = 300) -> str:
    """Return an exception's text without line breaks, shortened to ``limit`` characters."""
    text = " ".join(str(error).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."
