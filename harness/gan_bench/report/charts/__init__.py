"""The content of the charts; `png` and `web` plot them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from gan_bench.text import duration

MOST_ROWS = 24
"""Maximum number of implementations in a chart: there are no more distinct colours and styles."""
LOG_FROM = 6.0
"""An axis is logarithmic if the ratio of its values is higher."""
RAW = "raw"
"""The id of a line of raw values."""
COLUMNS = (
    *("label", "name", "part", "line", "x", "y", "low", "high"),
    *("step", "images", "seconds", "seeds"),
)
"""Columns of `Curves.frame`: the implementation and its name in the legend; ``strong`` (mean over
the seeds, with the lowest and the highest in low and high) or ``faint`` (one seed, or raw values);
an id for each line of an implementation; the point; its step, training images and seconds of
training (NaN if unknown); the line's seeds in words."""


@dataclass(frozen=True)
class Curves:
    """A line chart."""

    id: str
    """Id of the element in the page, after ``chart-``."""
    title: str
    frame: pd.DataFrame
    """See `COLUMNS`."""
    x_title: str
    y_title: str
    alt: str
    x_is: Literal["images", "updates", "seconds"] = "images"
    log_x: bool = False
    log_y: bool = False
    floor: float | None = None
    """Score of real images, plotted as a horizontal line."""
    y_range: tuple[float, float] | None = None
    """None for all values."""


@dataclass(frozen=True)
class Dots:
    """A chart with one large mark for each implementation, and a small one for each seed."""

    id: str
    """Id of the element in the page, after ``chart-``."""
    title: str
    frame: pd.DataFrame
    """``label``; ``part``: ``mean`` or ``seed``; ``x``; ``y`` (NaN in a chart with rows); ``low``
    and ``high``, an interval along x (NaN for none); ``text``: what the mark means, in lines."""
    x_title: str
    alt: str
    y_title: str = ""
    rows: tuple[str, ...] = ()
    """Labels from top to bottom, if each implementation has a row; else y is an axis."""
    cuts: tuple[int, ...] = ()
    """Numbers of rows above a line between tiers."""
    front: tuple[str, ...] = ()
    """Labels that a line joins, by x."""
    notes: tuple[str, ...] = ()
    """How to read the chart."""
    log_x: bool = False
    log_y: bool = False
    floor: float | None = None
    """Score of real images, plotted as a line across the chart."""


def axis_title(text: str, logarithmic: bool) -> str:
    """Return the title of an axis, which says if it is logarithmic."""
    return f"{text}, logarithmic" if logarithmic else text


def time_in_words(seconds: float | None) -> str:
    """Return e.g. ``2 min 05 s of training``; the time may be None or NaN."""
    if seconds is None or math.isnan(seconds):
        return "time unknown"
    return f"{duration(seconds)} of training"


_MOST_READ_OUT = 5


def read_out(texts: Iterable[str]) -> str:
    """Return the first few of a chart's series for its alternative text; tables have them all."""
    every = list(texts)
    left = len(every) - _MOST_READ_OUT
    return "; ".join([*every[:_MOST_READ_OUT], *([f"{left} more"] if left > 0 else [])])


DENSE_DECADES = 2.7
"""Decades up to which a logarithmic axis has ticks at 2 and 5 between the powers of ten."""

LONG_FROM = 1e5
"""Numbers from which only a few fit below a chart."""


def decades_of(values: pd.Series) -> float:
    """Return how many powers of ten the positive values span."""
    positive = values[values > 0]
    return math.log10(positive.max() / positive.min()) if len(positive) else 0.0


def frame_of(points: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the frames, concatenated, with the columns of a chart."""
    if not points:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(points, ignore_index=True).reindex(columns=list(COLUMNS))
