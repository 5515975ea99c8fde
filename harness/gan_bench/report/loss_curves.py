"""Loss curves: the generator's and the discriminator's by step, one chart an implementation."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from gan_bench.record import Record
from gan_bench.report.numbers import figure, many
from gan_bench.report.palette import NEUTRAL, Look
from gan_bench.report.pictures import Names, Picture, chart
from gan_bench.report.summary import Row

_WINDOWS = 30
"""A smoothed curve averages over this part of the steps."""
_SHOWN = (0.005, 0.995)
"""The quantiles that the axis covers: one spike must not flatten the rest."""


def loss_charts(
    rows: Sequence[tuple[str, Row]],
    losses: pd.DataFrame,
    looks: Mapping[str, Look],
    names: Names,
) -> list[Picture]:
    """Return a chart for each row that has losses.

    Parameters
    ----------
    rows
        The rows with their captions.
    losses
        The frame of `gan_bench.results.Results`.
    looks
        By the rows' labels.
    names
        Gives out file names.
    """
    by_run = {str(run_id): frame for run_id, frame in losses.groupby("run_id", sort=False)}
    pictures = []
    for caption, row in rows:
        frames = [
            _every_step(by_run[run.run_id], run.record)
            for run in row.runs
            if run.record and run.run_id in by_run
        ]
        if frames:
            pictures.append(_chart(caption, row, frames, looks[row.label], names))
    return pictures


def _every_step(frame: pd.DataFrame, record: Record) -> pd.DataFrame:
    """Return the frame with a row for each step whose loss is known, finite or not.

    The frame leaves out a step without any finite loss. Where a run ended otherwise than by
    divergence, steps after its last checkpoint have no rows because their losses were not written.
    """
    last = int(frame["step"].max())
    if record.status == "diverged":
        last = max(record.steps_done, last)
    steps = range(1, last + 1)
    return frame.set_index("step").reindex(steps).rename_axis("step").reset_index()


def _chart(
    caption: str, row: Row, frames: Sequence[pd.DataFrame], look: Look, names: Names
) -> Picture:
    def plot(drawn: Figure) -> None:
        outputs = any(_finite(frame, ("d_real", "d_fake")).size for frame in frames)
        if outputs:
            upper, lower = drawn.subplots(2, 1, sharex=True, height_ratios=(3, 2))
            _pair(lower, frames, ("d_fake", "d_real"), ("D(G(z))", "D(x)"), look)
            lower.set_ylim(-0.03, 1.03)
            lower.set_ylabel("output")
            lower.set_xlabel("step")
        else:
            upper = drawn.subplots()
            upper.set_xlabel("step")
        _pair(upper, frames, ("generator", "discriminator"), ("generator", "discriminator"), look)
        upper.set_ylabel("loss")
        shown = np.concatenate([_finite(f, ("generator", "discriminator")) for f in frames])
        if shown.size:
            low, high = np.quantile(shown, _SHOWN)
            margin = 0.06 * (high - low) or 0.5
            upper.set_ylim(low - margin, high + margin)

    broken = [_first_not_finite(frame) for frame in frames]
    steps = [step for step in broken if step is not None]
    note = f"; not finite from step {min(steps):,}" if steps else ""
    ends = ", ".join(
        f"{name} ends at {_end(frames, name)}" for name in ("generator", "discriminator")
    )
    return chart(
        names("losses", row.label),
        plot,
        size=(3.75, 3.3),
        alt=(
            f"Line chart of the losses of {row.label} by step, {many(len(frames), 'seed')}: "
            f"{ends}{note}."
        ),
        caption=f"{caption}{note}",
    )


def _pair(
    axes: Axes,
    frames: Sequence[pd.DataFrame],
    columns: tuple[str, str],
    words: tuple[str, str],
    look: Look,
) -> None:
    for column, word, colour in zip(columns, words, (look.colour, NEUTRAL), strict=True):
        for index, frame in enumerate(frames):
            values = frame[column].where(np.isfinite(frame[column]))
            smooth = _smooth(values)
            axes.plot(frame["step"], values, color=colour, alpha=0.2, linewidth=0.6)
            label = word if index == 0 else "_"
            axes.plot(frame["step"], smooth, color=colour, linewidth=1.5, label=label)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.98), ncols=2, borderaxespad=0, fontsize=9)


def _smooth(values: pd.Series) -> pd.Series:
    window = max(1, math.ceil(len(values) / _WINDOWS))
    smooth = values.rolling(window, min_periods=1, center=True).mean()
    # Where there is no loss, there is no curve either.
    return smooth.where(values.notna())


def _finite(frame: pd.DataFrame, columns: tuple[str, str]) -> NDArray[np.float64]:
    values: NDArray[np.float64] = frame[list(columns)].to_numpy(dtype=np.float64)
    return values[np.isfinite(values)]


def _first_not_finite(frame: pd.DataFrame) -> int | None:
    bad = ~np.isfinite(frame[["generator", "discriminator"]].to_numpy(dtype=float)).all(axis=1)
    return int(frame["step"].to_numpy()[bad.argmax()]) if bad.any() else None


def _end(frames: Sequence[pd.DataFrame], column: str) -> str:
    ends = [_smooth(frame[column].where(np.isfinite(frame[column]))).dropna() for frame in frames]
    last = [float(end.iloc[-1]) for end in ends if len(end)]
    return figure(sum(last) / len(last)) if last else "no finite value"
