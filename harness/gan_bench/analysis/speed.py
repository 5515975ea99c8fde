"""What a study of speed comes to: throughputs, their ratios with intervals, and what disturbed it.

`gan_bench.analysis.turns` has the model of the turns' throughputs,
`gan_bench.analysis.studied_speed` decides which study a ranking takes its throughputs from.
"""

import math
import statistics
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special  # scipy.stats takes longer to import than pandas

from gan_bench.analysis.runs import host_of
from gan_bench.analysis.statistics import LEVEL
from gan_bench.analysis.turns import FEWEST_TURNS, Fit, Share
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
        "the GPU was throttled": "throttling of the GPU",
        "the machine's rate": "a slowdown of the machine",
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


def hardware_of(study: SpeedStudy) -> str:
    """Return on what a study was made, as `Run.hardware` says it of a run."""
    host = host_of(study.machine)
    return host if study.gpu is None else f"{study.gpu.card} with {host}"


def disturbances(found: Figures) -> list[str]:
    """Return sentences on the turns that were discarded, or that should have been."""
    study = found.study
    number = sum(turn.discarded is not None for _, turn in study.turns)
    if not number:
        return []
    kinds = found.reasons.most_common()
    why = listed([f"{kind} ({count})" if len(kinds) > 1 else kind for kind, count in kinds])
    of = f"{number} of {many(len(study.turns), 'turn')} {'was' if number == 1 else 'were'}"
    if found.disturbed:
        return [
            f"{of} disturbed by {why}, which leaves too few of some "
            "implementations, so the figures are of all turns. Other load slows implementations "
            "unequally: these ratios hold under this load only, whatever their intervals. Measure "
            "again on a quiet machine."
        ]
    return [f"{of} discarded because of {why}."]
