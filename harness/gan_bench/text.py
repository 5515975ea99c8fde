"""Numbers, durations, lists, tables and untrusted text, as a reader sees them."""

import difflib
import html
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from markupsafe import Markup

MISSING = "—"
"""Shown for a value that was not measured."""
_SMALLEST_EXPONENT = -3
"""Smaller numbers are written with an exponent."""


def figure(value: float | None, digits: int = 3, *, whole: bool = False) -> str:
    """Return a number with `digits` significant digits, or all before the decimal point.

    With ``whole``, for counts, a whole number has no decimals: ``10`` instead of ``10.0``.
    """
    if value is None or math.isnan(value):
        return MISSING
    if whole and float(value).is_integer():
        return f"{value:,.0f}"
    if value == 0 or math.isinf(value):
        return f"{value or 0:.0f}"
    # Round before counting digits: 99.96 is "100", like 100.04.
    rounded = f"{value:.{digits - 1}e}"
    exponent = int(rounded.partition("e")[2])
    if exponent < _SMALLEST_EXPONENT:
        return rounded
    return f"{value:,.{max(0, digits - 1 - exponent)}f}"


def count(value: int | None) -> str:
    """Return a whole number with thousands separators."""
    return MISSING if value is None else f"{value:,}"


def factor(value: float) -> str:
    """Return a ratio, e.g. ``0.012``, ``1.04``, ``2.7``, ``31``."""
    if value > 0 and float(f"{value:.2g}") < 0.1:
        return f"{value:.2g}"
    digits = 2 if round(value, 2) < 2 else 1 if round(value, 1) < 10 else 0
    return f"{value:,.{digits}f}"


def percent(share: float, decimals: int | None = None, *, signed: bool = False) -> str:
    """Return a share as a percentage: ``5%``, ``2.5%``; with one decimal, ``5.0%``.

    By default it has no needless zeros. With ``signed``, a positive one has a plus sign.
    """
    sign = "+" if signed else "-"
    return f"{100 * share:{sign}.4g}%" if decimals is None else f"{share:{sign}.{decimals}%}"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Return two bounds, e.g. ``1.20 to 3.40``."""
    if low is None or high is None:
        return MISSING
    return f"{figure(low, digits)} to {figure(high, digits)}"


def many(number: int, noun: str, plural: str | None = None) -> str:
    """Return e.g. ``1 seed``, ``3 seeds``; ``plural`` replaces the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def listed(words: Sequence[str], limit: int | None = None, *, last: str = "and") -> str:
    """Return ``a, b and c``, or ``a, b and 4 more`` beyond the limit; ``last`` replaces "and"."""
    if limit is not None and len(words) > limit:
        words = [*words[: limit - 1], f"{len(words) - limit + 1} more"]
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def told_apart(name: str, facts: Sequence[Mapping[str, str]]) -> list[str]:
    """Return a name for each of several things with one name, e.g. ``dcgan (beta1=0.9)``.

    Parameters
    ----------
    name
        The name of all.
    facts
        What each of them is, in words, by keys that they share; those that differ are shown. The
        last word of a key stands for a fact that one of them lacks.
    """
    keys = dict.fromkeys(key for one in facts for key in one)
    apart = [key for key in keys if len({one.get(key) for one in facts}) > 1]
    if not apart:
        return [name] * len(facts)
    return [
        f"{name} ({', '.join(one.get(key, f'{key.split()[-1]} none') for key in apart)})"
        for one in facts
    ]


