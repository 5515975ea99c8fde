"""The charts as plain values for Plotly, which plots them in the page."""

import html
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gan_bench.report.charts import (
    DENSE_DECADES,
    LONG_FROM,
    RAW,
    Curves,
    Dots,
    axis_title,
    decades_of,
    time_in_words,
)
from gan_bench.report.pictures import NEUTRAL, Look

_DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}
_SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond"}
_DIGITS = 5
"""Significant digits of a point: more than a screen shows, and less to load."""
_WHOLE_BELOW = 1e15
_MARKERS_BELOW = 40
"""Lines with as many points or more have no markers, which would only make them thicker."""

_PADDED = 1.1
"""Length of an axis, as a multiple of the range of its values."""
TICK_FORMAT = ",.12~g"
"""Every tick as the whole number that it stands for. Plotly's own format writes 2 and 5 for 20 and
50 between powers of ten, and 100n for 0.0000001."""


def line_chart(curves: Curves, looks: Mapping[str, Look]) -> dict[str, Any]:
    """Return traces and layout; the ``meta`` of each trace is its implementation."""
    traces: list[dict[str, Any]] = []
    for (name, part, _), line in curves.frame.groupby(["name", "part", "line"], sort=False):
        label = line["label"].iloc[0]
        look = looks[str(label)]
        if part == "faint":
            traces.append(_faint(str(label), str(name), look, line))
        else:
            if (line["high"] > line["low"]).any():
                traces.append(_band(str(label), look, line))
            traces.append(_strong(str(label), str(name), look, line))
        if line["line"].iloc[0] != RAW and line["step"].notna().all():
            traces[-1] |= _hover(str(name), curves, line)
    x_axis = _axis(curves.x_title, curves.frame["x"], logarithmic=curves.log_x)
    if not curves.log_x and curves.frame["x"].max() >= LONG_FROM:
        x_axis["nticks"] = 4  # Plotly would turn more of them by 30 degrees
    y_axis = _axis(curves.y_title, curves.frame["y"], logarithmic=curves.log_y)
    if curves.y_range:
        y_axis["range"] = list(curves.y_range)
    shapes = [] if curves.floor is None else [_line("y", curves.floor, "floor: real images")]
    return {"data": traces, "layout": {"xaxis": x_axis, "yaxis": y_axis, "shapes": shapes}}


_ROW_PX, _AROUND_ROWS_PX, _LEAST_PX = 22, 76, 190
"""Height of a row, of what is above and below the rows, and least height of a chart."""
_SCATTER_PX = 320
_LONGEST_LABEL = 26
"""Characters of a label beside its row."""


def dot_chart(dots: Dots, looks: Mapping[str, Look]) -> dict[str, Any]:
    """Return traces and layout; the ``meta`` of each trace is its implementation."""
    traces = [_front(dots)] if dots.front else []
    names_at = _names_at(dots)
    for (label, part), marks in dots.frame.groupby(["label", "part"], sort=False):
        traces.append(
            _marks(dots, str(label), looks[str(label)], marks, names_at if part == "mean" else None)
        )
    x_axis = _axis(dots.x_title, dots.frame["x"], logarithmic=dots.log_x)
    x_axis |= {} if dots.log_x else {"rangemode": "tozero"}
    shapes = [] if dots.floor is None else [_line("x", dots.floor, "floor")]
    if not dots.rows:
        y_axis = _axis(dots.y_title, dots.frame["y"], logarithmic=dots.log_y)
        y_axis |= {} if dots.log_y else {"rangemode": "tozero"}
        layout = {"xaxis": x_axis, "yaxis": y_axis, "shapes": shapes, "height": _SCATTER_PX}
        return {"data": traces, "layout": layout}
    shapes += [_line("y", cut - 0.5) for cut in dots.cuts]
    names = [_text(label) for label in dots.rows]
    y_axis = {
        "title": {"text": ""},
        "type": "category",
        "categoryarray": names,
        "range": [len(names) - 0.4, -0.6],
        "tickvals": names,
        "ticktext": [_text(_shortened(label)) for label in dots.rows],
    }
    layout = {"xaxis": x_axis, "yaxis": y_axis, "shapes": shapes}
    height = max(_LEAST_PX, _AROUND_ROWS_PX + _ROW_PX * len(names))
    return {"data": traces, "layout": layout | {"height": height}}


def _shortened(label: str) -> str:
    return (
        label
        if len(label) <= _LONGEST_LABEL
        else f"{label[: _LONGEST_LABEL - 1]}\N{HORIZONTAL ELLIPSIS}"
    )


def _front(dots: Dots) -> dict[str, Any]:
    """Return the steps between implementations that no other is better than in both."""
    means = dots.frame[dots.frame["part"] == "mean"].set_index("label").loc[list(dots.front)]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": _numbers(means["x"]),
        "y": _numbers(means["y"]),
        "line": {"color": NEUTRAL, "width": 1.5, "dash": "dot", "shape": "hv"},
        "hoverinfo": "skip",
    }


