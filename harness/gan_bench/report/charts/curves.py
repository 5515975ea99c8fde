"""What a line chart holds, before it is drawn: by matplotlib for markdown, by Plotly for HTML."""

from dataclasses import dataclass

import pandas as pd

MOST_ROWS = 24
"""Implementations in one chart: as many as have a look of their own."""
COLUMNS = ("label", "name", "part", "line", "x", "y", "low", "high")
"""Of `Curves.frame`: the implementation and its name in the legend; ``strong`` (mean over seeds, or
the only one, with the least and the greatest in low and high) or ``faint`` (one seed, or as
measured); what separates lines of one implementation; the point."""


@dataclass(frozen=True)
class Curves:
    """A line chart."""

    id: str
    """Of the element in the page, after ``chart-``."""
    title: str
    frame: pd.DataFrame
    """See `COLUMNS`."""
    x_title: str
    y_title: str
    alt: str
    log_x: bool = False
    log_y: bool = False
    floor: float | None = None
    """A line across, where real images stand."""
    y_range: tuple[float, float] | None = None
    """None to show everything."""


def frame_of(points: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the frames one after the other with the columns of a chart."""
    if not points:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(points, ignore_index=True)[list(COLUMNS)]
