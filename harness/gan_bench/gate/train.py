"""``gate --run``: train the candidate runs that a gate needs, and no others."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.gate.baseline import Entry
from gan_bench.gate.bounds import paired_seeds
from gan_bench.gate.comparability import incomparable, untimed
from gan_bench.gate.entries import entries, preferred_protocols
from gan_bench.gate.verdict import GateRow, assess, confirmed, with_verdicts
from gan_bench.metrics import DEFAULT, METRICS, SPEED, figure_names
from gan_bench.plan import Plan, RunSpec
from gan_bench.plan.expand import expand
from gan_bench.plan.request import request as plan_request
from gan_bench.plugins.registry import sha256_of_harness
from gan_bench.results.layout import open_results
from gan_bench.results.record import Record
from gan_bench.scoring.features import FeatureChoice, Scoring
from gan_bench.system.files import write_json_atomically
from gan_bench.text import listed, timestamp

Execute = Callable[[Plan, bool], object]
"""Runs a plan and writes its records; starts finished runs over if the second argument is true.
Raises if it is interrupted."""
_Key = tuple[str, str, int]
_MARKER = "gate.json"


@dataclass(frozen=True)
class Request:
    """The arguments of ``gate --run``."""

    results: Path
    targets: Mapping[str, str]
    """Implementation's name, or path of a plugin's file, by implementation."""
    seeds: int
    """Number of seeds for each implementation, for the first test and for the rerun."""
    command: str
    metric: str
    margin: float
    options: Mapping[str, Any] = field(default_factory=dict)
    """Values of the plan that replace the baseline's: ``dataset``, ``set``."""


def train_and_compare(
    baseline: Sequence[Entry], request: Request, execute: Execute
) -> tuple[list[GateRow], tuple[str, ...]]:
    """Train the runs that a gate needs, and compare them with entries of a baseline.

    1. Refuse entries whose runs would not be comparable; they are not trained.
    2. Train the baseline's own seeds: an unchanged implementation gives bit-identical weights, or
       nearly the same values on another machine. If the first seed differs more, skip the others.
    3. Train fresh seeds for the remaining entries.
    4. Train other fresh seeds for entries that fail; an entry must fail twice.

    Returns
    -------
    rows, left_out
        One row for each entry; one sentence for each file that could not be read.
    """
    own = {run.seed for entry in baseline for run in entry.seeds}
    unused = [seed for seed in range(len(own) + 2 * request.seeds) if seed not in own]
    first, again = unused[: request.seeds], unused[request.seeds : 2 * request.seeds]
    runs = _Runs(baseline, request, execute, [*first, *again])

    refused = _refuse(baseline, runs)
    rest = [entry for entry in baseline if entry.key not in refused]
    paired = _decide_by_own_seeds(rest, runs) if request.metric != SPEED else {}
    rest = [entry for entry in rest if entry.key not in paired]
    fresh = _decide_by_fresh_seeds(rest, runs, first)
    failing = [entry for entry in rest if fresh[entry.key].fails]
    reruns = _decide_by_fresh_seeds(failing, runs, again)
    rerun = {key: confirmed(fresh[key], row) for key, row in reruns.items()}

    decided = refused | paired | fresh | rerun
    return [decided[entry.key] for entry in baseline], runs.left_out


def _refuse(baseline: Sequence[Entry], runs: "_Runs") -> dict[_Key, GateRow]:
    """Return the rows of entries whose runs would not be comparable."""
    metric = runs.request.metric
    refused = {}
    for entry in baseline:
        spec = next(iter(runs.planned[entry.key].values()))
        names = ("data_sha256", "train_splits", "steps", "recipe_values")
        planned = {name: getattr(spec, name) for name in names}
        planned |= {"recipe": spec.implementation.recipe, "dataset": spec.dataset_label}
        planned |= {"framework": spec.implementation.framework}
        obstacles = incomparable(entry, entry.model_copy(update=planned), "")
        if metric == SPEED:
            obstacles += untimed(entry, "baseline")
        if obstacles:
            why = f"{listed(obstacles)}; nothing was trained"
            refused[entry.key] = GateRow(entry, "incomparable", why)
    return refused


def _decide_by_own_seeds(baseline: Sequence[Entry], runs: "_Runs") -> dict[_Key, GateRow]:
    """Return the rows of entries that pass with the baseline's own seeds."""
    metric, margin = runs.request.metric, runs.request.margin
    for number in (1, runs.request.seeds):
        own = {e.key: [run.seed for run in e.trained[:number]] for e in baseline}
        candidates = runs.train(baseline, own)
        baseline = [
            entry
            for entry in baseline
            if (found := candidates.get(entry.key))
            and paired_seeds(entry, found, metric, margin).within_margin
        ]
    return {e.key: assess(e, candidates[e.key], metric, margin) for e in baseline}


def _decide_by_fresh_seeds(
    baseline: Sequence[Entry], runs: "_Runs", seeds: Sequence[int]
) -> dict[_Key, GateRow]:
    """Return the rows of entries by seeds that the baseline does not have."""
    metric, margin = runs.request.metric, runs.request.margin
    candidates = runs.train(baseline, {entry.key: seeds for entry in baseline})
    assessed = [
        assess(entry, candidates.get(entry.key), metric, margin, seeds=seeds) for entry in baseline
    ]
    return {row.baseline.key: row for row in with_verdicts(assessed)}