_NEAR = 0.07
"""Share of the axes within which marks have one name beside them."""
_NAME_WIDTH, _NAME_HEIGHT = 0.35, 0.1
"""Shares of the axes that a name takes."""


def _names_at(dots: Dots) -> dict[str, str]:
    """Return the names beside marks on the front, by label; near marks share those of the last.

    A name that would be printed over a mark or another name is left out: the note has all of them.
    """
    means = dots.frame[dots.frame["part"] == "mean"].set_index("label")
    shares = {}
    for side, log in (("x", dots.log_x), ("y", dots.log_y)):
        values = np.log(means[side]) if log else means[side]
        shares[side] = values / (np.ptp(values) or 1.0)
    at = {label: (shares["x"][label], shares["y"][label]) for label in means.index}
    near: list[list[str]] = []
    for label in dots.front:
        last = near[-1][-1] if near else label
        apart = max(abs(a - b) for a, b in zip(at[label], at[last], strict=True))
        if near and apart < _NEAR:
            near[-1].append(label)
        else:
            near.append([label])
    names: dict[str, str] = {}
    taken: list[tuple[float, float]] = []
    """Left ends of the names so far, and their height."""
    for group in near:
        x, y = at[group[-1]]
        left = x - _NAME_WIDTH * _to_the_left(dots, group[-1])
        over = any(
            left < other_x < left + _NAME_WIDTH and y - _NAME_HEIGHT < other_y < y
            for label, (other_x, other_y) in at.items()
            if label not in group
        )
        beside = any(
            abs(left - end) < _NAME_WIDTH and abs(y - height) < _NAME_HEIGHT
            for end, height in taken
        )
        if not over and not beside:
            names[group[-1]] = _text(" and ".join(map(_shortened, group)))
            taken.append((left, y))
    return names


def _to_the_left(dots: Dots, label: str) -> bool:
    """Return whether a mark's name is to its left, as there is more room."""
    of_mark = (dots.frame["label"] == label) & (dots.frame["part"] == "mean")
    return float(dots.frame.loc[of_mark, "x"].iloc[0]) > float(dots.frame["x"].mean())


def _marks(
    dots: Dots, label: str, look: Look, marks: pd.DataFrame, names: Mapping[str, str] | None
) -> dict[str, Any]:
    """Return a trace of an implementation's mean, or of its seeds if ``names`` is None."""
    mean = names is not None
    lines = (text.split("\n") for text in marks["text"])
    trace: dict[str, Any] = {
        "type": "scatter",
        "mode": "markers",
        "name": _text(label),
        "meta": label,
        "x": _numbers(marks["x"]),
        "y": [_text(label)] * len(marks) if dots.rows else _numbers(marks["y"]),
        # The mean's mark is hollow: the seeds' marks are often inside.
        "marker": {
            "symbol": f"{_SYMBOLS[look.marker]}{'-open' * mean}",
            "color": look.colour,
            "size": 12 if mean else 5,
            "line": {"color": look.colour, "width": 2 if mean else 0},
        },
        "hovertext": ["<br>".join(map(_text, said)) for said in lines],
        "hoverinfo": "text",
    }
    if names and label in names:
        left = _to_the_left(dots, label)
        trace |= {"mode": "markers+text", "cliponaxis": False, "text": [names[label]]}
        # Nothing is to the lower left of a mark on the front.
        trace["textposition"] = f"bottom {'left' if left else 'right'}"
    if mean and marks["low"].notna().all():
        ends = {"array": marks["high"] - marks["x"], "arrayminus": marks["x"] - marks["low"]}
        trace["error_x"] = {
            **{"type": "data", "symmetric": False, "thickness": 1.5, "width": 4},
            **{side: _numbers(lengths) for side, lengths in ends.items()},
        }
    return trace


def _line(axis: str, value: float, text: str = "") -> dict[str, Any]:
    """Return a thin line across a chart, at a value of the x or the y axis."""
    other = "y" if axis == "x" else "x"
    return {
        "type": "line",
        f"{other}ref": "paper",
        **{f"{other}0": 0, f"{other}1": 1, f"{axis}0": value, f"{axis}1": value},
        "line": {"color": NEUTRAL, "width": 1, "dash": "dot"},
        "label": {"text": text, "textposition": "end", "font": {"size": 10}},
    }


def _axis(title: str, values: pd.Series, *, logarithmic: bool) -> dict[str, Any]:
    return {"title": {"text": axis_title(title, logarithmic)}, **_scale(values, logarithmic)}


