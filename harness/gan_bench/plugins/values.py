"""Values of a recipe's fields, as users write them: each is read as the type of its field."""

import ast
import json
import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from pydantic import ValidationError

from gan_bench.errors import UsageError
from gan_bench.recipe import Recipe

MOST_COMBINATIONS = 1_000
"""Of values for one implementation: each is described for itself."""


def combinations(
    name: str, recipe_class: type[Recipe], values: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return every combination of the values; there is one unless a field has several values.

    A list is several values unless the field itself takes a list; in text, commas part them. The
    last field varies fastest. Values that are not valid stay, for `Recipe` to refuse.

    Parameters
    ----------
    name
        The implementation's name, for errors.
    recipe_class
        Has the fields.
    values
        By field, as text of a command line or as values of a plan file.

    Raises
    ------
    UsageError
        A field has one value twice, or there are too many combinations.

    Examples
    --------
    ``{"learning_rate": "1e-4,2e-4", "betas": "0.5,0.9"}`` are two combinations if ``betas`` takes
    two numbers.
    """
    choices = {field: _choices(recipe_class, values, field) for field in values}
    for field, chosen in choices.items():
        twice = next((one for n, one in enumerate(chosen) if one in chosen[:n]), None)
        if twice is not None:
            raise UsageError(f"{name}.{field} has the value {twice!r} twice; give each once.")
    number = math.prod(map(len, choices.values()))
    if number > MOST_COMBINATIONS:
        several = [field for field, chosen in choices.items() if len(chosen) > 1]
        raise UsageError(
            f"{name} has {number:,} combinations of values of {', '.join(several)}, more than "
            f"{MOST_COMBINATIONS:,}; give fewer values."
        )
    return [dict(zip(choices, chosen, strict=True)) for chosen in product(*choices.values())]


def _choices(recipe_class: type[Recipe], values: Mapping[str, Any], field: str) -> list[Any]:
    """Return the one value of a field, or each of several."""

    def reading(value: Any) -> tuple[Any, bool]:
        """Return the first reading that fits, else the one that an error is about."""
        readings = _readings(value)
        for one in readings:
            if takes(recipe_class, {**values, field: one}, field):
                return one, True
        return readings[-1], False

    whole, fits = reading(values[field])
    if fits or field not in recipe_class.model_fields:
        return [whole]
    parts = [reading(part) for part in _parts(values[field])]
    # If none of them fits, the whole was meant as one value.
    return [one for one, _ in parts] if any(fits for _, fits in parts) else [whole]


def takes(recipe_class: type[Recipe], values: Mapping[str, Any], name: str) -> bool:
    """Return whether a recipe takes the value of one field, whatever it says of the others."""
    try:
        recipe_class.model_validate(values)
    except ValidationError as error:
        return all(problem["loc"][:1] != (name,) for problem in error.errors())
    return True


def _parts(value: Any) -> Sequence[Any]:
    """Return the elements of a list, or of text with commas outside of brackets and quotes."""
    if not isinstance(value, str):
        return value if isinstance(value, list) else ()
    parts, begun, depth, quote = [], 0, 0, ""
    for place, character in enumerate(value):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character == "," and depth == 0:
            parts.append(value[begun:place])
            begun = place + 1
        else:
            depth += (character in "([{") - (character in ")]}")
    found = [part.strip() for part in (*parts, value[begun:]) if part.strip()]
    return found if parts else ()


def _readings(value: Any) -> list[Any]:
    """Return what a value may mean; the last one is what an error is about.

    The texts ``None``, ``none`` and ``null`` are None for a field that may be None, and text for
    another. In quotes they are always text. Alone they are never a list with one text: that is
    ``(none)``.
    """
    if isinstance(value, list):
        return [[_literal(part) if isinstance(part, str) else part for part in value], value]
    if not isinstance(value, str):
        return [value]
    text = value.strip()
    literal = _literal(text)
    inner = text[1:-1] if text[:1] + text[-1:] in ("()", "[]") else text
    parts = [part.strip() for part in inner.split(",") if part.strip()]
    lists = [[_literal(part) for part in parts]]
    if literal is not None:
        lists.append(parts)
    is_exact = isinstance(literal, int | float) or inner != text
    return [literal, *(lists if "," in text else ()), value, *lists, literal if is_exact else value]


def _literal(text: str) -> Any:
    """Return the value that Python or JSON reads, and the text itself if neither does."""
    if text.lower() in ("none", "null"):
        return None
    for read in (ast.literal_eval, json.loads):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return text
