"""What a study of speed comes to: throughputs, their ratios with intervals, and what disturbed it.

`gan_bench.analysis.turns` has the model of the turns' throughputs.
"""

import math
import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np
from scipy import special  # scipy.stats takes longer to import than pandas

from gan_bench.analysis.identity import Machine, blocks, same_speed
from gan_bench.analysis.pairs import Pairs, difference, p_values
from gan_bench.analysis.runs import Run, busy, host_of
from gan_bench.analysis.statistics import LEVEL, Difference
from gan_bench.analysis.turns import FEWEST_TURNS, Contrast, Fit, Share
from gan_bench.results.speed import Repeat, SpeedStudy, SpeedTarget, Turn
from gan_bench.system.calibration import EXCLUSIVE_BELOW
from gan_bench.text import listed, many, percent, told_apart

SLOW_MACHINE: Final = 0.9
"""Share of the machine's usual rate below which a turn is discarded."""
THROTTLED: Final = frozenset(
    {"HwSlowdown", "HwThermalSlowdown", "HwPowerBrakeSlowdown", "SwThermalSlowdown"}
)
"""NVML's reasons for a lower clock with which a turn is discarded. A limit of power is not one of
them: many cards reach it whenever they work."""


def judged(repeats: Sequence[Repeat], device: str) -> list[Repeat]:
    """Return the repeats with a reason at each turn that other load or throttling disturbed."""
    every = [turn for repeat in repeats for turn in repeat.turns]
    alone = [turn for turn in every if _intrusion(turn, device) is None]
    rates = [turn.machine_gflops for turn in alone or every if turn.machine_gflops is not None]
    usual = statistics.median(rates) if rates else None
    return [
        repeat.model_copy(
            update={"turns": tuple(_judged(turn, device, usual) for turn in repeat.turns)}
        )
        for repeat in repeats
    ]


def _judged(turn: Turn, device: str, usual: float | None) -> Turn:
    reason = _intrusion(turn, device) or _slow(turn, usual)
    return turn.model_copy(update={"discarded": reason})


def _intrusion(turn: Turn, device: str) -> str | None:
    """Return what else used the device, or made it slower, in words."""
    if turn.gpu_exclusive is False:
        return "other processes computed on the GPU"
    # A GPU's work hardly depends on the processors, as with runs.
    if device == "cpu" and turn.other_load is not None and turn.other_load >= EXCLUSIVE_BELOW:
        return f"other processes used {percent(turn.other_load, 0)} of the processors"
    if found := THROTTLED & set(turn.throttle_reasons):
        return f"the GPU was throttled ({listed(sorted(found))})"
    return None


def _slow(turn: Turn, usual: float | None) -> str | None:
    if usual is None or turn.machine_gflops is None or turn.machine_gflops >= SLOW_MACHINE * usual:
        return None
    return f"the machine's rate was {percent(1 - turn.machine_gflops / usual, 0)} below its median"


@dataclass(frozen=True)
class SpeedRow:
    """The figures of one implementation of a study."""

    label: str
    place: int
    """Of the target in the study."""
    target: SpeedTarget
    images_per_s: float | None
    """Geometric mean, at the mean speed of the machine over the repeats; None without a turn."""
    share: Share | None
    """Of the fastest throughput. The fastest itself has 1 without a width. None if it had too few
    turns, or none in common with the others."""
    by_repeat: dict[int, float]
    """Throughput by repeat, without the differences between the repeats."""
    turns: int
    """Turns that count."""
    discarded: int
    """Turns that do not."""
    machine_fraction: float | None
    """The recipe's arithmetic as a share of the machine's rate; None if turns were disturbed."""

    @property
    def compile_s(self) -> float | None:
        """What the first step took longer than a later one: tracing and compiling."""
        first, later = self.target.first_step_s, self.target.step_s
        return None if first is None or later is None else max(0.0, first - later)

    def seconds_for(self, images: float) -> float | None:
        """Return how long training on some images takes: compiling, and the steps."""
        rate = self.images_per_s
        return None if rate is None else (self.compile_s or 0.0) + images / rate

    @property
    def start_s(self) -> float | None:
        """Time from importing the framework to the end of the first step, without the data's."""
        target = self.target
        parts = (target.import_s, target.setup_s, target.first_step_s)
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None


