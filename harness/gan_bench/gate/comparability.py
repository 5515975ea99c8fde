"""Which fields of two entries must be equal to compare them, and which differences are noted."""

from collections.abc import Mapping
from typing import Any

from gan_bench.analysis.identity import MACHINE, SAME_FOR_QUALITY, SAME_FOR_SPEED
from gan_bench.gate.baseline import Entry
from gan_bench.metrics import SPEED
from gan_bench.results.scores import differences
from gan_bench.text import against

_SAME_TRAINING = ("recipe", "framework", "steps", "on_divergence")
"""Fields that must be equal besides those of the setting."""


def incomparable(baseline: Entry, candidate: Entry, metric: str) -> list[str]:
    """Return the fields that make a metric incomparable, each with both values.

    Data, training splits, budget, recipe and protocol must be equal. For speed, the machine
    must also be equal, and exclusive on both sides.
    """
    names = SAME_FOR_SPEED if metric == SPEED else SAME_FOR_QUALITY
    found = baseline.setting.differences(candidate.setting, names)
    found += _differing(baseline, candidate, _SAME_TRAINING)
    if baseline.recipe == candidate.recipe:
        found += _mapping("recipe value", baseline.recipe_values, candidate.recipe_values)
    if metric == SPEED:
        found += _unknown_machine(baseline, candidate)
        found += _differing(baseline, candidate, ("deterministic", "evaluation_steps"))
        return found + untimed(baseline, "baseline") + untimed(candidate, "candidate")
    of_baseline, of_candidate = baseline.protocol(metric), candidate.protocol(metric)
    if of_baseline is not None and of_candidate is not None:
        found += [
            against(f"protocol {name}", getattr(of_baseline, name), getattr(of_candidate, name))
            for name in differences(of_baseline, of_candidate)
        ]
    return found


def noted(baseline: Entry, candidate: Entry) -> list[str]:
    """Return differences that do not prevent a comparison: versions, machine, source and others."""
    names = dict.fromkeys((*baseline.conventions, *candidate.conventions))
    found = [
        f"convention {name} differs"
        for name in names
        if baseline.conventions.get(name) != candidate.conventions.get(name)
    ]
    found += _mapping("", baseline.versions, candidate.versions)
    if baseline.source_sha256 != candidate.source_sha256:
        found.append(against("source", baseline.source_sha256[:7], candidate.source_sha256[:7]))
    if baseline.attribute is not None and baseline.attribute != candidate.attribute:
        found.append(against("class", str(baseline.attribute), str(candidate.attribute)))
    found += baseline.setting.differences(candidate.setting, MACHINE)
    return found + _differing(baseline, candidate, ("evaluation_steps", "deterministic"))


def untimed(entry: Entry, name: str) -> list[str]:
    """Return the reasons why the speed of one side cannot be compared.

    ``name`` is ``baseline`` or ``candidate``.
    """
    found = []
    timed = [run for run in entry.trained if run.images_per_s is not None]
    if any(run.device_exclusive is not True for run in timed):
        found.append(f"the device was not exclusive in the {name}, so its speed is not reliable")
    if any(run.probe_gflops is None for run in timed):
        found.append(f"the {name} has no calibration probe of its device")
    if len({run.machine for run in timed}) > 1:
        found.append(f"the {name} comes from several machines")
    return found


def _unknown_machine(baseline: Entry, candidate: Entry) -> list[str]:
    """Return the machine if one side alone names it: unlike a planned run, an entry has run."""
    machines = baseline.setting.hardware, candidate.setting.hardware
    return [against("machine", *machines)] if machines.count(None) == 1 else []


def _differing(baseline: Entry, candidate: Entry, names: tuple[str, ...]) -> list[str]:
    found = []
    for name in names:
        before, after = getattr(baseline, name), getattr(candidate, name)
        if name == "evaluation_steps":
            name, before, after = "evaluation points", len(before), len(after)
        if before != after:
            found.append(against(name.replace("_", " "), before, after))
    return found


def _mapping(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [
        against(f"{kind} {name}".strip(), before.get(name), after.get(name))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]
