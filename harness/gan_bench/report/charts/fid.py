"""The FID in charts: at the end of training, against time, and along the training."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Literal

import pandas as pd

from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.statistics import FEWEST_SEEDS, SeedValues
from gan_bench.analysis.summary import Group, Row
from gan_bench.analysis.time_to_quality import Axis, pareto_front
from gan_bench.report.charts import (
    LOG_FROM,
    MOST_ROWS,
    Curves,
    Dots,
    frame_of,
    read_out,
    time_in_words,
)
from gan_bench.text import duration, figure, interval, listed, many

_Word = Literal["images", "updates", "seconds"]
_AXES: dict[Axis, tuple[_Word, str, str]] = {
    "images": ("images", "training images seen", "images seen"),
    "updates": ("updates", "updates of the generator", "updates of the generator"),
    "train_s": ("seconds", "seconds of training", "seconds of training"),
}
"""By budget: the word for it, the title of its axis, and what a caption calls it."""
_FLOOR_NEAR = 4.0
"""A floor this many times below the lowest FID is named under the chart instead of plotted."""
_APART = 1.02
"""Ratio of the updates for an image from which curves against updates look otherwise."""
_MOST_DOTS = 60
"""Maximum number of implementations in a chart with a row for each."""
_ABOVE = 1.06
"""Upper end of an axis that begins at zero, as a multiple of the highest value."""


_Mark = tuple[str, str, float, float, str]
"""label, part, value, seconds, text; see `_marks`."""


@dataclass(frozen=True)
class FidCharts:
    """The charts of a group, and sentences on what they do not show."""

    charts: list[Curves] = field(default_factory=list)
    """Against images, updates of the generator and seconds."""
    notes: list[str] = field(default_factory=list)


def fid_charts(group: Group, points: pd.DataFrame, number: int) -> FidCharts:
    """Return the charts of a group; none if it has no scores.

    There is none against updates if all make as many for an image: it would look like the first.

    ``points`` has a row for each run and evaluation point; ``number`` identifies the group
    in the charts' ids.
    """
    labels = list(dict.fromkeys(points["label"]))
    plotted = points[points["label"].isin(labels[:MOST_ROWS])]
    axes = [axis for axis in _AXES if axis != "updates" or _updates_differ(plotted)]
    charts = [chart for axis in axes if (chart := _chart(group, plotted, axis, number))]
    notes = _notes(plotted)
    if any(chart.log_x for chart in charts if chart.x_is == "seconds"):
        notes.append(
            "The axis of seconds is logarithmic: it does not show the untrained generators at 0 s."
        )
    if charts and group.floor is not None and any(chart.floor is None for chart in charts):
        # An axis that is not logarithmic begins at zero, so the floor is within it.
        below = all(chart.log_y for chart in charts if chart.floor is None)
        where = "below the charts" if below else "too low to tell from the axis at zero"
        notes.append(f"The floor, {_floor(group.floor)}, is {where}.")
    if len(labels) > MOST_ROWS:
        notes.append(f"Only the first {MOST_ROWS} of {len(labels)} implementations are plotted.")
    return FidCharts(charts, notes)


def _updates_differ(points: pd.DataFrame) -> bool:
    """Return whether some implementation updates its generator more often for an image."""
    ends = points[points["images"] > 0].groupby("label")[["images", "updates"]].max().dropna()
    each = ends["updates"] / ends["images"]
    # The last step may exceed the budget slightly.
    return len(each) > 1 and bool(each.max() > _APART * each.min())


def _floor(floor: float) -> str:
    return f"the FID of real images against real images ({figure(floor)})"


def _notes(points: pd.DataFrame) -> list[str]:
    notes = []
    if not points["timed"].all():
        elsewhere = listed(list(dict.fromkeys(points.loc[~points["timed"], "label"])), 6)
        notes.append(
            "Against seconds, the chart leaves out runs that were not on the machine of the times: "
            f"{elsewhere}."
        )
    for label, mine in points.groupby("label", sort=False):
        mine = mine[mine["timed"]]
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
    log = axis != "images" and longest.min() > 0 and longest.max() / longest.min() > LOG_FROM
    if log:
        points = points[points[axis] > 0]
    by_label = {str(label): mine for label, mine in points.groupby("label", sort=False)}
    lines = [frame for label, mine in by_label.items() for frame in _lines(label, mine, axis)]
    lowest, highest = float(points["value"].min()), float(points["value"].max())
    log_y = lowest > 0 and highest / lowest > LOG_FROM
    word, x_title, against = _AXES[axis]
    caption = f"FID ({group.features} features) against {against}"
    ends = read_out(
        f"{label} from {figure(_mean_at(mine, first=True))} to {figure(_mean_at(mine))}"
        for label, mine in by_label.items()
    )
    where = f", {group.title}" if group.title else ""
    return Curves(
        id=f"fid-{word}-{number}",
        title=caption,
        frame=frame_of(lines),
        x_title=x_title,
        y_title=f"FID ({group.features})",
        x_is=word,
        alt=f"Line chart of {caption}{where}: {ends}.",
        log_x=bool(log),
        log_y=log_y,
        floor=_shown_floor(group, lowest),
        # Curves that hardly fall must not look as if they did.
        y_range=None if log_y else (0, _ABOVE * highest),
    )


def _shown_floor(group: Group, lowest: float) -> float | None:
    """Return the floor unless it is so far below all values that it would compress them."""
    floor = group.floor
    return floor if floor is not None and floor * _FLOOR_NEAR > lowest else None


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
            x=(axis, "mean"),
            y=("value", "mean"),
            low=("value", "min"),
            high=("value", "max"),
            images=("images", "mean"),
            seconds=("train_s", "mean"),
        )
        seeds = sorted(set(whole["seed"]))
        lines.append(mean.assign(part="strong", line="mean", seeds=seeds_in_words(seeds)))
    for run_id, run in rest.groupby("run_id", sort=False):
        alone = {"x": run[axis], "y": run["value"], "seconds": run["train_s"]}
        status = "" if run["ok"].iloc[0] else ", which did not finish"
        lines.append(
            run.assign(**alone, low=math.nan, high=math.nan, part="faint", line=run_id).assign(
                seeds=f"seed {run['seed'].iloc[0]}{status}"
            )
        )
    return [line.assign(label=label, name=label) for line in lines]


def seeds_in_words(seeds: Sequence[int]) -> str:
    """Return e.g. ``seed 0``, or ``mean of seeds 0, 1 and 2``."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"mean of seeds {listed([str(seed) for seed in seeds], 6)}"


