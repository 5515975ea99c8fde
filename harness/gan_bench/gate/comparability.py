"""Whether two entries may be compared at all: what must be equal, and what is only listed."""

from collections.abc import Mapping
from typing import Any

from gan_bench.gate.baseline import Entry
from gan_bench.gate.prediction_bound import SPEED
from gan_bench.results.scores import differences
from gan_bench.text import against


def incomparable(baseline: Entry, candidate: Entry, metric: str) -> list[str]:
    """Return what keeps a metric from being compared, each named with both values.

    Data, training splits, budget, recipe and protocol must be equal; for speed the device, too,
    which must have been one exclusive machine on both sides.
    """
    found = _differing(
        {
            "data set": (baseline.data_sha256, candidate.data_sha256),
            "training splits": (
                " and ".join(baseline.train_splits),
                " and ".join(candidate.train_splits),
            ),
            "budget": (f"{baseline.budget_images:,} images", f"{candidate.budget_images:,} images"),
            "recipe": (baseline.recipe, candidate.recipe),
            "framework": (baseline.framework, candidate.framework),
            "steps": (baseline.steps, candidate.steps),
            "on divergence": (baseline.on_divergence, candidate.on_divergence),
        }
    )
    if baseline.data_sha256 != candidate.data_sha256 and baseline.dataset != candidate.dataset:
        found[0] = against("data set", baseline.dataset, candidate.dataset)
    if baseline.recipe == candidate.recipe:
        found += _mapping("recipe value", baseline.recipe_values, candidate.recipe_values)
    if metric == SPEED:
        return found + _speed(baseline, candidate)
    one, other = baseline.protocol(metric), candidate.protocol(metric)
    if one is not None and other is not None:
        found += [
            against(f"protocol {name}", getattr(one, name), getattr(other, name))
            for name in differences(one, other)
            # The same images under another name are the same reference.
            if name != "dataset" or one.reference_sha256 != other.reference_sha256
        ]
    return found


def noted(baseline: Entry, candidate: Entry) -> list[str]:
    """Return what differs and is no reason not to compare: versions, machine, source and such."""
    found = [f"conventions: {text}" for text in _conventions(baseline, candidate)]
    found += _mapping("", baseline.versions, candidate.versions)
    found += _differing(
        {
            "source": (baseline.source_sha256[:7], candidate.source_sha256[:7]),
            "machine": (_machine(baseline), _machine(candidate)),
            "device": (baseline.device, candidate.device),
            "threads": (baseline.threads, candidate.threads),
            "evaluation points": (
                len(baseline.evaluation_steps),
                len(candidate.evaluation_steps),
            ),
            "deterministic": (baseline.deterministic, candidate.deterministic),
        }
    )
    return found


def _speed(baseline: Entry, candidate: Entry) -> list[str]:
    found = _differing(
        {
            "device": (baseline.device, candidate.device),
            "threads": (baseline.threads, candidate.threads),
            "machine": (_machine(baseline), _machine(candidate)),
            "deterministic": (baseline.deterministic, candidate.deterministic),
            "evaluation points": (
                len(baseline.evaluation_steps),
                len(candidate.evaluation_steps),
            ),
        }
    )
    return found + untimed(baseline, "baseline") + untimed(candidate, "candidate")


def untimed(entry: Entry, name: str) -> list[str]:
    """Return what keeps the speed of one side from being a figure.

    Parameters
    ----------
    entry
        The side.
    name
        What it is called.
    """
    found = []
    timed = [one for one in entry.ok if one.images_per_s is not None]
    if any(one.device_exclusive is not True for one in timed):
        found.append(f"the device was not exclusive in the {name}, so its speed is no figure")
    if any(one.probe_gflops is None for one in timed):
        found.append(f"the {name} has no calibration probe of its device, so its speed is no ratio")
    if len({one.machine for one in timed}) > 1:
        found.append(f"the {name} comes from several machines")
    return found


def _conventions(baseline: Entry, candidate: Entry) -> list[str]:
    names = dict.fromkeys((*baseline.conventions, *candidate.conventions))
    return [
        f"{name} is pinned otherwise"
        for name in names
        if baseline.conventions.get(name) != candidate.conventions.get(name)
    ]


def _machine(entry: Entry) -> str:
    return " and ".join(sorted({one.machine for one in entry.seeds if one.machine}))


def _mapping(kind: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    names = dict.fromkeys((*one, *other))
    return _differing({f"{kind} {n}".strip(): (one.get(n), other.get(n)) for n in names})


def _differing(fields: Mapping[str, tuple[object, object]]) -> list[str]:
    return [against(name, a, b) for name, (a, b) in fields.items() if a != b]
