"""FID curves: against the images seen and against the seconds of training."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis as MplAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from gan_bench.report.numbers import figure
from gan_bench.report.palette import NEUTRAL, Look
from gan_bench.report.pictures import Names, Picture, chart
from gan_bench.report.summary import Group, Row

Axis = Literal["images", "train_s"]
_AXES: dict[Axis, tuple[str, str]] = {
    "images": ("training images seen", "images seen"),
    "train_s": ("seconds of training, warm-up included", "seconds of training"),
}
_LOG_FROM = 6.0
"""With values this many times apart, a linear axis would squash the least."""


@dataclass(frozen=True)
class FidCharts:
    """The charts of a group, and what they do not show."""

    pictures: list[Picture]
    notes: list[str]


def fid_charts(
    group: Group, scores: pd.DataFrame, looks: Mapping[str, Look], names: Names
) -> FidCharts:
    """Return both charts of a group, none where it has no scores.

    Parameters
    ----------
    group
        Its runs, metric and protocol.
    scores
        The frame of `gan_bench.results.Results`.
    looks
        By the rows' labels.
    names
        Gives out file names.
    """
    if group.metric is None:
        return FidCharts([], [])
    of_group = scores[
        (scores["protocol"] == group.setting.protocol) & (scores["metric"] == group.metric)
    ].astype({"value": float, "images": float, "train_s": float})
    frames = {
        row.label: of_group[of_group["run_id"].isin([run.run_id for run in row.runs])]
        .dropna(subset=["value"])
        .sort_values(["run_id", "step"])
        for row in group.rows
    }
    frames = {label: frame for label, frame in frames.items() if len(frame)}
    if not frames:
        return FidCharts([], [])
    notes = []
    for label, frame in frames.items():
        untimed = int(frame["train_s"].isna().sum())
        if untimed:
            notes.append(
                f"{label}: {untimed} of {len(frame)} points are missing against seconds, as a "
                "resumption hides the time until then."
            )
    pictures = [_chart(group, frames, looks, names, axis) for axis in _AXES]
    return FidCharts([picture for picture in pictures if picture], notes)


def _chart(
    group: Group,
    frames: Mapping[str, pd.DataFrame],
    looks: Mapping[str, Look],
    names: Names,
    axis: Axis,
) -> Picture | None:
    frames = {label: frame.dropna(subset=[axis]) for label, frame in frames.items()}
    frames = {label: frame for label, frame in frames.items() if len(frame)}
    if not frames:
        return None
    longest = [float(frame[axis].max()) for frame in frames.values()]
    log = axis == "train_s" and min(longest) > 0 and max(longest) / min(longest) > _LOG_FROM
    rows = {row.label: row for row in group.rows}

    def plot(drawn: Figure) -> None:
        axes = drawn.subplots()
        for label, frame in frames.items():
            _lines(axes, frame, rows[label], looks[label], axis, log)
        if group.floor is not None:
            axes.axhline(group.floor, color=NEUTRAL, linewidth=1, linestyle=(0, (1, 2)))
        values = pd.concat(list(frames.values()))["value"]
        lowest = min(values.min(), math.inf if group.floor is None else group.floor)
        if lowest > 0 and values.max() / lowest > _LOG_FROM:
            _logarithmic(axes.yaxis, axes.set_yscale)
        if log:
            _logarithmic(axes.xaxis, axes.set_xscale)
        for scale in (axes.xaxis, axes.yaxis):
            scale.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axes.set_xlabel(_AXES[axis][0])
        axes.set_ylabel(f"FID ({group.features})")
        _legend(drawn, [label for label in looks if label in frames], looks, group.floor)

    ends = "; ".join(
        f"{label} from {figure(_mean_at(frame, first=True))} to {figure(_mean_at(frame))}"
        for label, frame in frames.items()
    )
    caption = f"FID ({group.features} features) against {_AXES[axis][1]}"
    note = "; logarithmic, so the untrained generator at 0 s is not shown" if log else ""
    legend_rows = -(-(len(frames) + (group.floor is not None)) // 2)
    return chart(
        names("fid", axis, group.title),
        plot,
        size=(4.8, 3.2 + 0.19 * legend_rows),
        alt=f"Line chart of {caption}: {ends}.",
        caption=f"{caption}{note}",
    )


def _logarithmic(axis: MplAxis, set_scale: Callable[[str], None]) -> None:
    set_scale("log")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
    axis.set_minor_formatter(NullFormatter())


def _lines(axes: Axes, frame: pd.DataFrame, row: Row, look: Look, axis: Axis, log: bool) -> None:
    shown = frame[frame[axis] > 0] if log else frame
    for _, run in shown.groupby("run_id"):
        axes.plot(run[axis], run["value"], color=look.colour, alpha=0.35, linewidth=0.8)
    ok = [run.run_id for run in row.ok_runs]
    of_ok = shown[shown["run_id"].isin(ok)]
    points = of_ok.groupby("run_id")["step"].transform("size")
    # A mean over other seeds at every point would have jumps that no seed took.
    whole = of_ok[points == points.max()]
    mean = whole.groupby("step")[[axis, "value"]].mean()
    axes.plot(
        mean[axis],
        mean["value"],
        color=look.colour,
        linestyle=look.line,
        marker=look.marker,
        markersize=3.5,
        linewidth=1.8,
    )


def _legend(
    drawn: Figure, labels: list[str], looks: Mapping[str, Look], floor: float | None
) -> None:
    handles = [
        Line2D(
            *([], []),
            color=looks[label].colour,
            linestyle=looks[label].line,
            marker=looks[label].marker,
            markersize=3.5,
            linewidth=1.8,
        )
        for label in labels
    ]
    # matplotlib leaves out labels that start with an underscore.
    words = [f" {label}" if label.startswith("_") else label for label in labels]
    if floor is not None:
        handles.append(Line2D([], [], color=NEUTRAL, linewidth=1, linestyle=(0, (1, 2))))
        words.append("floor: real images")
    drawn.legend(handles, words, loc="outside lower center", ncols=2, fontsize=9)


def _mean_at(frame: pd.DataFrame, *, first: bool = False) -> float:
    step = frame["step"].min() if first else frame["step"].max()
    return float(frame.loc[frame["step"] == step, "value"].mean())
