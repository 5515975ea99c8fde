"""Charts: what each one shows. `png` and `web` draw them."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from gan_bench.report.samples import Samples

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


@dataclass(frozen=True)
class Shares:
    """A bar chart."""

    id: str
    """Of the element in the page, after ``chart-``."""
    title: str
    frame: pd.DataFrame
    """label, name (the label, and the group where there are several), class, share (0 to 1)."""
    real: pd.DataFrame | None
    """class, share: of the reference."""
    alt: str


def class_shares(samples: Samples, number: int) -> Shares | None:
    """Return the bars of a data set's implementations, None where no classes are known."""
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
            f"{label} from {shares[least]:.1%} of class {least} to {shares[most]:.1%} of {most}"
        )
    return "; ".join(texts)