def against(name: str, one: object, other: object) -> str:
    """Return a difference between two things, e.g. ``budget (60,000 images against 4,000)``."""
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
    """Return text without terminal colours and control characters."""
    return _CONTROL.sub("", _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def duration(seconds: float | None) -> str:
    """Return seconds as people read them: 2.5 s, 48 s, 2 min 05 s, 3 h 20 min."""
    if seconds is None:
        return MISSING
    whole = round(seconds)
    if seconds < 10:
        return f"{figure(seconds, 2)} s"
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


_MOST = 10**12


def whole_number(text: str) -> int:
    """Return the number of a text such as ``60000``, ``60,000``, ``60_000``, ``60k`` or ``2.4M``.

    Raises
    ------
    ValueError
        It is another text, or a number above 10^12; the message is a sentence.
    """
    digits = text.replace(",", "")
    unit = {"k": 10**3, "M": 10**6}.get(digits[-1:], 1)
    problem = ValueError(f"{text!r} is not a whole number; write 60000 or 60k.")
    try:
        number = Decimal(digits if unit == 1 else digits[:-1]) * unit
        whole = int(number) if abs(number) <= _MOST else None
    except (ArithmeticError, ValueError):
        raise problem from None
    if whole is None:
        shown = digits if len(digits) < 14 else f"{digits[:11]}..."
        raise ValueError(f"{shown} is more than {_MOST:,}.")
    if number != whole:
        raise problem
    return whole


def timestamp() -> str:
    """Return the present time in UTC, to the second, as files have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def did_you_mean(word: str, known: Iterable[str], otherwise: str | None = None) -> str:
    """Return the end of an error message about an unknown word.

    ``otherwise`` is said if no known word resembles it (default: a list of the known words).

    Examples
    --------
    ``lr`` resembles ``learning_rate`` by its initials, and ``fid`` is a part of ``fid_lenet``.
    """
    names = list(known)
    nearest = difflib.get_close_matches(word, names, n=1)
    parts = {name: re.split(r"[-_ ]", name) for name in names}
    short = [name for name in names if word in ("".join(p[:1] for p in parts[name]), *parts[name])]
    likely = nearest or (short if len(short) == 1 else [])
    if likely:
        return f"did you mean {likely[0]}?"
    if short:
        return f"did you mean {listed(short, last='or')}?"
    return otherwise or f"there are {', '.join(names)}."


Kind = Literal["text", "name", "number"]
MEDIUM, WIDE, WIDEST = 78, 110, 140
"""Widths of a terminal, in characters, from which further columns are shown."""


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    title: str
    kind: Kind = "text"
    """``number`` is aligned to the right; a terminal never wraps ``name`` and ``number``."""
    from_width: int = 0
    """Width of a terminal, in characters, from which the column is shown."""


@dataclass(frozen=True)
class Table:
    """A table of finished texts, for a terminal, markdown, HTML or JSON."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[object]]
    """One cell for each column: text, or an object whose ``str`` is the text."""
    title: str = ""
    note: str = ""
    """A sentence or two on how to read the table."""

    @property
    def numeric(self) -> bool:
        """True if all columns after the first hold numbers."""
        return all(column.kind == "number" for column in self.columns[1:])

    def fitting(self, width: int) -> "Table":
        """Return the table without the columns that need a wider terminal."""
        shown = [i for i, column in enumerate(self.columns) if column.from_width <= width]
        return replace(
            self,
            columns=[self.columns[i] for i in shown],
            rows=[tuple(row[i] for i in shown) for row in self.rows],
        )

    def to_markdown(self) -> Markup:
        """Return the table, without title and note, as Markdown; `Markup` is not escaped."""
        marks = ("---:" if column.kind == "number" else ":---" for column in self.columns)
        titles = (markdown_text(column.title) for column in self.columns)
        body = (
            [cell if isinstance(cell, Markup) else markdown_text(str(cell)) for cell in row]
            for row in self.rows
        )
        lines: Iterable[Iterable[str]] = (titles, marks, *body)
        return Markup("\n".join(f"| {' | '.join(line)} |" for line in lines))

    def to_html(self) -> Markup:
        """Return the table, without title and note, as HTML; `Markup` is not escaped."""
        align = ["right" if column.kind == "number" else "left" for column in self.columns]
        cell = Markup('<{0} style="text-align: {1}">{2}</{0}>').format
        lines = [
            Markup("").join(
                cell("th", a, c.title) for a, c in zip(align, self.columns, strict=True)
            )
        ]
        for row in self.rows:
            lines.append(
                Markup("").join(cell("td", *pair) for pair in zip(align, row, strict=True))
            )
        return Markup("<table>\n{}</table>").format(
            Markup("").join(Markup("<tr>{}</tr>\n").format(line) for line in lines)
        )

    def records(self) -> list[dict[str, str]]:
        """Return one dictionary for each row, by column title."""
        titles = [column.title for column in self.columns]
        return [dict(zip(titles, map(str, row), strict=True)) for row in self.rows]
