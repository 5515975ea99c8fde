"""What is wrong with values that pydantic refuses, in words for a sentence."""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError


@dataclass(frozen=True)
class Mistake:
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


def first_mistake(error: ValidationError) -> Mistake:
    """Return the first of the mistakes that an error names."""
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    return Mistake(first["loc"], message[:1].lower() + message[1:], first["input"], first["type"])


def in_words(error: Exception) -> str:
    """Return pydantic's first mistake, or what any other error says."""
    return str(first_mistake(error) if isinstance(error, ValidationError) else error)
