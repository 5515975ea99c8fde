"""How figures are written: sensible digits, thousands separators, a dash for what is missing."""

import math
from collections.abc import Sequence

MISSING = "—"
_SIGNIFICANT = 3


def figure(value: float | None) -> str:
    """Return a figure with three significant digits, or all before the decimal point."""
    if value is None or math.isnan(value):
        return MISSING
    if value == 0 or math.isinf(value):
        return f"{value:.0f}"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -_SIGNIFICANT:
        return f"{value:.{_SIGNIFICANT - 1}e}"
    return f"{value:,.{max(0, _SIGNIFICANT - 1 - magnitude)}f}"


def count(value: int | None) -> str:
    """Return a whole number with thousands separators."""
    return MISSING if value is None else f"{value:,}"


def factor(value: float) -> str:
    """Return how many times, e.g. ``0.012``, ``1.04``, ``2.7``, ``31``."""
    if 0 < value < 0.1:
        return f"{value:.2g}"
    return f"{value:,.{2 if value < 2 else 1 if value < 10 else 0}f}"


def many(number: int, noun: str) -> str:
    """Return e.g. ``1 seed``, ``3 seeds``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(words: Sequence[str], limit: int | None = None, *, last: str = "and") -> str:
    """Return ``a, b and c``; past the limit ``a, b and 4 more``; ``last`` stands for the and."""
    if limit is not None and len(words) > limit:
        words = [*words[: limit - 1], f"{len(words) - limit + 1} more"]
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def against(name: str, one: object, other: object) -> str:
    """Return what differs between two things, e.g. ``budget (60,000 images against 4,000)``."""
    return f"{name} ({_side(one)} against {_side(other)})"


def _side(value: object) -> str:
    if value is None or value == "":
        return "none"
    whole = isinstance(value, int) and not isinstance(value, bool)
    text = f"{value:,}" if whole else str(value)
    return text[:12] if len(text) == 64 else text  # a SHA-256
