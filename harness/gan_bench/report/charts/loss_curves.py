"""Loss curves: each loss, D(x) and D(G(z)), against the images seen."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gan_bench.analysis.summary import Row
from gan_bench.recipe import LOSSES, OPTIONAL_LOSSES
from gan_bench.report.charts import LOG_FROM, MOST_ROWS, RAW, Curves, frame_of, read_out
from gan_bench.report.charts.fid import seeds_in_words
from gan_bench.report.claims.measures import LEVEL_PART
from gan_bench.results.record import Record
from gan_bench.text import figure, many

_CHARTS: dict[str, tuple[str, str, str]] = {
    "generator": ("loss-generator", "Generator's loss", "loss"),
    "discriminator": ("loss-discriminator", "Discriminator's loss", "loss"),
    "d_real": ("d-real", "D(x): the discriminator's output for real images", "D(x)"),
    "d_fake": ("d-fake", "D(G(z)): the discriminator's output for generated images", "D(G(z))"),
}


_END = "mean of the last tenth of the steps"


def loss_title(name: str) -> str:
    """Return the title of a loss's chart."""
    return _CHARTS[name][1] if name in _CHARTS else f"Loss {name}"


_WINDOWS = 30
"""A smoothed curve averages over windows of the number of steps divided by this."""
_SMOOTH_POINTS = 100
"""Points of a smoothed curve: about three in each window."""
RAW_BINS = 120
"""Bins of a raw curve, each with its lowest and highest value, so that no spike is lost."""
_ROUNDING = 1e-5
"""Smallest margin of the axis, as a share of the values."""
_SHOWN = (0.005, 0.995)
"""Quantiles of the raw values that limit the axis, as one spike would flatten the rest."""


@dataclass(frozen=True)
class Losses:
    """The curves of one implementation."""

    label: str
    name: str
    runs: frozenset[str]
    """Ids of the runs."""
    frames: Mapping[str, pd.DataFrame]
    """Points by column of the losses that the implementation reports, with the columns
    `gan_bench.report.charts.COLUMNS`."""
    ends: Mapping[str, float]
    """Mean over the last tenth of the steps by column, mean over the seeds."""
    broken_from: int | None
    """First step without a finite loss; None if all are finite."""

    @property
    def note(self) -> str:
        """Text for captions; empty if all losses are finite."""
        return "" if self.broken_from is None else f"; not finite from step {self.broken_from:,}"


def loss_curves(rows: Sequence[tuple[str, Row]], losses: pd.DataFrame) -> list[Losses]:
    """Return the curves of each row that has finite losses, at most `MOST_ROWS`."""
    by_run = {str(run_id): frame for run_id, frame in losses.groupby("run_id", sort=False)}
    found: list[Losses] = []
    for caption, row in rows:
        timed = {run.run_id for run in row.timed}
        runs = [
            (run.record, by_run[run.run_id], run.run_id in timed)
            for run in row.ok_runs or row.runs
            if run.record and run.run_id in by_run
        ]
        if runs and len(found) < MOST_ROWS:
            curves = _curves(caption, row.label, runs)
            if curves.frames:
                found.append(curves)
    return found


def not_plotted(rows: Sequence[tuple[str, Row]], curves: Sequence[Losses]) -> str:
    """Return a sentence if there are more implementations than are plotted."""
    if len(curves) < MOST_ROWS or len(rows) <= MOST_ROWS:
        return ""
    return f"Only the first {MOST_ROWS} of {len(rows)} implementations are plotted."


