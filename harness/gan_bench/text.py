"""How numbers, durations and foreign text are written."""

import difflib
import html
import math
import re
from collections.abc import Iterable, Sequence

from markupsafe import Markup

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


_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)


def sanitize(text: str) -> str:
    """Return a log without colours and control characters."""
    return _CONTROL.sub("", _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def duration(seconds: float | None) -> str:
    """Return seconds as people read them: 8 s, 2 min 05 s, 3 h 20 min."""
    if seconds is None:
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


_MARKDOWN = re.compile(r"([\\`*_\[\]|~#$])")


def markdown_text(text: str) -> Markup:
    """Return text for one line of markdown, where none of it is markup."""
    line = " ".join(sanitize(text).split())
    return Markup(html.escape(_MARKDOWN.sub(r"\\\1", line), quote=False))


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """Return the end of an error message about an unknown word.

    Parameters
    ----------
    word
        The unknown word.
    known
        The words that are known.
    otherwise
        What to say if no known word resembles it (default: a list of the known words).
    """
    names = list(known)
    nearest = difflib.get_close_matches(word, names, n=1)
    if nearest:
        return f"did you mean {nearest[0]}?"
    return otherwise or f"there are {', '.join(names)}."
