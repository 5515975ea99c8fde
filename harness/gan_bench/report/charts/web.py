"""The charts as Plotly takes them: plain values that the page's script draws."""

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gan_bench.report.charts import Curves, Shares
from gan_bench.report.pictures import NEUTRAL, Look

_DASHES = {"-": "solid", "--": "dash", ":": "dot", "-.": "dashdot"}
_SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up", "D": "diamond"}
_DIGITS = 5
"""Significant ones of a point: more than a screen shows, and less to load."""
_MARKERS_BELOW = 40
"""Points of a line from which on markers would only thicken it."""


def line_chart(curves: Curves, looks: Mapping[str, Look]) -> dict[str, Any]:
    """Return traces and layout; each trace's ``meta`` is its implementation."""
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
    y_axis: dict[str, Any] = {"title": {"text": curves.y_title}, **_scale(curves.log_y)}
    if curves.y_range:
        y_axis["range"] = list(curves.y_range)
    return {
        "data": traces,
        "layout": {
            "xaxis": {"title": {"text": curves.x_title}, **_scale(curves.log_x)},
            "yaxis": y_axis,
            "shapes": shapes,
        },
    }


def bar_chart(shares: Shares, looks: Mapping[str, Look]) -> dict[str, Any]:
    """Return a bar of each class and implementation, and the real images' shares as marks."""
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
    if shares.real is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "real images",
                "x": shares.real["class"].tolist(),
                "y": _numbers(100 * shares.real["share"]),
                "marker": {
                    "color": NEUTRAL,
                    "symbol": "line-ew-open",
                    "size": 60,
                    "line": {"width": 2},
                },
                "hovertemplate": "%{y:.1f} % of class %{x}",
            }
        )
    return {
        "data": traces,
        "layout": {
            "barmode": "group",
            "xaxis": {"title": {"text": "class"}, "type": "category"},
            "yaxis": {"title": {"text": "share of the samples (%)"}},
        },
    }


def _bar(look: Look) -> dict[str, Any]:
    # Twins have one colour; the second is an outline.
    filled = look.colour if look.line == "-" else "rgba(0,0,0,0)"
    return {"color": filled, "line": {"color": look.colour, "width": 1.5}}


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


def _scale(logarithmic: bool) -> dict[str, Any]:
    return {"type": "log", "dtick": "D2"} if logarithmic else {"type": "linear"}


def _numbers(values: pd.Series) -> list[float | None]:
    return [
        float(f"{value:.{_DIGITS}g}") if np.isfinite(value) else None
        for value in values.to_numpy(dtype=np.float64)
    ]
