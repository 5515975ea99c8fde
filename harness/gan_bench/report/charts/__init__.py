"""The content of the charts; `png` and `web` plot them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from gan_bench.report.samples import Samples
from gan_bench.text import percent

MOST_ROWS = 24
"""Maximum number of implementations in a chart: there are no more distinct colours and styles."""
COLUMNS = ("label", "name", "part", "line", "x", "y", "low", "high")
"""Columns of `Curves.frame`: the implementation and its name in the legend; ``strong`` (mean over
the seeds, with the lowest and the highest in low and high) or ``faint`` (one seed, or raw values);
an id for each line of an implementation; the point."""


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
    log_x: bool = False
    log_y: bool = False
    floor: float | None = None
    """Score of real images, plotted as a horizontal line."""
    y_range: tuple[float, float] | None = None
    """None for all values."""


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
    return pd.concat(points, ignore_index=True)[list(COLUMNS)]


@dataclass(frozen=True)
class Shares:
    """A bar chart."""

    id: str
    """Id of the element in the page, after ``chart-``."""
    title: str
    frame: pd.DataFrame
    """label, name (the label, and the group if there are several), class, share (0 to 1)."""
    real: pd.DataFrame | None
    """Shares of the reference: class, share."""
    alt: str


def class_shares(samples: Samples, number: int) -> Shares | None:
    """Return the class shares of a data set's implementations, None if none are known."""
    rows = [(row.caption, row.shares) for row in samples.rows if row.shares]
    if not rows:
        return None
    frame = pd.DataFrame(
        [
            (row.label, row.caption, name, share)
            for row in samples.rows
            for name, share in (row.shares or {}).items()
        ],
        columns=["label", "name", "class", "share"],
    )
    real = None
    if samples.real_shares:
        real = pd.DataFrame(samples.real_shares.items(), columns=["class", "share"])
    return Shares(
        id=f"shares-{number}",
        title="Share of each class among the final samples",
        frame=frame,
        real=real,
        alt=f"Bar chart of the share of each class among the final samples: {_extremes(rows)}.",
    )


def _extremes(rows: Sequence[tuple[str, dict[str, float]]]) -> str:
    texts = []
    for label, shares in rows:
        least, most = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
        texts.append(
            f"{label} from {percent(shares[least], 1)} of class {least} to "
            f"{percent(shares[most], 1)} of {most}"
        )
    return "; ".join(texts)
