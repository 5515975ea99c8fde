"""Quality against time: the FID at equal time, the time to a target FID, the Pareto front."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gan_bench.analysis.final_scores import failed
from gan_bench.analysis.runs import Run
from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import Group

DEFAULT_TARGETS = {("mnist", "lenet"): 30.0, ("mnist-5k", "lenet"): 30.0}
"""By data set and feature model: about a third of an untrained generator's FID, where digits can
be read. Others have no target unless the user names one."""
_POINTS = ("label", "run_id", "seed", "ok", "timed", "step", "images", "train_s", "value")
_LEAST_POINTS = 4
"""Linear interpolation between fewer evaluation points would be too coarse."""


@dataclass(frozen=True)
class EqualTime:
    """What each implementation had reached when the fastest finished."""

    seconds: float
    """The shortest median time to finish, warm-up and training."""
    fastest: str
    """Its label."""
    fids: dict[str, SeedValues]
    """By label, interpolated between the evaluation points beside the time."""


@dataclass(frozen=True)
class Reached:
    """When an implementation's seeds first had a FID at or below the target."""

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
        label, run_id, seed, ok, timed (on the machine of the group's times), step, images, train_s
        (warm-up included; NaN where a resumption hides it, and of runs that are not timed) and
        value; by label in the group's order, run and step.
    """
    found = [
        (
            *(row.label, run.run_id, run.spec.seed, run.status == "ok", timed),
            *(score.step, *_at(run, score.step, timed=timed), score.value),
        )
        for row in group.rows
        for here in [{run.run_id for run in row.timed}]
        for run in row.runs
        for timed in [run.run_id in here]
        for score in sorted(run.scores_under(group.setting.protocol), key=lambda score: score.step)
        if score.metric == group.metric and score.value is not None
    ]
    points = pd.DataFrame(found, columns=list(_POINTS))
    return points.astype(
        {"ok": bool, "timed": bool, "images": float, "train_s": float, "value": float}
    )


def _at(run: Run, step: int, *, timed: bool) -> tuple[int | None, float | None]:
    points = run.record.evaluation_points if run.record else ()
    found = next((point for point in points if point.step == step), None)
    return (found.images, found.train_s if timed else None) if found else (None, None)


def equal_time(group: Group, points: pd.DataFrame) -> EqualTime | None:
    """Return the FID of every implementation at the shortest time to finish.

    None where fewer than two implementations have curves with enough points against time.
    """
    finish = {row.label: row.finish_s.median for row in group.rows if row.finish_s}
    if not finish:
        return None
    fastest = min(finish, key=finish.__getitem__)
    seconds = finish[fastest]
    fids = {}
    for row in group.rows:
        if row.saw_reference:
            continue
        values: dict[int, float | None] = {}
        for _, curve in _curves(points, row.label):
            if len(curve) >= _LEAST_POINTS:
                values[int(curve["seed"].iloc[0])] = _value_at(curve, seconds)
        spread = SeedValues.by(values)
        if spread:
            fids[row.label] = spread
    return EqualTime(seconds, fastest, fids) if len(fids) > 1 else None


def times_to(target: float, group: Group, points: pd.DataFrame) -> dict[str, Reached]:
    """Return by label when the target was reached, of the rows that have curves against time.

    A seed that failed has not reached it; one whose time a resumption hides is not counted.
    """
    found = {}
    for row in group.rows:
        if row.saw_reference:
            continue
        curves = [curve for _, curve in _curves(points, row.label) if len(curve) >= _LEAST_POINTS]
        times = {int(curve["seed"].iloc[0]): _time_to(curve, target) for curve in curves}
        if times:
            failures = sum(failed(run) for run in row.timed)
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


def _curves(points: pd.DataFrame, label: str) -> Sequence[tuple[str, pd.DataFrame]]:
    """Return the curve of each seed that is ok, whole against time."""
    mine = points[(points["label"] == label) & points["ok"]]
    curves = [(str(run_id), curve) for run_id, curve in mine.groupby("run_id", sort=False)]
    return [(run_id, curve) for run_id, curve in curves if curve["train_s"].notna().all()]


def _value_at(curve: pd.DataFrame, seconds: float) -> float:
    # A seed that finished a little sooner than the median has its final FID.
    return float(np.interp(seconds, curve["train_s"], curve["value"]))


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
