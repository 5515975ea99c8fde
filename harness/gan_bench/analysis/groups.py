"""The groups of runs that are ranked together, and the label of each row in them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from gan_bench.analysis.identity import (
    SAME_FOR_QUALITY,
    Setting,
    blocks,
    clock,
    identity,
    setting_of,
)
from gan_bench.analysis.runs import Run
from gan_bench.analysis.studied_speed import studied_machines
from gan_bench.plan import RunSpec
from gan_bench.results.speed import SpeedStudy
from gan_bench.text import told_apart

SCHEDULE: Final = ("steps", "images_per_step", "evaluation_steps")
"""Facts of a run's identity that follow from the recipe's values, the budget and the number of
evaluation points."""


def comparable_groups(
    runs: Sequence[Run], features: Mapping[str, str], studies: Sequence[SpeedStudy] = ()
) -> dict[Setting, list[Run]]:
    """Return the runs by setting, in the order in which the settings first occur.

    1. Runs whose quality compares are one group, wherever they ran. The machine in the setting is
       that of the group's times: `identity.clock`.
    2. The protocol of a setting is chosen: scores under several feature models are columns of one
       ranking, and the model with which most runs were scored, and at most points, ranks. A run
       with scores under two protocols of that model is in two groups. One without scores is in the
       group of every protocol.

    ``features`` has the name of the feature model by the fingerprint of the protocol.

    Examples
    --------
    Two runs on ``Model X``, one on ``Model Y`` and one that is pending are one group. If one of
    them was scored with 500 samples and the others with 1,000, there are two groups, and the
    pending run is in both.
    """
    names: dict[str, str] = {}
    groups: dict[Setting, list[Run]] = {}
    for members in _by_quality(runs):
        of_run = _ranking_protocols(members, features)
        every = tuple(dict.fromkeys(p for protocols in of_run.values() for p in protocols))
        of_protocol: dict[str | None, list[Run]] = {}
        for run in members:
            for protocol in of_run[run.run_id] or every or (None,):
                of_protocol.setdefault(protocol, []).append(run)
        for protocol, scored in of_protocol.items():
            times = clock(scored, studied_machines(studies, scored))
            setting = setting_of(scored)
            setting = replace(
                setting,
                # The same content under two names is the same data.
                dataset=names.setdefault(setting.data_sha256, setting.dataset),
                # Runs that saw the reference are shown beside the others; their FID is not ranked.
                train_splits=(),
                protocol=protocol,
                device=times.device,
                threads=times.threads,
                hardware=times.hardware,
            )
            groups[setting] = scored
    return groups


def _by_quality(runs: Sequence[Run]) -> list[list[Run]]:
    """Return runs in lists whose scores compare, if their protocols are equal."""
    names = [name for name in SAME_FOR_QUALITY if name != "train_splits"]
    found: dict[tuple[object, ...], list[Run]] = {}
    for run in runs:
        setting = setting_of([run])
        found.setdefault(tuple(getattr(setting, name) for name in names), []).append(run)
    return list(found.values())


def _ranking_protocols(
    runs: Sequence[Run], features: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return the protocols of the feature model that ranks, by run id."""
    runs_of: Counter[str] = Counter()
    positions: Counter[str] = Counter()
    for run in runs:
        for position, name in enumerate(dict.fromkeys(features[p] for p in run.protocols)):
            runs_of[name] += 1
            positions[name] += position
    main = max(runs_of, key=lambda name: (runs_of[name], -positions[name]), default=None)
    return {
        run.run_id: tuple(p for p in run.protocols if features[p] == main) or run.protocols[:1]
        for run in runs
    }


def other_protocols(
    runs: Sequence[Run], main: str | None, features: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the protocols beside a group's own: that of most runs for each other feature model."""
    counts = Counter(p for run in runs for p in run.protocols)
    best: dict[str, str] = {}
    for protocol, _ in counts.most_common():
        name = features[protocol]
        if main is None or name != features[main]:
            best.setdefault(name, protocol)
    return tuple(best.values())


def labelled(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Return runs that differ in seed and machine alone, by label.

    The label is the implementation's name, with what differs where there are several versions.
    A results folder has several versions of one implementation after a change of its source,
    recipe values or versions of packages.
    """
    by_name: dict[str, list[list[Run]]] = {}
    for block in blocks(runs):
        by_name.setdefault(block[0].spec.implementation.name, []).append(block)
    return {
        label: block
        for name, versions in by_name.items()
        for label, block in zip(_labels(name, versions), versions, strict=True)
    }


def _labels(name: str, versions: Sequence[Sequence[Run]]) -> list[str]:
    """Return the name with what differs, e.g. ``torch-dcgan (learning_rate=0.01)``."""
    if len(versions) == 1:
        return [name]
    every = [facts_in_words(block[0].spec) for block in versions]
    short = [{key: text for key, text in facts.items() if key not in SCHEDULE} for facts in every]
    # Other recipe values may come with another schedule, which would hide them in a long name.
    alike = any(short.count(facts) > 1 for facts in short)
    return told_apart(name, every if alike else short)


def facts_in_words(spec: RunSpec) -> dict[str, str]:
    """Return what was trained and how, in words; the keys of values are ``recipe <field>``."""
    facts = identity(spec)
    values, versions = facts.pop("recipe_values"), facts.pop("versions")
    found = {key: f"{key.replace('_', ' ')} {value}" for key, value in facts.items()}
    found["implementation"] = f"class {spec.implementation.attribute}"
    found["framework"] = spec.implementation.framework
    found["own_loop"] = "own loop" if spec.own_loop else "trained by gan-bench"
    found["source_sha256"] = f"source {spec.source_sha256[:7]}"
    found["evaluation_steps"] = f"evaluated at {', '.join(map(str, spec.evaluation_steps))}"
    found["train_splits"] = f"trained on {' and '.join(spec.train_splits)}"
    found |= {f"version of {key}": f"{key} {value}" for key, value in versions.items()}
    return found | {f"recipe {key}": f"{key}={value}" for key, value in values.items()}
