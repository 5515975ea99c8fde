"""Curves whose axes are hard to label: small, large, equal, single and negative values."""

import math

import pandas as pd

from gan_bench.report.charts import Curves, frame_of

CASES = {
    "FID from 150 to 20": ([0, 1, 2, 3], [150, 90, 40, 20], False, True),
    "FID from 150 to 2": ([0, 1, 2, 3], [150, 90, 40, 2], False, True),
    "one decade": ([0, 1], [10, 1], False, True),
    "less than a decade": ([1, 2], [61, 10], False, True),
    "many decades": ([0, 1, 2], [3e6, 2e4, 10], False, True),
    "a hundred decades": ([0, 1, 2], [1e-60, 1, 1e40], False, True),
    "below one": ([0, 1, 2], [0.9, 0.2, 0.05], False, True),
    "tiny": ([0, 1, 2], [2e-3, 1e-4, 3e-6], False, True),
    "equal on a logarithm": ([1, 2], [3, 3], True, True),
    "seconds": ([0.5, 3, 60, 2000], [150, 40, 20, 10], True, True),
    "few seconds": ([12, 20, 40], [150, 40, 20], True, True),
    "images": ([128, 4000, 60_000], [1, 2, 3], True, False),
    "linear": ([0, 30_000, 60_000], [150, 140, 130], False, False),
    "small differences": ([0, 1, 2], [1.0001, 1.0002, 1.0003], False, False),
    "tiny on a line": ([0, 1, 2], [1e-7, 2e-7, 3e-7], False, False),
    "huge": ([0, 3e9, 6e9], [1e9, 2e9, 5e9], False, False),
    "Wasserstein": ([0, 3, 6], [-1200, -3, 5], False, False),
    "one value": ([5], [20], False, False),
    "equal": ([0, 5], [20, 20], False, False),
    "zero": ([0, 5], [0, 0], False, False),
}
"""x, y, and whether each axis is logarithmic."""


def curves(name):
    """Return the chart of a case, of the one implementation torch-dcgan."""
    x, y, log_x, log_y = CASES[name]
    points = pd.DataFrame({"x": x, "y": y, "low": math.nan, "high": math.nan}).astype(float)
    line = {"label": "torch-dcgan", "name": "torch-dcgan", "part": "strong", "line": "mean"}
    frame = frame_of([points.assign(**line)])
    return Curves("case", name, frame, "images seen", "FID", "", log_x=log_x, log_y=log_y)


def number(text):
    """Return the number that a tick's text stands for."""
    return float(text.replace(",", "").replace("\N{MINUS SIGN}", "-"))