def _mean_at(points: pd.DataFrame, *, first: bool = False) -> float:
    step = points["step"].min() if first else points["step"].max()
    return float(points.loc[points["step"] == step, "value"].mean())


def final_charts(
    group: Group, quality: RankedGroup | None, speed: RankedGroup | None, number: int
) -> list[Dots]:
    """Return what the page shows first of a group with several implementations.

    Final FIDs, and FIDs against time; if quality is not ranked, the throughput alone.
    """
    if quality is None:
        ranked = group.too_short and speed and len(speed.labels) > 1
        return [_throughput(group, speed, number)] if ranked and speed else []
    if len(quality.labels) < 2:
        return []
    against_time = _quality_and_time(group, quality, number)
    return [_final_fids(group, quality, number), *([against_time] if against_time else [])]


def _final_fids(group: Group, ranks: RankedGroup, number: int) -> Dots:
    marks = _marks(group, ranks, f"final FID ({group.features})")
    finals = group.finals
    bars = {
        label: finals[label].interval if spread.seeds >= FEWEST_SEEDS else None
        for label, spread in ranks.spreads.items()
    }
    low, high = ({label: bar[end] for label, bar in bars.items() if bar} for end in (0, 1))
    means = marks["part"] == "mean"
    marks["low"], marks["high"] = (
        marks["label"].map(ends).where(means).astype(float) for ends in (low, high)
    )
    marks["text"] += [
        "" if math.isnan(low) else f"\n95 % interval of the mean: {interval(low, high)}"
        for low, high in zip(marks["low"], marks["high"], strict=True)
    ]
    notes = ["Lower is better. Large marks: mean over the seeds. Small marks: seeds."]
    if low:
        notes.append(f"Bars: 95 % interval of the mean, from {FEWEST_SEEDS} seeds on.")
    floor = _shown_floor(group, float(marks["value"].min()))
    if floor is None and group.floor is not None:
        notes.append(f"The floor, {_floor(group.floor)}, is far below all of them.")
    missing = [row.label for row in group.rows if row.label not in ranks.labels]
    if missing:
        notes.append(f"Not ranked, so not shown: {listed(missing, 4)}.")
    chart = _rows(f"final-fid-{number}", f"Final FID ({group.features} features)", marks, ranks)
    if chart.log_x and (marks["low"] <= 0).any():
        notes.append("A bar from the edge begins at 0 or below.")
    return replace(
        chart, x_title=f"FID ({group.features})", notes=(*notes, *chart.notes), floor=floor
    )


def _throughput(group: Group, ranks: RankedGroup, number: int) -> Dots:
    marks = _marks(group, ranks, "training images per second:")
    chart = _rows(f"throughput-{number}", "Throughput after the warm-up", marks, ranks)
    each = {spread.of_each for spread in ranks.spreads.values()}
    what = "seeds" if each == {"seed"} else "repeats of the speed study"
    note = f"Higher is better. Large marks: mean over the {what}. Small marks: {what}."
    return replace(chart, x_title="training images per second", notes=(note, *chart.notes))