@dataclass(frozen=True)
class Figures:
    """All figures of a study."""

    study: SpeedStudy
    rows: tuple[SpeedRow, ...]
    """Fastest first; those without a turn last."""
    disturbed: bool
    """Whether the figures are of all turns, because too few were undisturbed."""
    fit: Fit | None
    """None without a turn."""

    @property
    def alone(self) -> bool:
        """Whether only one implementation was measured to the end, so that there is no ratio."""
        return sum(row.target.reason is None and row.turns > 0 for row in self.rows) == 1

    @property
    def within(self) -> float | None:
        """Half the width of the widest interval, relative; None if a ratio has no interval.

        Of the implementations that were measured to the end.
        """
        return self.within_of({row.place for row in self.rows if row.target.reason is None})

    def within_of(self, places: Collection[int]) -> float | None:
        """Return the same of the targets in these places."""
        rows = [row for row in self.rows if row.place in places]
        measured = [row for row in rows if row.turns]
        if len(measured) == 1:
            return _alone(measured[0])
        shares = [row.share for row in rows]
        if not shares or any(share is None for share in shares):
            return None
        return max(share.within for share in shares if share is not None)

    @property
    def reasons(self) -> Counter[str]:
        """How many turns were discarded for each kind of reason."""
        kinds: Counter[str] = Counter()
        for _, turn in self.study.turns:
            if turn.discarded is not None:
                kinds[_kind(turn.discarded)] += 1
        return kinds


def _kind(reason: str) -> str:
    """Return a reason without its figures."""
    kinds = {
        "other processes used": "other load on the processors",
        "other processes computed": "other work on the GPU",
        "the GPU was throttled": "a throttled GPU",
        "the machine's rate": "a slower machine",
    }
    return next((kind for start, kind in kinds.items() if reason.startswith(start)), reason)


def _alone(row: SpeedRow) -> float | None:
    """Return half the relative width of a throughput's own interval, if there is no ratio."""
    logs = np.log(list(row.by_repeat.values()))
    if len(logs) < FEWEST_TURNS:
        return None
    error = float(logs.std(ddof=1)) / math.sqrt(len(logs))
    return math.expm1(float(special.stdtrit(len(logs) - 1, (1 + LEVEL) / 2)) * error)


def figures(study: SpeedStudy) -> Figures:
    """Return what a study comes to.

    The figures are of the turns that were not discarded. If these are fewer than three of some
    implementation that made three, they are of all turns, and `Figures.disturbed` says so: the
    disturbances are then a part of the intervals.
    """
    every = study.turns
    kept = [(repeat, turn) for repeat, turn in every if turn.discarded is None]
    counts = Counter(turn.target for _, turn in kept)
    taken = Counter(turn.target for _, turn in every)
    few = any(counts[t] < FEWEST_TURNS <= made for t, made in taken.items())
    disturbed = few or (bool(every) and not kept)
    used = every if disturbed else kept
    labels = _labels([target for target in study.targets])
    fit = None
    if used:
        rates = [turn.images_per_s for _, turn in used]
        fit = Fit([turn.target for _, turn in used], [repeat for repeat, _ in used], rates)
    rows = []
    for number, (label, target) in enumerate(zip(labels, study.targets, strict=True)):
        turns = [turn for _, turn in used if turn.target == number]
        row = SpeedRow(
            label=label,
            place=number,
            target=target,
            images_per_s=fit.level(number) if fit and turns else None,
            share=fit.share(number) if fit and len(turns) >= FEWEST_TURNS else None,
            by_repeat=fit.by_repeat(number) if fit and turns else {},
            turns=len(turns),
            discarded=sum(turn.target == number for _, turn in every) - len(turns),
            machine_fraction=None if disturbed else _fraction(target, turns),
        )
        rows.append(row)
    rows.sort(key=lambda row: (-(row.images_per_s or 0.0), row.label))
    return Figures(study, tuple(rows), disturbed, fit)


