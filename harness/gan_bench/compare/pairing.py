"""Two results folders, and which of their runs are compared with each other."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gan_bench.analysis.final_scores import collapsed, failed, final_values, measured, protocols_of
from gan_bench.analysis.identity import (
    MACHINE,
    SAME_FOR_QUALITY,
    Setting,
    identity,
    seeds_of_one_thing,
    setting_of,
)
from gan_bench.analysis.runs import Run, collect_runs
from gan_bench.analysis.statistics import SeedValues
from gan_bench.metrics import SPEED
from gan_bench.results.load import Results
from gan_bench.results.record import Record
from gan_bench.results.scores import Protocol
from gan_bench.results.sources import opened
from gan_bench.text import against

_SCHEDULE = ("steps", "images per step", "evaluation points")
"""Facts that follow from the recipe's values, the budget and the number of evaluation points."""


@dataclass(frozen=True)
class RunGroup:
    """Runs of one folder that differ only in the seed, perhaps on several machines."""

    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """Name of the implementation."""
        return self.runs[0].spec.implementation.name

    @cached_property
    def setting(self) -> Setting:
        """Data, budget and machine of the runs."""
        return setting_of(self.runs)

    @cached_property
    def facts(self) -> dict[str, str]:
        """Facts about recipe, source, versions and conventions, by name in words."""
        spec = self.runs[0].spec
        values = identity(spec)
        attribute = values.pop("implementation")["attribute"]  # pairs have one name
        recipe, versions = values.pop("recipe_values"), values.pop("versions")
        facts = {name.replace("_", " "): str(value) for name, value in values.items()}
        facts["class"] = attribute
        facts["source"] = facts.pop("source sha256")[:7]
        facts["evaluation points"] = ", ".join(map(str, spec.evaluation_steps))
        del facts["evaluation steps"]
        facts |= {f"version of {name}": version for name, version in versions.items()}
        facts |= {f"recipe {name}": str(value) for name, value in recipe.items()}
        return facts | {f"convention {name}": text for name, text in spec.conventions.items()}

    @property
    def ok(self) -> tuple[Run, ...]:
        """The runs that succeeded."""
        return tuple(run for run in self.runs if run.outcome == "ok")

    @property
    def trained(self) -> tuple[Run, ...]:
        """The runs that trained to their end, scored or not."""
        return tuple(run for run in self.runs if run.status == "ok")

    @property
    def not_ok(self) -> dict[str, int]:
        """Number of runs by outcome, without ``ok``."""
        return dict(Counter(run.outcome for run in self.runs if run.outcome != "ok"))

    @property
    def failures(self) -> int:
        """Number of runs that failed."""
        return sum(failed(run) for run in self.runs)

    @property
    def collapsed(self) -> int:
        """Number of runs that trained to their end but whose samples are nearly one image."""
        return sum(collapsed(run) for run in self.trained)

    @property
    def weights(self) -> dict[int, str | None]:
        """SHA-256 of the final weights by seed."""
        return {run.spec.seed: run.record.weights_sha256 for run in self.trained if run.record}

    def protocols(self, metric: str, prefer: Collection[str] = ()) -> list[str]:
        """Return the protocols under which a metric has values, the best choice first."""
        return protocols_of(self.runs, metric, prefer)

    def values(self, metric: str, protocol: str | None) -> SeedValues | None:
        """Return a metric over the seeds, None if no seed has it."""
        return final_values(self.runs, metric, protocol)

    def measured(self, of: Callable[[Record], float | None]) -> SeedValues | None:
        """Return a value of the records over the seeds."""
        return measured(self.runs, of)


