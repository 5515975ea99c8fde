"""One implementation, several versions of it: which runs of a name are seeds of the same thing."""

import json
from collections.abc import Sequence

from gan_bench.analysis.runs import Run
from gan_bench.plan.spec import RunSpec


def variants(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return the runs by label: the implementation's name, and what differs where it has several.

    Runs whose source, recipe values, versions or schedule differ are no seeds of one another; a
    results folder holds both after a change.
    """
    by_name: dict[str, list[Run]] = {}
    for run in runs:
        by_name.setdefault(run.spec.implementation.name, []).append(run)
    labelled: dict[str, list[Run]] = {}
    for name, members in by_name.items():
        # Seeds may be spread over equal GPUs; a seed that ran on two of them is no second seed.
        versions = _versions(members, where=False)
        where = any(len({run.spec.seed for run in one}) < len(one) for one in versions)
        if where:
            versions = _versions(members, where=True)
        specs = [one[0].spec for one in versions]
        for spec, one in zip(specs, versions, strict=True):
            labelled[_label(name, spec, specs, where=where)] = one
    return labelled


def _versions(runs: Sequence[Run], *, where: bool) -> list[list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        identity = _identity(run.spec)
        identity |= _where(run.spec) if where else {}
        found.setdefault(json.dumps(identity, sort_keys=True, default=str), []).append(run)
    return list(found.values())


def _where(spec: RunSpec) -> dict[str, object]:
    return {"device": spec.device, "data set": spec.dataset_label}


def _identity(spec: RunSpec) -> dict[str, object]:
    identity: dict[str, object] = {
        "source": spec.source_sha256[:7],
        "steps": spec.steps,
        "deterministic": spec.deterministic,
        "on divergence": spec.on_divergence,
        "chunk steps": spec.chunk_steps,
        "evaluation points": list(spec.evaluation_steps),
        "samples": spec.samples,
    }
    identity |= {f"version of {key}": value for key, value in spec.versions.items()}
    return identity | {f"recipe {key}": value for key, value in spec.recipe_values.items()}


def _label(name: str, spec: RunSpec, specs: Sequence[RunSpec], *, where: bool) -> str:
    if len(specs) == 1:
        return name
    mine = _identity(spec) | (_where(spec) if where else {})
    every = [_identity(other) | (_where(other) if where else {}) for other in specs]
    keys = dict.fromkeys(key for identity in every for key in identity)
    parts = []
    for key in keys:
        if all(identity.get(key) == mine.get(key) for identity in every):
            continue
        kind, _, field = key.rpartition(" ")
        if key == "evaluation points":
            steps = ", ".join(map(str, spec.evaluation_steps))
            parts.append(f"evaluated at {steps}")
        elif kind == "recipe":
            parts.append(f"{field}={mine.get(key, 'none')}")
        elif kind == "version of":
            parts.append(f"{field} {mine.get(key, 'none')}")
        else:
            parts.append(f"{key} {mine[key]}")
    return f"{name} ({', '.join(parts)})"
