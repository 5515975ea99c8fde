"""The colour and the line style of each implementation, the same everywhere in a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito 2008, "Color universal design", less black and yellow: those vanish on a page."""
NEUTRAL = "#7a8089"
"""Text and the other line of a pair: about 4:1 against white and against a dark page."""
_STYLES: tuple[tuple[Literal["-", "--", ":", "-."], str], ...] = (
    ("-", "o"),
    ("--", "s"),
    (":", "^"),
    ("-.", "D"),
)


@dataclass(frozen=True)
class Look:
    """How an implementation is drawn."""

    colour: str
    line: Literal["-", "--", ":", "-."]
    """As matplotlib writes it."""
    marker: str
    colour_class: str
    """The class of its swatch in the style sheet."""


def looks(labels: Sequence[str]) -> dict[str, Look]:
    """Return a look for each label; past six labels the line style tells equal colours apart."""
    found = {}
    for index, label in enumerate(labels):
        colour = index % len(COLOURS)
        style = index // len(COLOURS) % len(_STYLES)
        line, marker = _STYLES[style]
        found[label] = Look(COLOURS[colour], line, marker, f"c{colour} l{style}")
    return found