def _fraction(target: SpeedTarget, turns: Sequence[Turn]) -> float | None:
    cost = target.spec.multiply_adds_per_step
    rates = [(turn, turn.machine_gflops or target.machine_gflops) for turn in turns]
    shares = [2 * cost * t.steps / t.seconds / (rate * 1e9) for t, rate in rates if rate and cost]
    return statistics.fmean(shares) if shares else None


def _labels(targets: Sequence[SpeedTarget]) -> list[str]:
    """Return each implementation's name, with the recipe values that tell equal names apart."""
    places: dict[str, list[int]] = {}
    for place, target in enumerate(targets):
        places.setdefault(target.spec.implementation.name, []).append(place)
    labels = [""] * len(targets)
    for name, of in places.items():
        facts = [
            {key: f"{key}={value}" for key, value in targets[place].spec.recipe_values.items()}
            for place in of
        ]
        for place, label in zip(of, told_apart(name, facts), strict=True):
            labels[place] = label
    return labels


@dataclass(frozen=True)
class RankedSpeed:
    """The study from which the throughputs of a ranking are."""

    found: Figures
    by_label: Mapping[str, SpeedRow]
    """The study's rows by the labels of the ranking."""

    def contrast(self, weights: Mapping[str, float]) -> Contrast | None:
        """Return a weighted sum of logarithms of throughputs, see `Fit.contrast`."""
        by_place: dict[int, float] = {}
        for label, weight in weights.items():
            place = self.by_label[label].place  # versions of the same speed have one
            by_place[place] = by_place.get(place, 0.0) + weight
        assert self.found.fit is not None
        return self.found.fit.contrast(by_place)

    def ratio(self, label: str, to: str) -> Difference | None:
        """Return the ratio of two throughputs, with an uncorrected p value."""
        turns = min(self.by_label[label].turns, self.by_label[to].turns)
        return ratio_of(self.contrast({label: 1.0, to: -1.0}), turns)

    def pairs(self, labels: Sequence[str]) -> Pairs:
        """Return the tests of every two implementations: turns of a repeat are compared."""
        found = Pairs.none(len(labels), "ratio", paired=True)
        turns = [self.by_label[label].turns for label in labels]
        for a, b in combinations(range(len(labels)), 2):
            if test := self.contrast({labels[a]: 1.0, labels[b]: -1.0}):
                found.put(a, b, (test.estimate, test.error, test.freedom), (turns[a], turns[b]))
        return found

    def __str__(self) -> str:
        """Return e.g. ``the speed study of 2026-11-29, 8 repeats, on AMD EPYC, 2 cores``."""
        study = self.found.study
        repeats = many(len(study.repeats), "repeat")
        return f"the speed study of {study.created_at[:10]}, {repeats}, on {hardware_of(study)}"


def ratio_of(test: Contrast | None, turns: int) -> Difference | None:
    """Return a contrast as a ratio with an uncorrected p value; None without one.

    ``turns`` are those of the implementation with fewest.
    """
    if test is None:
        return None
    estimate, error, freedom = (np.array(x) for x in (test.estimate, test.error, test.freedom))
    p = float(p_values(estimate, error, freedom, np.array(turns), paired=True))
    known = test.estimate, test.error, test.freedom
    found = difference(known, p, (turns, turns), "ratio", paired=True)
    return replace(found, adjusted=False)


def hardware_of(study: SpeedStudy) -> str:
    """Return on what a study was made, as `Run.hardware` says it of a run."""
    host = host_of(study.machine)
    return host if study.gpu is None else f"{study.gpu.card} with {host}"


def studied_machines(studies: Sequence[SpeedStudy], runs: Sequence[Run]) -> dict[Machine, int]:
    """Return for how many implementations a study gives a throughput, by machine.

    The study was not disturbed, and has every implementation that ran to its end on the same kind
    of device with as many threads, at least one of them on the study's machine.
    """
    found: dict[Machine, int] = {}
    ended = {Machine.of(run) for run in runs if run.status == "ok"}
    implementations = blocks(runs)
    for study in studies:
        machine = _machine_of(study)
        if machine in found or machine not in ended:
            continue
        keys = [keys for of in implementations if (keys := _keys(of, machine))]
        measured = _measured(study, set().union(*keys))
        if measured is not None and not measured[0].disturbed:
            found[machine] = len(keys)
    return found


