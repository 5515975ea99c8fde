"""The project's own errors: one sentence that says what is wrong, where, and what to do."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError


class GanBenchError(Exception):
    """A mistake of the user's or of the machine's that the tool can name in one sentence."""


class UsageError(GanBenchError):
    """Bad input: an unknown name, a value out of range, an unusable file (exit code 2)."""


@dataclass(frozen=True)
class ValidationProblem:
    """The first thing that is wrong; people mend one at a time."""

    keys: tuple[str | int, ...]
    """Where it is: names of fields and numbers of items, outermost first."""
    message: str
    """What is wrong, beginning small."""
    given: Any
    """The value that is refused."""
    kind: str
    """Pydantic's name for it, such as ``extra_forbidden``."""

    @property
    def where(self) -> str:
        """The place with dots, such as ``spec.budget.amount``; empty for the whole."""
        return ".".join(map(str, self.keys))

    def __str__(self) -> str:
        """Return ``where: message``."""
        return f"{self.where}: {self.message}" if self.keys else self.message


def first_validation_error(error: "ValidationError") -> ValidationProblem:
    """Return the first of the mistakes that an error names."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    return ValidationProblem(
        first["loc"], message[:1].lower() + message[1:], first["input"], first["type"]
    )


def reason_of(error: Exception) -> str:
    """Return pydantic's first mistake, or what any other error says."""
    from pydantic import ValidationError  # not above: `gan-bench --help` does without

    return str(first_validation_error(error) if isinstance(error, ValidationError) else error)
