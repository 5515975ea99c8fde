"""The project's own errors: one sentence that says what is wrong, where, and what to do."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError


class GanBenchError(Exception):
    """An error by the user or the machine that the tool can explain in one sentence."""


class UsageError(GanBenchError):
    """Bad input: an unknown name, a value out of range, an unusable file (exit code 2)."""


class ContractError(GanBenchError):
    """A trainer returned something that breaks the contract."""


class UnreadableFile(UsageError):
    """A stored file cannot be read, is damaged, or was written by another version of gan-bench."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}; {remedy}." if remedy else f"{problem}.")
        self.problem = problem
        """What is wrong with the file, without a full stop."""


class MissingFile(UnreadableFile):
    """A stored file does not exist."""


@dataclass(frozen=True)
class ValidationProblem:
    """The first problem that pydantic found; users fix one at a time."""

    keys: tuple[str | int, ...]
    """Field names and list indices that lead to the value, outermost first."""
    message: str
    """What is wrong, starting in lower case."""
    given: Any
    """The rejected value."""
    kind: str
    """Pydantic's error type, such as ``extra_forbidden``."""

    @property
    def where(self) -> str:
        """The keys joined by dots, such as ``spec.budget.amount``; empty for the whole input."""
        return ".".join(map(str, self.keys))

    def __str__(self) -> str:
        """Return ``where: message``."""
        return f"{self.where}: {self.message}" if self.keys else self.message


def first_validation_error(error: "ValidationError") -> ValidationProblem:
    """Return the first problem of a validation error."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    return ValidationProblem(
        first["loc"], message[:1].lower() + message[1:], first["input"], first["type"]
    )
