"""The groups of runs that are ranked together, and the label of each row in them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from gan_bench.analysis.identity import Setting, identity, seeds_of_one_thing, setting_of
from gan_bench.analysis.runs import Run
from gan_bench.plan import RunSpec
from gan_bench.text import told_apart

SCHEDULE: Final = ("steps", "images_per_step", "evaluation_steps")
"""Facts of a run's identity that follow from the recipe's values, the budget and the number of
evaluation points."""


def comparable_groups(runs: Sequence[Run], features: Mapping[str, str]) -> dict[Setting, list[Run]]:
    """Return the runs by setting, in the order in which the settings first occur.

    1. Each run's setting is what it was planned with, and the machine that it ran on. A run that
       has not run yet joins the machine on which most runs of its plan ran.
    2. The protocol of a setting is chosen: scores under several feature models are columns of one
       ranking, and the model with which most runs were scored, and at most points, ranks. A run
       with scores under two protocols of that model is in two groups. One without scores is in the
       group of every protocol.

    ``features`` has the name of the feature model by the fingerprint of the protocol.

    Examples
    --------
    Two runs on ``Model X`` and one that is pending are one group. If one of them was scored with
    500 samples and the other with 1,000, there are two groups, and the pending run is in both.
    """
    settings = _with_machines(runs)
    groups: dict[Setting, list[Run]] = {}
    for setting in dict.fromkeys(settings.values()):
        members = [run for run in runs if settings[run.run_id] == setting]
        of_run = _ranking_protocols(members, features)
        every = tuple(dict.fromkeys(p for protocols in of_run.values() for p in protocols))
        for run in members:
            for protocol in of_run[run.run_id] or every or (None,):
                groups.setdefault(replace(setting, protocol=protocol), []).append(run)
    return groups


def _with_machines(runs: Sequence[Run]) -> dict[str, Setting]:
    """Return each run's setting by its id, without a protocol."""
    names: dict[str, str] = {}
    settings = {}
    machines: dict[Setting, Counter[str]] = {}
    for run in runs:
        setting = setting_of([run])
        # The same content under two names is the same data. Runs that saw the reference are shown
        # beside the others, and their FID is not ranked.
        name = names.setdefault(setting.data_sha256, setting.dataset)
        settings[run.run_id] = replace(setting, dataset=name, train_splits=())
        planned = replace(settings[run.run_id], hardware=None)
        if run.hardware:
            machines.setdefault(planned, Counter())[run.hardware] += 1
    for run_id, setting in settings.items():
        if setting.hardware is None and setting in machines:
            [(most, _)] = machines[setting].most_common(1)
            settings[run_id] = replace(setting, hardware=most)
    return settings


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
    """Return runs that are seeds of one thing by label.

    The label is the implementation's name, with what differs where there are several versions.
    A results folder has several versions of one implementation after a change of its source,
    recipe values or versions of packages.
    """
    by_name: dict[str, list[list[Run]]] = {}
    for seeds in seeds_of_one_thing(runs):
        by_name.setdefault(seeds[0].spec.implementation.name, []).append(seeds)
    return {
        label: seeds
        for name, versions in by_name.items()
        for label, seeds in zip(_labels(name, versions), versions, strict=True)
    }


def _labels(name: str, versions: Sequence[Sequence[Run]]) -> list[str]:
    """Return the name with what differs, e.g. ``torch-dcgan (learning_rate=0.01)``."""
    if len(versions) == 1:
        return [name]
    specs = [seeds[0].spec for seeds in versions]
    every = [facts_in_words(spec) for spec in specs]
    if any(every.count(facts) > 1 for facts in every):  # a seed ran twice: where, tells them apart
        for facts, spec in zip(every, specs, strict=True):
            facts["device"] = f"device {spec.device}"
            facts["gpu"] = f"on {spec.gpu}"
            facts["data set"] = f"data set {spec.dataset_label}"
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
