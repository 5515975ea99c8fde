"""The study of speed from which a ranking of runs takes its throughputs, and those beside it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations

import numpy as np

from gan_bench.analysis.identity import Machine, blocks, same_speed
from gan_bench.analysis.pairs import Pairs, difference, p_values
from gan_bench.analysis.runs import Run, busy
from gan_bench.analysis.speed import Figures, SpeedRow, figures, hardware_of
from gan_bench.analysis.statistics import Difference, SeedValues
from gan_bench.analysis.turns import FEWEST_TURNS, Contrast
from gan_bench.results.speed import SpeedStudy
from gan_bench.text import many


@dataclass(frozen=True)
class RankedSpeed:
    """A study with the throughputs of a ranking's implementations."""

    found: Figures
    by_label: Mapping[str, SpeedRow]
    """The study's rows by the labels of the ranking."""

    @property
    def machine(self) -> Machine:
        """The machine that it was made on."""
        return _machine_of(self.found.study)

    @cached_property
    def rates(self) -> dict[str, SeedValues]:
        """Throughputs over the repeats, by label."""
        known = {label: SeedValues.by(row.by_repeat) for label, row in self.by_label.items()}
        return {label: replace(x, of_each="repeat") for label, x in known.items() if x}

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
        every = set[str]().union(*keys)
        if not _has_all(study, every):
            continue
        measured, rows = _rows(study)
        if every <= rows.keys() and not measured.disturbed:
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


def speeds_elsewhere(
    studies: Sequence[SpeedStudy], machine: Machine, by_label: Mapping[str, Sequence[Run]]
) -> tuple[RankedSpeed, ...]:
    """Return the studies of other machines than the ranking's, whether runs ended there or not.

    Those with most of the ranking's implementations, at least two, come first, then the newest.
    Those with disturbed turns are left out. ``studies`` has the newest first.
    """
    found = []
    for study in studies:
        other = _machine_of(study)
        keys = {label: _keys(runs, other) for label, runs in by_label.items()}
        if other != machine and any(keys.values()):
            found.append(_by_label(study, keys))
    kept = [one for one in found if len(one.by_label) > 1 and not one.found.disturbed]
    return tuple(sorted(kept, key=lambda one: -len(one.by_label)))


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
    if not _has_all(study, {key for label in needed for key in keys[label]}):
        return None
    ranked = _by_label(study, keys)
    return ranked if ranked.by_label.keys() >= {*needed} else None


def _by_label(study: SpeedStudy, keys: Mapping[str, set[str]]) -> RankedSpeed:
    found, rows = _rows(study)
    by_label = {
        label: rows[key] for label, of in keys.items() if len(of) == 1 for key in of if key in rows
    }
    return RankedSpeed(found, by_label)


def _has_all(study: SpeedStudy, keys: set[str]) -> bool:
    """Return whether the implementations with these keys are in a study, which is quick to say."""
    specs = [target.spec for target in study.targets]
    known = {same_speed(spec, any_build=any_build) for spec in specs for any_build in (False, True)}
    return bool(keys) and keys <= known


def _rows(study: SpeedStudy) -> tuple[Figures, dict[str, SpeedRow]]:
    """Return the figures, and the rows that compare, by their keys."""
    found = figures(study)
    return found, {
        same_speed(row.target.spec, any_build=any_build): row
        for any_build in (True, False)
        for row in found.rows
        # Without common repeats, throughputs are of different times.
        if len(row.by_repeat) >= FEWEST_TURNS and row.share is not None
    }