def _rows(name: str, title: str, marks: pd.DataFrame, ranks: RankedGroup) -> Dots:
    """Return a chart with a row for each implementation, the best at the top."""
    labels = ranks.labels[:_MOST_DOTS]
    marks = marks[marks["label"].isin(labels)]
    cuts = tuple(end for end in accumulate(len(tier) for tier in ranks.tiers) if end < len(labels))
    means = read_out(f"{label} {figure(ranks.spreads[label].mean)}" for label in labels)
    left = len(ranks.labels) - len(labels)
    return Dots(
        id=name,
        title=title,
        frame=marks.assign(x=marks["value"], y=math.nan),
        x_title="",
        alt=f"Dot chart of {title}: {means}.",
        rows=tuple(labels),
        cuts=cuts,
        notes=(
            _tiers_note(ranks, cuts),
            *((f"{many(left, 'more implementation')} not shown.",) if left else ()),
        ),
        log_x=_spans(marks["value"]),
    )


def _tiers_note(ranks: RankedGroup, cuts: Sequence[int]) -> str:
    """Return what the lines between the rows mean, or why there are none."""
    if cuts:
        return "Everything above a line is clearly better than everything below it."
    if any(spread.seeds < FEWEST_SEEDS for spread in ranks.spreads.values()):
        return "The seeds separate no tiers: some have too few seeds."
    if any(ranks.rank(label) != (1, len(ranks.labels)) for label in ranks.labels):
        return (
            "There are no tiers of implementations, but some differences are clear: see the ranks."
        )
    return "The seeds separate no tiers: the differences may be chance."


def _marks(group: Group, ranks: RankedGroup, what: str) -> pd.DataFrame:
    """Return the mean and the seeds of each ranked implementation.

    Columns: label, part, value, seconds (to finish; NaN if unknown), low, high, text.
    """
    rows = [row for row in group.rows if row.label in ranks.labels]
    found = [mark for row in rows for mark in _marks_of(row, ranks.spreads[row.label], what)]
    columns = ["label", "part", "value", "seconds", "text"]
    return pd.DataFrame(found, columns=columns).assign(low=math.nan, high=math.nan)


def _marks_of(row: Row, values: SeedValues, what: str) -> Iterator[_Mark]:
    spec = row.ok_runs[0].spec
    end = f"step {spec.steps:,}, {many(spec.steps * spec.images_per_step, 'image')}"
    times = row.finish_s.by_seed if row.finish_s and values.of_each == "seed" else {}

    def mark(part: str, who: str, value: float, seconds: float | None, said: str = "") -> _Mark:
        text = f"{row.label}\n{what} {figure(value)}{said}\n{who}\n{end}\n{time_in_words(seconds)}"
        return row.label, part, value, math.nan if seconds is None else seconds, text

    said = f" ({figure(values.low)} to {figure(values.high)})" if values.seeds > 1 else ""
    repeats = f"mean of {many(values.seeds, 'repeat')}"
    every = seeds_in_words(values.seed_numbers) if values.of_each == "seed" else repeats
    middle = row.finish_s.median if row.finish_s else None
    yield mark("mean", every, values.mean, middle, said)
    for seed, value in values.by_seed.items():
        # A study of speed gives one time for all seeds.
        yield mark("seed", f"{values.of_each} {seed}", value, times.get(seed) if times else middle)


def _quality_and_time(group: Group, ranks: RankedGroup, number: int) -> Dots | None:
    marks = _marks(group, ranks, f"final FID ({group.features})").dropna(subset=["seconds"])
    frame = marks.assign(x=marks["seconds"], y=marks["value"])
    means = frame[frame["part"] == "mean"]
    places = zip(means["label"], means["x"], means["y"], strict=True)
    at = {str(label): (float(x), float(y)) for label, x, y in places}
    if len(at) < 2:
        return None
    front = pareto_front(at)
    named = listed(front, 6, last="or")
    best = (
        f"No other is better than {named} in either."
        if len(front) == 1
        else f"Line: the Pareto front. No other is better than {named} in both."
    )
    notes = [f"Lower left is better. {best} Marks as in the chart of final FIDs."]
    untimed = [label for label in ranks.labels if label not in at]
    if untimed:
        notes.append(f"Time unknown, so not shown: {listed(untimed, 4)}.")
    texts = read_out(
        f"{label} {figure(y)} after {duration(x)}"
        for label, (x, y) in sorted(at.items(), key=lambda item: item[1][1])
    )
    return Dots(
        id=f"quality-time-{number}",
        title="Final FID against time",
        frame=frame,
        x_title="seconds of training",
        y_title=f"FID ({group.features})",
        alt=f"Scatter chart of final FID against seconds of training: {texts}.",
        front=tuple(front),
        notes=tuple(notes),
        log_x=_spans(frame["x"]),
        log_y=_spans(frame["y"]),
    )


def _spans(values: pd.Series) -> bool:
    return bool(values.min() > 0 and values.max() / values.min() > LOG_FROM)
