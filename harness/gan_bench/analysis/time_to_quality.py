"""Quality for what it costs: the FID at equal time and at equal updates, the time to an FID."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from gan_bench.analysis.final_scores import failed
from gan_bench.analysis.runs import Run
from gan_bench.analysis.speed import SpeedRow
from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import Group, Row
from gan_bench.analysis.updates import generator_updates

DEFAULT_TARGETS = {("mnist", "lenet"): 30.0, ("mnist-5k", "lenet"): 30.0}
"""By data set and feature model: about a third of an untrained generator's FID, where digits can
be read. Others have no target unless the user names one."""
Axis = Literal["images", "updates", "train_s"]
"""A budget: a column of `fid_points`."""
_FIGURES = ("images", "updates", "train_s", "value")
_POINTS = ("label", "run_id", "seed", "ok", "timed", "step", *_FIGURES)
_LEAST_POINTS = 4
"""Linear interpolation between fewer evaluation points would be too coarse."""


@dataclass(frozen=True)
class EqualTime:
    """What each implementation had reached when the fastest finished."""

    seconds: float
    """The shortest time to finish: the median over the seeds, or that of a study of speed."""
    fastest: str
    """Its label."""
    fids: dict[str, SeedValues]
    """By label, interpolated between the evaluation points beside the time."""


@dataclass(frozen=True)
class EqualUpdates:
    """What each implementation had reached after as many updates of its generator."""

    updates: int
    """The largest number that all of them made."""
    fewest: tuple[str, ...]
    """The labels that made no more."""
    fids: dict[str, SeedValues]
    """By label, interpolated between the evaluation points beside the number."""
    images: dict[str, float]
    """By label, the training images that these updates took."""

    @property
    def same(self) -> bool:
        """Whether all made as many, so that these FIDs are the final ones."""
        return len(self.fewest) == len(self.fids)


@dataclass(frozen=True)
class Reached:
    """When an implementation's seeds first had an FID at or below the target."""

    seconds: SeedValues | None
    seeds: int
    """That have a curve against time, or failed."""

    @property
    def reached(self) -> int:
        """How many of them came to the target."""
        return self.seconds.seeds if self.seconds else 0


def fid_points(group: Group) -> pd.DataFrame:
    """Return the FID at every evaluation point of a group's runs.

    Returns
    -------
    pandas.DataFrame
        label, run_id, seed, ok, timed (on the machine of the group's times, or by a study of
        speed), step, images, updates (of the generator; NaN if unknown), train_s (warm-up included;
        NaN where a resumption hides it, and of runs that are not timed; by the speed of the study
        if the group has one) and value; by label in the group's order, run and step.
    """
    clocks = group.speed.by_label if group.speed else {}
    found = [
        (
            *(row.label, run.run_id, run.spec.seed, run.status == "ok", timed),
            *(score.step, *_budgets(run, score.step, timed, clock), score.value),
        )
        for row in group.rows
        for clock in [clocks.get(row.label)]
        for here in [{run.run_id for run in row.timed}]
        for run in row.runs
        for timed in [run.run_id in here or clock is not None]
        for score in sorted(run.scores_under(group.setting.protocol), key=lambda score: score.step)
        if score.metric == group.metric and score.value is not None
    ]
    points = pd.DataFrame(found, columns=list(_POINTS))
    kinds = dict.fromkeys(("ok", "timed"), bool) | dict.fromkeys(_FIGURES, float)
    return points.astype(kinds)


def _budgets(
    run: Run, step: int, timed: bool, clock: SpeedRow | None
) -> tuple[int | None, int | None, float | None]:
    """Return what a step of a run had cost: images, updates of the generator and seconds."""
    points = run.record.evaluation_points if run.record else ()
    found = next((point for point in points if point.step == step), None)
    each = generator_updates(run.spec)
    updates = None if each is None else step * each
    if found is None:
        return None, None, None
    seconds = found.train_s if timed else None
    if clock is not None:
        seconds = clock.seconds_for(found.images) if found.images else 0.0
    return found.images, updates, seconds


