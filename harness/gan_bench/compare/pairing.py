"""What stands against what: runs that are seeds of one thing, in each folder."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from gan_bench.analysis.runs import Run, collect_runs
from gan_bench.analysis.seeds import SeedValues
from gan_bench.results.load import Results, load_results
from gan_bench.results.scores import Protocol

ESSENTIAL = ("data", "training splits", "budget")
"""Where these differ, no figure compares."""
MACHINE = ("device", "threads", "machine")
"""Where these differ, no time compares."""
SPEED = "images_per_s"
"""The metric that is no score: training images per second in steady state."""


@dataclass(frozen=True)
class Folder:
    """One of the two results folders."""

    path: Path
    results: Results
    cells: tuple["RunGroup", ...]
    metrics: tuple[str, ...]
    """That a run of it has for its final snapshot, or as its speed."""

    def protocol(self, fingerprint: str) -> Protocol:
        """Return a protocol that the folder has scores under."""
        return self.results.protocols[fingerprint].protocol


@dataclass(frozen=True)
class RunGroup:
    """Runs of one folder that differ in the seed alone (and perhaps in the machine)."""

    name: str
    """The implementation's."""
    identity: dict[str, str]
    """What the runs have in common, by what it concerns, in words."""
    runs: tuple[Run, ...]
    scores: dict[tuple[str, str], dict[int, float | None]]
    """Figures of the final snapshots by metric and protocol, and by seed; of runs that are ok."""

    @property
    def dataset(self) -> str:
        """The data set's name for readers."""
        return self.runs[0].spec.dataset_label

    @property
    def ok(self) -> tuple[Run, ...]:
        """The runs that trained to the end."""
        return tuple(run for run in self.runs if run.status == "ok")

    @property
    def not_ok(self) -> dict[str, int]:
        """How many runs have another status, by status."""
        return dict(Counter(run.status for run in self.runs if run.status != "ok"))

    @property
    def weights(self) -> dict[int, str | None]:
        """The final weights' sha256 by seed."""
        return {run.spec.seed: run.record.weights_sha256 for run in self.ok if run.record}

    def protocols(self, metric: str) -> list[str]:
        """Return the protocols under which a metric has figures, those with most seeds first."""
        counts = {
            protocol: sum(value is not None for value in values.values())
            for (name, protocol), values in self.scores.items()
            if name == metric
        }
        return sorted((p for p in counts if counts[p]), key=lambda p: -counts[p])

    def figure(self, metric: str, protocol: str | None) -> SeedValues | None:
        """Return a metric over the seeds, None where nothing was measured."""
        if metric == SPEED:
            return self.measured(lambda run: run.record.images_per_s if run.record else None)
        return SeedValues.by(self.scores.get((metric, protocol or ""), {}))

    def measured(self, of: Callable[[Run], float | None]) -> SeedValues | None:
        """Return what a function gives for the runs that are ok, by seed."""
        return SeedValues.by({run.spec.seed: of(run) for run in self.ok})


def read_folder(path: Path) -> Folder:
    """Read a results folder.

    Raises
    ------
    UsageError
        There is none, or it holds no run.
    """
    results = load_results(path)
    runs = collect_runs(path, results)
    if not runs:
        raise results.no_run(path, "compare")
    cells = _cells(runs, results)
    metrics = [metric for cell in cells for metric, _ in cell.scores if cell.protocols(metric)]
    if any(cell.figure(SPEED, None) for cell in cells):
        metrics.append(SPEED)
    return Folder(path, results, tuple(cells), tuple(dict.fromkeys(metrics)))


def partners(
    a: Sequence[RunGroup], b: Sequence[RunGroup]
) -> list[tuple[RunGroup | None, RunGroup | None]]:
    """Return who stands against whom, by name, in the order in which names and cells occur.

    Where a name has several cells, those stand together that differ least. Cells with other data
    or another budget do so only if there is no choice: one on each side.
    """
    pairs: list[tuple[RunGroup | None, RunGroup | None]] = []
    for name in dict.fromkeys(cell.name for cell in (*a, *b)):
        left = [cell for cell in a if cell.name == name]
        right = [cell for cell in b if cell.name == name]
        alone = len(left) == len(right) == 1
        distances = sorted(
            (_distance(one, other), i, j)
            for i, one in enumerate(left)
            for j, other in enumerate(right)
        )
        found: dict[int, int] = {}
        for distance, i, j in distances:
            if i not in found and j not in found.values() and (alone or distance[0] == 0):
                found[i] = j
        pairs += [(cell, right[found[i]] if i in found else None) for i, cell in enumerate(left)]
        pairs += [(None, cell) for j, cell in enumerate(right) if j not in found.values()]
    return pairs


def differing(one: RunGroup, other: RunGroup, names: Iterable[str] | None = None) -> list[str]:
    """Return which parts of two identities differ, all or of these names."""
    every = dict.fromkeys((*one.identity, *other.identity)) if names is None else names
    return [name for name in every if one.identity.get(name) != other.identity.get(name)]


def _distance(one: RunGroup, other: RunGroup) -> tuple[int, int, int, int]:
    names = differing(one, other)
    essential = sum(name in ESSENTIAL for name in names)
    machine = sum(name in MACHINE for name in names)
    recipe = sum(name.startswith("recipe ") for name in names)
    return essential, machine, recipe, len(names)


def _cells(runs: Sequence[Run], results: Results) -> list[RunGroup]:
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        identity = json.dumps([run.spec.implementation.name, _identity(run)], sort_keys=True)
        grouped.setdefault(identity, []).append(run)
    return [
        RunGroup(
            name=members[0].spec.implementation.name,
            identity=_identity(members[0]) | _machine(members),
            runs=tuple(members),
            scores=_final(members, results),
        )
        for members in grouped.values()
    ]


def _identity(run: Run) -> dict[str, str]:
    spec = run.spec
    identity = {
        # The same content under two names is the same data.
        "data": spec.data_sha256[:12],
        "training splits": " and ".join(spec.train_splits),
        "budget": f"{run.budget_images:,} images",
        "device": run.device,
        "threads": str(spec.threads),
        "device number": spec.device,
        "source": spec.source_sha256[:7],
        "deterministic": str(spec.deterministic),
        "on divergence": spec.on_divergence,
        "chunk steps": str(spec.chunk_steps),
        "evaluation points": ", ".join(map(str, spec.evaluation_steps)),
        "samples": f"{spec.samples:,}",
    }
    identity |= {f"version of {name}": version for name, version in spec.versions.items()}
    identity |= {f"recipe {name}": json.dumps(v) for name, v in spec.recipe_values.items()}
    return identity | {f"convention {name}": text for name, text in spec.conventions.items()}


def _machine(runs: Sequence[Run]) -> dict[str, str]:
    """Return where the runs ran: seeds from several machines are one cell, but no speed of it."""
    names = sorted({run.hardware for run in runs if run.hardware is not None})
    return {"machine": " and ".join(names)}


def _final(runs: Sequence[Run], results: Results) -> dict[tuple[str, str], dict[int, float | None]]:
    seeds = {run.run_id: run.spec.seed for run in runs if run.status == "ok"}
    last = {run.run_id: run.spec.steps for run in runs}
    found: dict[tuple[str, str], dict[int, float | None]] = {}
    scores = results.scores[results.scores["run_id"].isin(list(seeds))]
    for row in scores.to_dict("records"):
        if row["step"] == last[row["run_id"]]:
            figures = found.setdefault((str(row["metric"]), str(row["protocol"])), {})
            figures[seeds[row["run_id"]]] = None if pd.isna(row["value"]) else float(row["value"])
    return found