class _Runs:
    """The candidates' runs, which are trained when needed.

    Earlier runs in the results folder are trained again, because a run's id does not depend on the
    harness's source. Only runs of an earlier gate with the same gan-bench source are reused.
    """

    def __init__(
        self, baseline: Sequence[Entry], request: Request, execute: Execute, fresh: Sequence[int]
    ) -> None:
        self.request = request
        self._execute = execute
        self._began = _began(request.results)
        self._ids: set[str] = set()
        self.left_out: tuple[str, ...] = ()
        """One sentence for each file of the results folder that could not be read."""
        self.planned = {entry.key: self._plan(entry, fresh) for entry in baseline}
        """All runs that may be needed, by entry and seed."""

    def train(
        self, baseline: Sequence[Entry], seeds: Mapping[_Key, Sequence[int]]
    ) -> dict[_Key, Entry]:
        """Return the candidates of some entries, after training their missing seeds.

        The first seed of all entries is trained before the second seed of any.
        """
        turns = zip_longest(
            *([self.planned[key][seed] for seed in numbers] for key, numbers in seeds.items())
        )
        specs = [spec for turn in turns for spec in turn if spec is not None]
        stale = [spec for spec in specs if self._is_stale(spec)]
        rest = [spec for spec in specs if spec not in stale]
        self._ids |= {spec.run_id for spec in specs}
        for some, start_over in ((stale, True), (rest, False)):
            if some:
                now = timestamp()
                plan = Plan(command=self.request.command, created_at=now, runs=tuple(some))
                self._execute(plan, start_over)
        prefer = preferred_protocols(baseline)
        found = entries(self.request.results, prefer=prefer, only=self._ids)
        self.left_out = tuple(dict.fromkeys((*self.left_out, *found.left_out)))
        candidates: dict[_Key, Entry] = {}
        for entry in found.entries:
            candidates.setdefault(entry.key, entry)
        return candidates

    def _is_stale(self, spec: RunSpec) -> bool:
        """Return whether a finished run must be trained again."""
        folder = open_results(self.request.results, create=True).run(spec.run_id)
        if spec.run_id in self._ids or not folder.record.exists():
            return False
        try:
            record = Record.read(folder.record)
        except GanBenchError:
            return True
        # A killed run continues where it stopped.
        counts = record.status in ("ok", "diverged", "killed")
        return record.finished_at < self._began or not counts

    def _plan(self, entry: Entry, fresh: Sequence[int]) -> dict[int, RunSpec]:
        """Return the runs of an entry by seed: its own first seeds, and fresh ones."""
        request, name = self.request, entry.implementation
        own = [run.seed for run in entry.trained[: request.seeds]]
        values = {n: v for n, v in request.options.get("set", {}).items() if n == name}
        asked = {**_as_planned(entry), **request.options, "targets": (request.targets[name],)}
        wanted = plan_request({**asked, "seeds": (*own, *fresh), "set": values})
        runs = expand(wanted, request.command).runs
        planned = {spec.seed: spec for spec in runs}
        if len(planned) < len(runs):
            raise UsageError(f"The gate takes one value of each field of {name}; --set has more.")
        return planned


def _began(results: Path) -> str:
    """Return when this gate began, or an earlier one with the same gan-bench source."""
    marker = open_results(results, create=True).path / _MARKER
    harness = sha256_of_harness()
    try:
        known = json.loads(marker.read_text(encoding="utf-8"))
        if known["harness_sha256"] == harness:
            return str(known["began_at"])
    except (OSError, ValueError, TypeError, KeyError):
        pass  # there is no earlier gate to continue
    began = timestamp()
    write_json_atomically(marker, {"harness_sha256": harness, "began_at": began})
    return began


def _as_planned(entry: Entry) -> dict[str, Any]:
    """Return the request for a run with the baseline's data, budget, evaluation and threads."""
    return {
        "preset": entry.preset,
        "dataset": entry.dataset,
        "images": entry.budget_images,
        "samples": entry.samples,
        "evaluations": max(2, len(entry.evaluation_steps)),
        "device": entry.device,
        "threads": entry.threads,
        "deterministic": entry.deterministic,
        "precision": entry.precision,
        "on_divergence": entry.on_divergence,
    }


def scoring_of(metric: str, chosen: Sequence[Entry]) -> Scoring:
    """Return the features and metrics with which candidates are scored, for a metric.

    Raises
    ------
    UsageError
        The metric needs a feature model from a file of the user.
    """
    names = {p.features for entry in chosen if (p := entry.protocol(metric))} - {"pixels"}
    own = sorted(names - {"lenet", "inception"})
    if own:
        raise UsageError(
            f"{metric} needs your feature model {own[0]}: train and score the candidates with "
            "`gan-bench run --features FILE.onnx`, then compare them without --run."
        )
    metrics = tuple(
        family
        for family in METRICS
        if family in DEFAULT or any(metric in figure_names(family, name) for name in names)
    )
    others = [
        FeatureChoice(name, _count(metric, name, chosen)) for name in sorted(names - {"lenet"})
    ]
    return Scoring((FeatureChoice("lenet"), *others), metrics)


def _count(metric: str, name: str, chosen: Sequence[Entry]) -> int | None:
    """Return the number of images that are scored with a feature model, None for all."""
    counts = {
        (p.n_fake, p.n_real)
        for entry in chosen
        if (p := entry.protocol(metric)) is not None and p.features == name
    }
    equal = [fake for fake, real in counts if fake == real]
    return equal[0] if len(counts) == 1 and equal else None