def loss_charts(curves: Sequence[Losses], number: int) -> list[Curves]:
    """Return a chart of a group for each column that any of its implementations reports.

    ``number`` identifies the group in the charts' ids.
    """
    charts = []
    found = {column for one in curves for column in one.frames}
    for column in [*LOSSES, *sorted(found - set(LOSSES))]:
        shown = [one for one in curves if column in one.frames]
        if not shown:
            continue
        name, title, y_title = _CHARTS.get(column, (f"loss-{column}", loss_title(column), "loss"))
        ends = read_out(f"{one.label} {figure(one.ends[column])}" for one in shown)
        # In a chart of one group, the label is enough.
        frame = frame_of([one.frames[column].assign(name=one.label) for one in shown])
        longest = frame.groupby("name")["x"].max()
        charts.append(
            Curves(
                id=f"{name}-{number}",
                title=title,
                frame=frame,
                x_title="training images seen",
                y_title=y_title,
                alt=f"Line chart of {title} by training images seen; {_END}: {ends}.",
                # The recipes' own budgets may differ much.
                log_x=bool(longest.max() / longest.min() > LOG_FROM),
                y_range=(-0.03, 1.03) if column in OPTIONAL_LOSSES else range_shown(frame),
            )
        )
    return charts


def loss_alt(curves: Losses) -> str:
    """Return the alternative text for a chart of one implementation's losses."""
    ends = ", ".join(
        f"{name} {figure(curves.ends[name])}" for name in curves.ends if name not in OPTIONAL_LOSSES
    )
    return (
        f"Line chart of the losses of {curves.name} by training images seen, "
        f"{many(len(curves.runs), 'seed')}; {_END}: {ends}{curves.note}."
    )


def range_shown(frame: pd.DataFrame) -> tuple[float, float] | None:
    """Return the range of the axis with nearly all points."""
    values = frame["y"].to_numpy(dtype=float)
    values = values[np.isfinite(values)]
    if not values.size:
        return None
    low, high = (float(bound) for bound in np.quantile(values, _SHOWN))
    if "part" in frame:
        # A smoothed curve is shown whole, unless it would flatten the rest.
        strong, span = frame.loc[frame["part"] == "strong", "y"].dropna(), high - low
        low = max(min(low, strong.min()), low - span)
        high = min(max(high, strong.max()), high + span)
    # Losses that differ by rounding alone are plotted as the constant that they are.
    rounding = _ROUNDING * max(abs(low), abs(high))
    margin = max(0.06 * (high - low), rounding) or 0.5
    return low - margin, high + margin


def every_step(frame: pd.DataFrame, record: Record) -> pd.DataFrame:
    """Return the frame with rows for the steps without any finite loss, which it leaves out.

    If a run did not diverge, steps after its last checkpoint have no rows, because their losses
    were not written.
    """
    last = int(frame["step"].max())
    if record.status == "diverged":
        last = max(record.steps_done, last)
    steps = range(1, last + 1)
    return frame.set_index("step")[list(record.spec.losses)].reindex(steps)


def _curves(caption: str, label: str, runs: Sequence[tuple[Record, pd.DataFrame, bool]]) -> Losses:
    """Return the curves of runs, each given with its losses and whether its time counts."""
    tables = [(every_step(frame, record), record) for record, frame, _ in runs]
    timed = {record.spec.seed for record, _, timed in runs if timed}
    per_step = runs[0][0].spec.images_per_step
    frames, ends = {}, {}
    for column in dict.fromkeys(str(name) for table, _ in tables for name in table):
        values = [
            (table[column].to_numpy(dtype=np.float64), record)
            for table, record in tables
            if column in table
        ]
        values = [(np.where(np.isfinite(v), v, np.nan), record) for v, record in values]
        values = [(v, record) for v, record in values if np.isfinite(v).any()]
        if not values:
            continue
        smooth = [_smooth(v) for v, _ in values]
        ends[column] = float(np.mean([_level(v) for v, _ in values]))
        raw, first = values[0]
        strong = _strong(smooth).assign(
            seeds=seeds_in_words([record.spec.seed for _, record in values])
        )
        faint = _faint(raw).assign(seeds=f"seed {first.spec.seed}")
        clocked = [record for _, record in values if record.spec.seed in timed]
        times = [_seconds_at(strong["step"], record) for record in clocked]
        strong["seconds"] = np.mean(times, axis=0) if times else math.nan
        faint["seconds"] = (
            _seconds_at(faint["step"], first) if first.spec.seed in timed else math.nan
        )
        points = pd.concat([strong, faint])
        images = points["step"] * per_step
        frames[column] = frame_of(
            [points.assign(x=images, images=images, label=label, name=caption)]
        )
    broken = [step for table, _ in tables if (step := _first_not_finite(table)) is not None]
    ids = frozenset(str(frame["run_id"].iloc[0]) for _, frame, _ in runs)
    return Losses(label, caption, ids, frames, ends, min(broken, default=None))


