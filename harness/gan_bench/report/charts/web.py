"""The charts as plain values for Plotly, which plots them in the page."""

import html
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gan_bench.report.charts import DENSE_DECADES, LONG_FROM, Curves, Shares, decades_of
from gan_bench.report.pictures import NEUTRAL, Look

_DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}
_HATCHES = {":": "/", "-.": "x"}
_SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond"}
_DIGITS = 5
"""Significant digits of a point: more than a screen shows, and less to load."""
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
            continue
        if (line["high"] > line["low"]).any():
            traces.append(_band(str(label), look, line))
        traces.append(_strong(str(label), str(name), look, line))
    shapes = []
    if curves.floor is not None:
        shapes.append(
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": curves.floor,
                "y1": curves.floor,
                "line": {"color": NEUTRAL, "width": 1, "dash": "dot"},
                "label": {
                    "text": "floor: real images",
                    "textposition": "end",
                    "font": {"size": 10},
                },
            }
        )
    x_axis: dict[str, Any] = {
        "title": {"text": curves.x_title},
        **_scale(curves.frame["x"], curves.log_x),
    }
    if not curves.log_x and curves.frame["x"].max() >= LONG_FROM:
        x_axis["nticks"] = 4  # Plotly would turn more of them by 30 degrees
    y_axis: dict[str, Any] = {
        "title": {"text": curves.y_title},
        **_scale(curves.frame["y"], curves.log_y),
    }
    if curves.y_range:
        y_axis["range"] = list(curves.y_range)
    return {
        "data": traces,
        "layout": {
            "xaxis": x_axis,
            "yaxis": y_axis,
            "shapes": shapes,
        },
    }


def bar_chart(shares: Shares, looks: Mapping[str, Look]) -> dict[str, Any]:
    """Return a bar for each class and implementation, and dashes for the real images."""
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "name": _text(str(name)),
            "meta": str(mine["label"].iloc[0]),
            "x": mine["class"].tolist(),
            "y": _numbers(100 * mine["share"]),
            "marker": _bar(looks[str(mine["label"].iloc[0])]),
            "hovertemplate": "%{y:.1f} % of class %{x}",
        }
        for name, mine in shares.frame.groupby("name", sort=False)
    ]
    shapes: list[dict[str, Any]] = []
    if shares.real is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "real images",
                "x": shares.real["class"].tolist(),
                "y": _numbers(100 * shares.real["share"]),
                "marker": {"color": NEUTRAL, "symbol": "line-ew-open", "size": 4},
                "hovertemplate": "%{y:.1f} % of class %{x}",
            }
        )
        # A marker's size is in pixels; these are as wide as the bars in any window.
        shapes = [
            {
                "type": "line",
                **{"x0": place - 0.4, "x1": place + 0.4, "y0": share, "y1": share},
                "line": {"color": NEUTRAL, "width": 2},
            }
            for place, share in enumerate(_numbers(100 * shares.real["share"]))
        ]
    return {
        "data": traces,
        "layout": {
            "barmode": "group",
            "xaxis": {"title": {"text": "class"}, "type": "category"},
            "yaxis": {
                "title": {"text": "share of the samples (%)"},
                "rangemode": "nonnegative",
                "tickformat": TICK_FORMAT,
            },
            "shapes": shapes,
        },
    }


def _bar(look: Look) -> dict[str, Any]:
    # Twins have one colour: the first is filled, the second an outline, further ones are hatched.
    filled = look.colour if look.line == "-" else "rgba(0,0,0,0)"
    bar: dict[str, Any] = {"color": filled, "line": {"color": look.colour, "width": 1.5}}
    if look.line in _HATCHES:
        bar["pattern"] = {"shape": _HATCHES[look.line], "fgcolor": look.colour, "size": 5}
    return bar


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
        "y": _numbers(line["y"]),
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


def _numbers(values: pd.Series) -> list[float | None]:
    return [
        float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None
        for value in values.to_numpy(dtype=np.float64)
    ]