def _hover(name: str, curves: Curves, line: pd.DataFrame) -> dict[str, Any]:
    """Return what a point says: implementation, value, seeds, range, step, images and seconds."""
    columns: list[list[Any]] = [[int(step) for step in line["step"]]]
    if curves.x_is == "updates":
        texts = [
            f"{images:,.0f} images<br>{time_in_words(seconds)}"
            for images, seconds in zip(line["images"], line["seconds"], strict=True)
        ]
        columns.append(texts)
        where = "%{x:,} updates of the generator<br>%{customdata[1]}"
    elif curves.x_is == "seconds":
        columns.append(_numbers(line["images"]))
        where = "%{customdata[1]:,} images<br>%{x:,.3~r} s of training"
    else:
        columns.append([time_in_words(seconds) for seconds in line["seconds"]])
        where = "%{x:,} images<br>%{customdata[1]}"
    bounds = ""
    if (line["high"] > line["low"]).any():
        columns += [_numbers(line["low"]), _numbers(line["high"])]
        bounds = f" (%{{customdata[2]:{_VALUE}}} to %{{customdata[3]:{_VALUE}}})"
    seeds = _braces(str(line["seeds"].iloc[0]))
    value = f"{_braces(curves.y_title)} %{{y:{_VALUE}}}"
    return {
        "customdata": list(map(list, zip(*columns, strict=True))),
        "hoverinfo": "all",
        "hovertemplate": (
            f"{_braces(name)}<br>{value}{bounds}<br>{seeds}<br>"
            f"step %{{customdata[0]:,}}, {where}<extra></extra>"
        ),
    }


_VALUE = ",.4~r"
"""Four significant digits, without an exponent."""


def _braces(text: str) -> str:
    """Return a text in which Plotly finds neither tags nor a name to replace."""
    return _text(text).replace("%{", "% {")


def _text(name: str) -> str:
    """Return a name in which Plotly finds no tags."""
    return html.escape(name, quote=False)


def _strong(label: str, name: str, look: Look, line: pd.DataFrame) -> dict[str, Any]:
    few = len(line) < _MARKERS_BELOW
    return {
        "type": "scatter",
        "mode": "lines+markers" if few else "lines",
        "name": _text(name),
        "meta": label,
        "x": _numbers(line["x"]),
        "y": _numbers(line["y"]),
        "line": {"color": look.colour, "width": 2, "dash": _DASHES[look.line]},
        "marker": {"symbol": _SYMBOLS[look.marker], "size": 6},
    }


def _faint(label: str, name: str, look: Look, line: pd.DataFrame) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": _text(name),
        "meta": label,
        "x": _numbers(line["x"]),
        "y": _levels(line["y"]),
        "line": {"color": look.colour, "width": 1},
        "opacity": 0.25,
        "hoverinfo": "skip",
    }


def _band(label: str, look: Look, line: pd.DataFrame) -> dict[str, Any]:
    red, green, blue = (int(look.colour[i : i + 2], 16) for i in (1, 3, 5))
    return {
        "type": "scatter",
        "mode": "lines",
        "meta": label,
        "x": _numbers(line["x"]) + _numbers(line["x"][::-1]),
        "y": _numbers(line["high"]) + _numbers(line["low"][::-1]),
        "fill": "toself",
        "fillcolor": f"rgba({red},{green},{blue},0.15)",
        "line": {"width": 0},
        "hoverinfo": "skip",
    }


def _scale(values: pd.Series, logarithmic: bool) -> dict[str, Any]:
    if not logarithmic:
        return {"type": "linear", "tickformat": TICK_FORMAT}
    return {"type": "log", "tickformat": TICK_FORMAT, "nticks": _log_ticks(values)}


def _log_ticks(values: pd.Series) -> int:
    """Return the number of ticks with which Plotly shows 1, 2 and 5, or powers of ten alone.

    It chooses them by decades for each tick: up to 0.3 every digit, which is too dense, and from
    0.7 on powers of ten. Within one decade it places them evenly.
    """
    decades = _PADDED * decades_of(values)
    if decades > _PADDED * DENSE_DECADES:
        return min(8, 1 + math.ceil(decades))
    return 4 if 0 < decades < 1 else max(3, math.ceil(decades / 0.6))


_LEVELS = 2_000
"""Levels of a line whose values cannot be read: several for each pixel of its height."""


def _levels(values: pd.Series) -> list[float | None]:
    """Return the values, rounded to a level of their range."""
    finite = values[np.isfinite(values)]
    span = float(np.ptp(finite)) if len(finite) else 0.0
    if not span > 0:
        return _numbers(values)
    return _numbers(values.round(math.ceil(math.log10(_LEVELS / span))))


def _numbers(values: pd.Series) -> list[float | None]:
    return [
        None
        if not np.isfinite(value)
        else int(value)  # numbers of images keep all their digits
        if value.is_integer() and abs(value) < _WHOLE_BELOW
        else float(f"{value:.{_DIGITS}g}")
        for value in values.to_numpy(dtype=np.float64).tolist()
    ]