def _seconds_at(steps: pd.Series, record: Record) -> NDArray[np.float64]:
    """Return the seconds of training at each step, on lines between the evaluation points."""
    known = [(p.step, p.train_s) for p in record.evaluation_points if p.train_s is not None]
    if len(known) < 2:
        return np.full(len(steps), np.nan)
    at, seconds = (np.array(values, dtype=np.float64) for values in zip(*known, strict=True))
    found = np.interp(steps.to_numpy(dtype=np.float64), at, seconds, right=np.nan)
    return np.asarray(found, dtype=np.float64)


def _level(values: NDArray[np.float64]) -> float:
    """Return the mean over the last tenth of the steps, or the last loss if there is none."""
    known = np.isfinite(values)
    last = values[-max(1, round(LEVEL_PART * len(values))) :]
    last = last[np.isfinite(last)]
    return float(last.mean() if last.size else values[known][-1])


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    window = max(1, math.ceil(len(values) / _WINDOWS))
    mean = pd.Series(values).rolling(window, min_periods=1, center=True).mean().to_numpy()
    # The curve has the gaps of the losses.
    return np.where(np.isfinite(values), mean, np.nan)


def _strong(smooth: Sequence[NDArray[np.float64]]) -> pd.DataFrame:
    longest = max(map(len, smooth))
    at = np.unique(np.linspace(0, longest - 1, _SMOOTH_POINTS).astype(int))
    table = np.full((len(smooth), len(at)), np.nan)
    for row, values in zip(table, smooth, strict=True):
        there = at < len(values)
        row[there] = values[at[there]]
    some = np.isfinite(table).any(axis=0)
    table, at = table[:, some], at[some]
    return pd.DataFrame(
        {
            "step": at + 1,
            "y": np.nanmean(table, axis=0),
            "low": np.nanmin(table, axis=0),
            "high": np.nanmax(table, axis=0),
        }
    ).assign(part="strong", line="mean")


def _faint(values: NDArray[np.float64]) -> pd.DataFrame:
    """Return the raw values of one seed, reduced to the lowest and the highest of each bin."""
    at = np.arange(len(values))
    if len(values) > 2 * RAW_BINS:
        width = math.ceil(len(values) / RAW_BINS)
        padded = np.full(math.ceil(len(values) / width) * width, np.nan)
        padded[: len(values)] = values
        bins = padded.reshape(-1, width)
        starts = np.arange(len(bins)) * width
        least = starts + np.where(np.isfinite(bins), bins, np.inf).argmin(axis=1)
        most = starts + np.where(np.isfinite(bins), bins, -np.inf).argmax(axis=1)
        known = np.flatnonzero(np.isfinite(values))
        # The line begins and ends where the losses do.
        at = np.unique(np.concatenate([least, most, known[[0, -1]]]))
    at = at[np.isfinite(values[at])]
    return pd.DataFrame(
        {"step": at + 1, "y": values[at], "low": math.nan, "high": math.nan}
    ).assign(part="faint", line=RAW)


def _first_not_finite(table: pd.DataFrame) -> int | None:
    minimised = [name for name in table if name not in OPTIONAL_LOSSES]
    bad = ~np.isfinite(table[minimised].to_numpy(dtype=float)).all(axis=1)
    return int(table.index[bad.argmax()]) if bad.any() else None