def equal_time(group: Group, points: pd.DataFrame) -> EqualTime | None:
    """Return the FID of every implementation at the shortest time to finish.

    None where fewer than two implementations have curves with enough points against time.
    """
    finish = {row.label: row.finish_s.median for row in group.rows if row.finish_s}
    if not finish:
        return None
    fastest = min(finish, key=finish.__getitem__)
    seconds = finish[fastest]
    # A seed that finished a little sooner than the median has its final FID.
    curves = {row.label: _curves(points, row.label, "train_s") for row in _ranked(group)}
    fids = _fids_at(curves, "train_s", seconds)
    return EqualTime(seconds, fastest, fids) if len(fids) > 1 else None


def equal_updates(group: Group, points: pd.DataFrame) -> EqualUpdates | None:
    """Return the FID of every implementation after the updates of the one with the fewest.

    None where fewer than two implementations have curves with enough points against updates.
    """
    curves = {row.label: _curves(points, row.label, "updates") for row in _ranked(group)}
    last = {
        label: min(int(curve["updates"].iloc[-1]) for curve in of_seeds)
        for label, of_seeds in curves.items()
        if of_seeds
    }
    if len(last) < 2:
        return None
    least = min(last.values())
    fids = _fids_at(curves, "updates", least)
    if len(fids) < 2:
        return None
    fewest = tuple(label for label in fids if last[label] == least)
    images = {
        label: float(np.interp(least, curves[label][0]["updates"], curves[label][0]["images"]))
        for label in fids
    }
    return EqualUpdates(least, fewest, fids, images)


def _ranked(group: Group) -> list[Row]:
    return [row for row in group.rows if not row.saw_reference]


def times_to(target: float, group: Group, points: pd.DataFrame) -> dict[str, Reached]:
    """Return by label when the target was reached, of the rows that have curves against time.

    A seed that failed has not reached it; one whose time a resumption hides is not counted.
    """
    found = {}
    for row in _ranked(group):
        curves = _curves(points, row.label, "train_s")
        times = {int(curve["seed"].iloc[0]): _time_to(curve, target) for curve in curves}
        if times:
            clocked = row.runs if group.speed else row.timed
            failures = sum(failed(run) for run in clocked)
            found[row.label] = Reached(SeedValues.by(times), len(times) + failures)
    return found


def pareto_front(at: Mapping[str, tuple[float, float]]) -> list[str]:
    """Return the labels to which no other is at least as low in both values and lower in one."""
    front: list[str] = []
    best = math.inf
    for label in sorted(at, key=lambda label: (*at[label], label)):
        if at[label][1] < best or (front and at[label] == at[front[-1]]):
            front.append(label)
            best = at[label][1]
    return front


def default_target(group: Group) -> float | None:
    """Return the target FID of a group's data set, None where there is none."""
    return DEFAULT_TARGETS.get((group.setting.dataset, group.features))


def _curves(points: pd.DataFrame, label: str, axis: Axis) -> list[pd.DataFrame]:
    """Return the curve of each seed that is ok, whole against a budget, and has enough points."""
    mine = points[(points["label"] == label) & points["ok"]]
    curves = [curve for _, curve in mine.groupby("run_id", sort=False)]
    return [curve for curve in curves if curve[axis].notna().all() and len(curve) >= _LEAST_POINTS]


def _fids_at(
    curves: Mapping[str, Sequence[pd.DataFrame]], axis: Axis, at: float
) -> dict[str, SeedValues]:
    """Return by label the FIDs at a place of the axis, on lines between the points.

    Without curves that have no point of a trained generator before the place: FIDs fall fastest at
    the beginning, and a line from the untrained generator would be far above.
    """
    found = {
        label: SeedValues.by(
            {
                int(curve["seed"].iloc[0]): float(np.interp(at, curve[axis], curve["value"]))
                for curve in of_seeds
                if curve.loc[curve["images"] > 0, axis].min() <= at
            }
        )
        for label, of_seeds in curves.items()
    }
    return {label: values for label, values in found.items() if values}


def _time_to(curve: pd.DataFrame, target: float) -> float | None:
    times, values = curve["train_s"].to_numpy(), curve["value"].to_numpy()
    below = np.flatnonzero(values <= target)
    if not below.size:
        return None
    first = int(below[0])
    if first == 0 or values[first - 1] == values[first]:
        return float(times[first])
    share = (values[first - 1] - target) / (values[first - 1] - values[first])
    return float(times[first - 1] + share * (times[first] - times[first - 1]))
