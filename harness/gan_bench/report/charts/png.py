"""The charts as PNG for the Markdown report, made by matplotlib."""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, product

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis as MplAxis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from gan_bench.recipe import OPTIONAL_LOSSES
from gan_bench.report.charts import (
    DENSE_DECADES,
    LONG_FROM,
    Curves,
    axis_title,
    decades_of,
)
from gan_bench.report.charts.loss_curves import Losses, loss_alt, range_shown
from gan_bench.report.pictures import NEUTRAL, Look, Names, Picture, chart

_FLOOR = (0, (1, 2))
_DENSE_BELOW = 2.0
"""As `DENSE_DECADES`, for the axis below a chart, where numbers are beside each other."""


def fid_picture(curves: Curves, looks: Mapping[str, Look], names: Names) -> Picture:
    """Return a chart of all implementations."""
    labels = list(dict.fromkeys(curves.frame["label"]))

    def plot(figure: Figure) -> None:
        axes = figure.subplots()
        _lines(axes, curves.frame, looks)
        if curves.floor is not None:
            axes.axhline(curves.floor, color=NEUTRAL, linewidth=1, linestyle=_FLOOR)
        if curves.log_y:
            dense = decades_of(curves.frame["y"]) <= DENSE_DECADES
            _logarithmic(axes.yaxis, axes.set_yscale, dense=dense)
        elif curves.y_range:
            axes.set_ylim(*curves.y_range)
        if curves.log_x:
            dense = decades_of(curves.frame["x"]) <= _DENSE_BELOW
            _logarithmic(axes.xaxis, axes.set_xscale, dense=dense)
        elif curves.frame["x"].max() >= LONG_FROM:
            axes.xaxis.set_major_locator(MaxNLocator(3))
        _whole_numbers(axes)
        axes.set_xlabel(axis_title(curves.x_title, curves.log_x))
        axes.set_ylabel(axis_title(curves.y_title, curves.log_y))
        _legend(figure, labels, looks, floor=curves.floor is not None)

    legend_rows = -(-(len(labels) + (curves.floor is not None)) // 2)
    return chart(
        names(curves.id),
        plot,
        size=(4.8, 3.2 + 0.19 * legend_rows),
        alt=curves.alt,
        caption=curves.title,
    )


def loss_picture(curves: Losses, look: Look, names: Names) -> Picture:
    """Return a chart of one implementation: losses above, the discriminator's outputs below."""

    def plot(figure: Figure) -> None:
        outputs = [name for name in ("d_fake", "d_real") if name in curves.frames]
        if outputs:
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
            _lines_of(
                lower,
                curves,
                dict(zip(("d_fake", "d_real"), ("D(G(z))", "D(x)"), strict=True)),
                look,
            )
            lower.set_ylim(-0.03, 1.03)
            lower.set_ylabel("D(x), D(G(z))")
        else:
            upper = lower = figure.subplots()
        minimised = [name for name in curves.frames if name not in OPTIONAL_LOSSES]
        _lines_of(upper, curves, {name: name for name in minimised}, look)
        upper.set_ylabel("loss")
        lower.set_xlabel("training images seen")
        for axes in {upper, lower}:
            _whole_numbers(axes)
        longest = max(frame["x"].max() for frame in curves.frames.values())
        lower.xaxis.set_major_locator(MaxNLocator(3 if longest >= LONG_FROM else 4))
        losses = [curves.frames[name] for name in minimised]
        shown = range_shown(pd.concat(losses)) if losses else None
        if shown:
            upper.set_ylim(*shown)

    return chart(
        names("losses", curves.name),
        plot,
        size=(3.75, 3.3),
        alt=loss_alt(curves),
        caption=f"{curves.name}{curves.note}",
    )


def _lines(axes: Axes, frame: pd.DataFrame, looks: Mapping[str, Look]) -> None:
    for (_, part, _), line in frame.groupby(["name", "part", "line"], sort=False):
        look = looks[str(line["label"].iloc[0])]
        if part == "faint":
            axes.plot(line["x"], line["y"], color=look.colour, alpha=0.35, linewidth=0.8)
            continue
        axes.plot(
            line["x"],
            line["y"],
            color=look.colour,
            linestyle=look.line,
            marker=look.marker,
            markersize=3.5,
            linewidth=1.8,
        )
        axes.fill_between(line["x"], line["low"], line["high"], color=look.colour, alpha=0.15, lw=0)


def _lines_of(axes: Axes, curves: Losses, words: Mapping[str, str], look: Look) -> None:
    looks = product(("-", "--", ":", "-."), (look.colour, NEUTRAL))
    for (column, word), (line, colour) in zip(words.items(), cycle(looks), strict=False):
        frame = curves.frames.get(column)
        if frame is None:
            continue
        faint, strong = frame[frame["part"] == "faint"], frame[frame["part"] == "strong"]
        axes.plot(faint["x"], faint["y"], color=colour, alpha=0.2, linewidth=0.6)
        axes.fill_between(strong["x"], strong["low"], strong["high"], color=colour, alpha=0.2, lw=0)
        axes.plot(strong["x"], strong["y"], color=colour, linestyle=line, linewidth=1.5, label=word)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.98), ncols=2, borderaxespad=0, fontsize=9)


def _logarithmic(axis: MplAxis, set_scale: Callable[[str], None], *, dense: bool) -> None:
    set_scale("log")
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if dense else (1,), numticks=10))
    axis.set_minor_formatter(NullFormatter())


def _whole_numbers(axes: Axes) -> None:
    """Write every tick as the number that it stands for, without a factor beside the axis."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.12g}"))


def _legend(
    figure: Figure, labels: Sequence[str], looks: Mapping[str, Look], *, floor: bool
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
    if floor:
        handles.append(Line2D([], [], color=NEUTRAL, linewidth=1, linestyle=_FLOOR))
        words.append("floor: real images")
    figure.legend(handles, words, loc="outside lower center", ncols=2, fontsize=9, handlelength=4)