@dataclass(frozen=True)
class Folder:
    """One of the two results folders."""

    path: Path
    results: Results
    groups: tuple[RunGroup, ...]

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Metrics for which a run has a final value, and the throughput."""
        names = dict.fromkeys(
            score.metric
            for group in self.groups
            for run in group.trained
            for file in run.scores
            for score in file.scores
            if score.step == run.spec.steps and score.value is not None
        )
        timed = any(group.values(SPEED, None) for group in self.groups)
        return (*names, *([SPEED] if timed else []))

    def protocol(self, fingerprint: str) -> Protocol:
        """Return a protocol under which the folder has scores."""
        return self.results.protocols[fingerprint].protocol


def read_folder(path: Path) -> Folder:
    """Read a results folder or an archive.

    Raises
    ------
    UsageError
        There is no such folder, an archive is refused, or it has no runs.
    """
    with opened([path]) as folder:
        results = folder.load()
        runs = collect_runs(folder.path, results)
        if not runs:
            raise results.no_run(folder.path, "compare")
    groups = tuple(RunGroup(tuple(seeds)) for seeds in seeds_of_one_thing(runs))
    return Folder(path, results, groups)


def partners(
    a: Sequence[RunGroup], b: Sequence[RunGroup]
) -> list[tuple[RunGroup | None, RunGroup | None]]:
    """Return the pairs to compare, by name, in the order of names and groups.

    If a name has several groups, the most similar ones are paired. Groups with different data or
    budgets are paired only if there is one on each side.
    """
    pairs: list[tuple[RunGroup | None, RunGroup | None]] = []
    for name in dict.fromkeys(group.name for group in (*a, *b)):
        left = [group for group in a if group.name == name]
        right = [group for group in b if group.name == name]
        alone = len(left) == len(right) == 1
        distances = sorted(
            (_distance(group, other), i, j)
            for i, group in enumerate(left)
            for j, other in enumerate(right)
        )
        chosen: dict[int, int] = {}
        for distance, i, j in distances:
            if i not in chosen and j not in chosen.values() and (alone or distance[0] == 0):
                chosen[i] = j
        pairs += [(g, right[chosen[i]] if i in chosen else None) for i, g in enumerate(left)]
        pairs += [(None, group) for j, group in enumerate(right) if j not in chosen.values()]
    return pairs


def differing_facts(a: RunGroup, b: RunGroup) -> list[str]:
    """Return the names of the facts that differ."""
    names = dict.fromkeys((*a.facts, *b.facts))
    return [name for name in names if a.facts.get(name) != b.facts.get(name)]


def fact_against(name: str, a: RunGroup, b: RunGroup) -> str:
    """Return a fact that differs, with both values."""
    kind, _, what = name.partition(" ")
    if kind == "convention":
        return f"convention {what} differs"
    return against(name, a.facts.get(name), b.facts.get(name))


def _distance(a: RunGroup, b: RunGroup) -> tuple[int, int, int, int]:
    essential = len(a.setting.differences(b.setting, SAME_FOR_QUALITY))
    machine = len(a.setting.differences(b.setting, MACHINE))
    names = differing_facts(a, b)
    recipe = sum(name.startswith("recipe ") for name in names)
    return essential, machine, recipe, len(names)


def label(group: RunGroup, groups: Sequence[RunGroup]) -> str:
    """Return the implementation's name, with its differences from other groups of that name.

    ``groups`` has one group for each row of the comparison.
    """
    same = [other for other in groups if other.name == group.name]
    if len(same) == 1:
        return group.name
    named = len({other.setting.dataset for other in same}) > 1
    settings = ["train_splits", "budget_images", *MACHINE[:2]]
    apart = [name for name in settings if len({getattr(o.setting, name) for o in same}) > 1]
    parts = [group.setting.dataset] if named else []
    parts += [group.setting.describe([name]) for name in apart]
    names = dict.fromkeys(name for other in same for name in other.facts)
    differing = [name for name in names if len({other.facts.get(name) for other in same}) > 1]
    # Other recipe values may come with another schedule, which would hide them in a long name.
    short = [name for name in differing if name not in _SCHEDULE]
    told = {
        (other.setting.describe([*apart, "dataset"]), *map(other.facts.get, short))
        for other in same
    }
    parts += [
        f"{name.removeprefix('recipe ')} {group.facts.get(name, 'none')}"
        for name in (short if len(told) == len(same) else differing)
    ]
    return f"{group.name} ({', '.join(parts or [group.runs[0].spec.device])})"
