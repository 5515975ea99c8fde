"""FID curves against the images seen and against the seconds of training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from gan_bench.analysis.summary import Group
from gan_bench.report.charts import MOST_ROWS, Curves, frame_of
from gan_bench.text import figure, many

Axis = Literal["images", "train_s"]
_AXES: dict[Axis, tuple[str, str, str]] = {
    "images": ("images", "training images seen", "images seen"),
    "train_s": ("seconds", "seconds of training, including warm-up", "seconds of training"),
}
_FLOOR_NEAR = 4.0
"""A floor this many times below the lowest FID is written in the title instead of plotted."""
LOG_FROM = 6.0
"""An axis is logarithmic if the ratio of its values is higher."""


@dataclass(frozen=True)
class FidCharts:
    """The charts of a group, and sentences on what they do not show."""

    charts: list[Curves] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def fid_charts(group: Group, points: pd.DataFrame, number: int) -> FidCharts:
    """Return both charts of a group; none if it has no scores.

    ``points`` has a row for each run and evaluation point; ``number`` identifies the group
    in the charts' ids.
    """
    labels = list(dict.fromkeys(points["label"]))
    plotted = points[points["label"].isin(labels[:MOST_ROWS])]
    notes = _notes(plotted)
    if len(labels) > MOST_ROWS:
        notes.append(f"Only the first {MOST_ROWS} of {len(labels)} implementations are plotted.")
    charts = [chart for axis in _AXES if (chart := _chart(group, plotted, axis, number))]
    return FidCharts(charts, notes)


def _notes(points: pd.DataFrame) -> list[str]:
    notes = []
    for label, mine in points.groupby("label", sort=False):
        untimed = int(mine["train_s"].isna().sum())
        if untimed:
            notes.append(
                f"{label}: {untimed} of {many(len(mine), 'point')} are missing in the chart "
                "against seconds, because the run was resumed and their time is unknown."
            )
    return notes


def _chart(group: Group, points: pd.DataFrame, axis: Axis, number: int) -> Curves | None:
    points = points.dropna(subset=[axis])
    if points.empty:
        return None
    longest = points.groupby("label")[axis].max()
    log = axis == "train_s" and longest.min() > 0 and longest.max() / longest.min() > LOG_FROM
    if log:
        points = points[points[axis] > 0]
    by_label = {str(label): mine for label, mine in points.groupby("label", sort=False)}
    lines = [frame for label, mine in by_label.items() for frame in _lines(label, mine, axis)]
    lowest = points["value"].min()
    floor = group.floor
    # A floor far below all curves would compress them.
    shown = floor is not None and floor * _FLOOR_NEAR > lowest
    word, x_title, against = _AXES[axis]
    caption = f"FID ({group.features} features) against {against}"
    ends = "; ".join(
        f"{label} from {figure(_mean_at(mine, first=True))} to {figure(_mean_at(mine))}"
        for label, mine in by_label.items()
    )
    where = f", {group.title}" if group.title else ""
    note = "; logarithmic, so the untrained generator at 0 s is not shown" if log else ""
    if floor is not None and not shown:
        note += f"; the floor of real images, {figure(floor)}, is below the chart"
    return Curves(
        id=f"fid-{word}-{number}",
        title=f"{caption}{note}",
        frame=frame_of(lines),
        x_title=x_title,
        y_title=f"FID ({group.features})",
        alt=f"Line chart of {caption}{where}: {ends}.",
        log_x=bool(log),
        log_y=bool(lowest > 0 and points["value"].max() / lowest > LOG_FROM),
        floor=floor if shown else None,
    )


def _lines(label: str, points: pd.DataFrame, axis: Axis) -> Sequence[pd.DataFrame]:
    """Return the mean over the complete seeds, and each other seed as a faint line."""
    size = points.groupby("run_id")["step"].transform("size")
    ok = points["ok"]
    # With other seeds at each point, the mean would have jumps that no seed has.
    whole = points[ok & (size == size[ok].max())] if ok.any() else points.iloc[:0]
    rest = points[~points["run_id"].isin(whole["run_id"])]
    lines = []
    if len(whole):
        mean = whole.groupby("step", as_index=False).agg(
            x=(axis, "mean"), y=("value", "mean"), low=("value", "min"), high=("value", "max")
        )
        lines.append(mean.assign(label=label, name=label, part="strong", line="mean"))
    for run_id, run in rest.groupby("run_id", sort=False):
        faint = run.rename(columns={axis: "x", "value": "y"})[["x", "y"]]
        lines.append(
            faint.assign(low=math.nan, high=math.nan, label=label, name=label).assign(
                part="faint", line=run_id
            )
        )
    return lines


def _mean_at(points: pd.DataFrame, *, first: bool = False) -> float:
    step = points["step"].min() if first else points["step"].max()
    return float(points.loc[points["step"] == step, "value"].mean())
