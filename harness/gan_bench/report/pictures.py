"""Pictures of the report, and the look of each implementation in them."""

import io
import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito 2008, "Color universal design"; black and yellow are hard to see on a page."""
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
    """How the charts show an implementation."""

    colour: str
    line: Literal["-", "--", ":", "-."]
    """As matplotlib writes it."""
    marker: str
    colour_class: str
    """The class of its swatch in the style sheet."""


def looks(rows: Sequence[tuple[str, str, str]]) -> dict[str, Look]:
    """Return a look for each label: twins share the colour, a framework has its line style.

    Where that is taken, by another version of the same, the next style or colour is given. Recipes
    with most twins choose first.

    A row is label, recipe and framework.
    """
    twins = Counter(recipe for _, recipe, _ in rows)
    by_twins = sorted(rows, key=lambda row: -twins[row[1]])
    recipes = list(dict.fromkeys(recipe for _, recipe, _ in by_twins))
    frameworks = sorted({framework for _, _, framework in rows}, reverse=True)
    taken: set[tuple[int, int]] = set()
    found = {}
    for label, recipe, framework in by_twins:
        first = recipes.index(recipe) % len(COLOURS), frameworks.index(framework) % len(_STYLES)
        colour, style = next(
            (place for place in _places(first) if place not in taken),
            first,  # all are taken: after 24, only the names differ
        )
        taken.add((colour, style))
        line, marker = _STYLES[style]
        found[label] = Look(COLOURS[colour], line, marker, f"c{colour} l{style}")
    return {label: found[label] for label, *_ in rows}


def _places(first: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Yield every colour and style once, those of the first colour first."""
    colour, style = first
    for further in range(len(COLOURS)):
        for other in range(len(_STYLES)):
            yield (colour + further) % len(COLOURS), (style + other) % len(_STYLES)


CSS_DPI = 96
"""Pixels of a page in an inch; figures have twice as many."""
_STYLE: dict[str, object] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": NEUTRAL,
    "axes.labelcolor": NEUTRAL,
    "axes.titlecolor": NEUTRAL,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": NEUTRAL,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.labelcolor": NEUTRAL,
    "text.color": NEUTRAL,
    "xtick.color": NEUTRAL,
    "ytick.color": NEUTRAL,
    "savefig.transparent": True,
    # Names come from users: a dollar sign starts no formula.
    "text.parse_math": False,
}


_CHART_COLOURS = 128


@dataclass(frozen=True)
class Picture:
    """An image with what a reader needs who cannot see it."""

    name: str
    """Its file name."""
    make: Callable[[], bytes]
    """Makes the file's content, of the format that `kind` says."""
    alt: str
    width: int
    """In pixels of the page, not of the file."""
    height: int
    caption: str = ""
    kind: Literal["png", "gif"] = "png"

    @cached_property
    def content(self) -> bytes:
        """The file's content."""
        return self.make()


class Names:
    """Gives out file names, each once."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def __call__(self, *parts: str, suffix: str = ".png") -> str:
        """Return a file name of letters, digits and hyphens made of the parts, and the suffix."""
        stem = re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")[:80]
        name, number = f"{stem}{suffix}", 2
        while name in self._used:
            name, number = f"{stem}-{number}{suffix}", number + 1
        self._used.add(name)
        return name


def png_of_plot(plot: Callable[[Figure], None], width: float, height: float) -> bytes:
    """Return a figure as PNG, with a transparent background; width and height are in inches."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)  # type: ignore[arg-type]
        # A name may have characters that matplotlib's font lacks; it shows a box instead.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(width, height), dpi=2 * CSS_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        plot(figure)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=2 * CSS_DPI, metadata={"Software": None})
    with Image.open(content) as image:
        # A chart has few colours; a palette of them, transparency included, has a quarter of the
        # bytes. Only this method keeps the transparency of edges.
        few = image.quantize(_CHART_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    return png_of(few)


def chart(
    name: str,
    plot: Callable[[Figure], None],
    *,
    size: tuple[float, float],
    alt: str,
    caption: str = "",
) -> Picture:
    """Return a chart of ``size`` inches."""
    width, height = size
    return Picture(
        name=name,
        make=partial(png_of_plot, plot, width, height),
        alt=alt,
        width=round(width * CSS_DPI),
        height=round(height * CSS_DPI),
        caption=caption,
    )


def png_of(image: Image.Image) -> bytes:
    """Return an image as PNG."""
    content = io.BytesIO()
    image.save(content, format="PNG", optimize=True)
    return content.getvalue()
