"""The chart of a study: the best FID against the number of trials."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from gan_bench.report.charts import LOG_FROM, Curves, frame_of, read_out
from gan_bench.report.charts.png import fid_picture
from gan_bench.report.pictures import Names, Picture, looks
from gan_bench.sensitivity import Study
from gan_bench.sensitivity.figures import Curve
from gan_bench.text import figure

NAME = "sensitivity"


def best_chart(drawn: Sequence[tuple[Study, Curve]]) -> Picture:
    """Return the chart of the studies that have a curve, at least one."""
    lines, rows, texts = [], [], []
    for study, curve in drawn:
        label = f"{study.label} (N = {len(curve.fid)})"
        nothing = np.full(len(curve.fid), math.nan)
        lines.append(
            pd.DataFrame(
                {
                    **{"label": label, "name": label, "part": "strong", "line": "best"},
                    "x": np.arange(1, len(curve.fid) + 1),
                    "y": curve.fid,
                    "low": nothing if curve.low is None else curve.low,
                    "high": nothing if curve.high is None else curve.high,
                }
            )
        )
        implementation = study.spec.implementation
        rows.append((label, implementation.recipe, implementation.framework))
        texts.append(f"{label} from {figure(curve.fid[0])} to {figure(curve.fid[-1])}")
    features = drawn[0][0].features
    best = "expected best FID" if drawn[0][0].sampler == "random" else "best FID so far"
    frame = frame_of(lines)
    lowest, highest = float(frame["y"].min()), float(frame["y"].max())
    curves = Curves(
        id=NAME,
        title=f"{best} ({features} features) against the number of trials",
        frame=frame,
        x_title="trials",
        y_title=f"{best} ({features})",
        alt=f"Line chart of the {best} against the number of trials: {read_out(texts)}.",
        log_y=lowest > 0 and highest / lowest > LOG_FROM,
    )
    return fid_picture(curves, looks(rows), Names())