def ranked_speed(
    studies: Sequence[SpeedStudy], machine: Machine, by_label: Mapping[str, Sequence[Run]]
) -> RankedSpeed | None:
    """Return the study that a ranking takes its throughputs from; None if there is none.

    It was made on the machine of the ranking's times, and has all implementations with a time
    there: the newest, and of those whose turns were not disturbed, if there is one. With disturbed
    turns it is no better than runs that were not.

    Parameters
    ----------
    studies
        The newest first.
    machine
        The one of the ranking's times.
    by_label
        The runs of the ranking, on all machines.
    """
    keys = {label: _keys(runs, machine) for label, runs in by_label.items()}
    timed = {label: _ended_on(machine, runs) for label, runs in by_label.items()}
    needed = [label for label, runs in timed.items() if runs]
    here = [study for study in studies if _machine_of(study) == machine]
    matching = [found for study in here if (found := _matched(study, keys, needed))]
    matching.sort(key=lambda one: one.found.disturbed)
    loaded = any(busy(run) for runs in timed.values() for run in runs)
    if not matching or (matching[0].found.disturbed and not loaded):
        return None
    return matching[0]


def _machine_of(study: SpeedStudy) -> Machine:
    spec = study.targets[0].spec
    device = "CPU" if spec.device == "cpu" else "GPU"
    return Machine(device, spec.threads, hardware_of(study))


def _keys(runs: Iterable[Run], machine: Machine) -> set[str]:
    """Return the keys of `same_speed` by which a study on a machine has an implementation.

    They are those of its runs on the machine. If it only ran elsewhere, packages may have been of
    another build there.
    """
    place = machine.device, machine.threads
    like = [r for r in runs if r.status == "ok" and (r.device, r.spec.threads) == place]
    here = {same_speed(run.spec) for run in _ended_on(machine, like)}
    return here or {same_speed(run.spec, any_build=True) for run in like}


def _ended_on(machine: Machine, runs: Iterable[Run]) -> list[Run]:
    return [run for run in runs if run.status == "ok" and Machine.of(run) == machine]


def _matched(
    study: SpeedStudy, keys: Mapping[str, set[str]], needed: Collection[str]
) -> RankedSpeed | None:
    """Return a study's rows by label, if it has one for each that is needed."""
    measured = _measured(study, {key for label in needed for key in keys[label]})
    if measured is None:
        return None
    found, rows = measured
    by_label = {
        label: rows[key] for label, of in keys.items() if len(of) == 1 for key in of if key in rows
    }
    return RankedSpeed(found, by_label) if by_label.keys() >= {*needed} else None


def _measured(study: SpeedStudy, keys: set[str]) -> tuple[Figures, dict[str, SpeedRow]] | None:
    """Return the rows that compare, if those with these keys are among them."""
    specs = [target.spec for target in study.targets]
    known = {same_speed(spec, any_build=any_build) for spec in specs for any_build in (False, True)}
    if not keys or not keys <= known:
        return None  # without its figures, which take time
    found = figures(study)
    rows = {
        same_speed(row.target.spec, any_build=any_build): row
        for any_build in (True, False)
        for row in found.rows
        # Without common repeats, throughputs are of different times.
        if len(row.by_repeat) >= FEWEST_TURNS and row.share is not None
    }
    return (found, rows) if keys <= rows.keys() else None


def disturbances(found: Figures) -> list[str]:
    """Return sentences on the turns that were discarded, or that should have been."""
    study = found.study
    number = sum(turn.discarded is not None for _, turn in study.turns)
    if not number:
        return []
    why = listed([f"{count} of {kind}" for kind, count in found.reasons.most_common()])
    of = many(len(study.turns), "turn")
    if found.disturbed:
        return [
            f"{number} of {of} were disturbed ({why}), which leaves too few of some "
            "implementations, so the figures are of all turns. Other load slows implementations "
            "unequally: these ratios hold under this load only, whatever their intervals. Measure "
            "again on a quiet machine."
        ]
    return [f"{number} of {of} were discarded: {why}."]
