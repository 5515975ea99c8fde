"""The colour and the line style of each implementation, the same everywhere in a report."""

from collections.abc import Iterator, Sequence
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


def looks(rows: Sequence[tuple[str, str, str]]) -> dict[str, Look]:
    """Return a look for each label: twins share the colour, a framework has its line style.

    Where that is taken, by another version of the same, the next style or colour is given.

    Parameters
    ----------
    rows
        Label, recipe and framework.
    """
    recipes = list(dict.fromkeys(recipe for _, recipe, _ in rows))
    frameworks = sorted({framework for _, _, framework in rows}, key=lambda f: (f != "torch", f))
    taken: set[tuple[int, int]] = set()
    found = {}
    for label, recipe, framework in rows:
        first = recipes.index(recipe) % len(COLOURS), frameworks.index(framework) % len(_STYLES)
        colour, style = next(
            (place for place in _places(first) if place not in taken),
            first,  # all are taken: past 24 only the names tell them apart
        )
        taken.add((colour, style))
        line, marker = _STYLES[style]
        found[label] = Look(COLOURS[colour], line, marker, f"c{colour} l{style}")
    return found


def _places(first: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield every colour and style once, those of the first colour first."""
    colour, style = first
    for further in range(len(COLOURS)):
        for other in range(len(_STYLES)):
            yield (colour + further) % len(COLOURS), (style + other) % len(_STYLES)
