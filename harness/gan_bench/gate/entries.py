"""Entries: the runs that differ only in their seed, and their final figures."""

import json
import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from gan_bench.analysis.runs import Run, collect_runs
from gan_bench.errors import first_validation_error
from gan_bench.gate.baseline import Entry, SeedFigures
from gan_bench.metrics import figure_names
from gan_bench.results.load import Results, load_results


@dataclass(frozen=True)
class Found:
    """The entries of a results folder."""

    entries: tuple[Entry, ...]
    """One for all runs that differ in the seed alone, those that were planned last in front."""
    left_out: tuple[str, ...]
    """A sentence for each file, or run, that is in no entry."""


def entries(
    path: Path,
    *,
    prefer: Mapping[str, Collection[str]] | None = None,
    only: Collection[str] | None = None,
) -> Found:
    """Return what a results folder has, runs that differ in the seed alone together.

    Parameters
    ----------
    path
        The results folder.
    prefer
        By metric the fingerprints of the protocols whose figures are wanted where there are
        several; otherwise those of most seeds are taken.
    only
        The ids of the runs that count; by default all.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    results = load_results(path)
    left = list(results.left_out)
    groups: dict[str, dict[int, Run]] = {}
    for run in sorted(collect_runs(path, results), key=_finished_at):
        if run.record is None or not (only is None or run.run_id in only):
            continue
        members = groups.setdefault(_key(run), {})
        if run.spec.seed in members:
            left.append(f"{members[run.spec.seed].run_id}: the same run was finished later again.")
        members[run.spec.seed] = run
    found = []
    for members in groups.values():
        runs = list(members.values())
        try:
            entry = _entry(runs, results, prefer or {})
        except ValidationError as error:
            left.append(f"{runs[0].run_id} and its like: {first_validation_error(error)}")
            continue
        at = max((results.planned_at.get(run.run_id, 0.0), _finished_at(run)) for run in runs)
        found.append((at, entry))
    found.sort(key=lambda pair: pair[0], reverse=True)
    return Found(tuple(entry for _, entry in found), tuple(left))


def preferred(wanted: Iterable[Entry]) -> dict[str, set[str]]:
    """Return by metric the fingerprints under which the baseline was scored."""
    found: dict[str, set[str]] = {}
    for entry in wanted:
        for metric, fingerprint in entry.scored_by.items():
            found.setdefault(metric, set()).add(fingerprint)
    return found


def older(chosen: Entry, other: Entry) -> str:
    """Say in what runs differ that are not compared from those that are."""
    names = [
        name.replace("_", " ")
        for name in Entry.model_fields
        if name not in ("seeds", "protocols", "scored_by", "preset", "conventions", "dataset")
        and getattr(chosen, name) != getattr(other, name)
    ]
    what = " and ".join(names) or "what they are"
    return f"{len(other.seeds)} runs that were planned earlier differ in {what} and do not count"


def without(entry: Entry, metrics: Sequence[str]) -> Entry:
    """Return an entry without some metrics."""
    if not metrics:
        return entry
    seeds = tuple(
        one.model_copy(
            update={"figures": {m: v for m, v in one.figures.items() if m not in metrics}}
        )
        for one in entry.seeds
    )
    scored = {m: p for m, p in entry.scored_by.items() if m not in metrics}
    kept = {p: entry.protocols[p] for p in dict.fromkeys(scored.values())}
    return entry.model_copy(update={"seeds": seeds, "scored_by": scored, "protocols": kept})


def _key(run: Run) -> str:
    """Return what the seeds of one entry have in common; the machine is not in it."""
    identity = {**run.spec.identity, "train_splits": run.spec.train_splits}
    for name in ("seed", "dataset"):
        identity.pop(name)
    return json.dumps([identity, run.budget_images], sort_keys=True)


def _finished_at(run: Run) -> str:
    return run.record.finished_at if run.record else ""


def _entry(runs: list[Run], results: Results, prefer: Mapping[str, Collection[str]]) -> Entry:
    spec = runs[0].spec
    figures, protocols = _final(runs, results, prefer)
    collapsed = _collapsed(runs, results)
    return Entry(
        implementation=spec.implementation.name,
        recipe=spec.implementation.recipe,
        framework=spec.implementation.framework,
        dataset=spec.dataset_label,
        data_sha256=spec.data_sha256,
        train_splits=spec.train_splits,
        budget_images=runs[0].budget_images,
        steps=spec.steps,
        evaluation_steps=spec.evaluation_steps,
        samples=spec.samples,
        preset=spec.preset,
        recipe_values=spec.recipe_values,
        conventions=spec.conventions,
        source_sha256=spec.source_sha256,
        versions=spec.versions,
        device=spec.device,
        threads=spec.threads,
        deterministic=spec.deterministic,
        on_divergence=spec.on_divergence,
        protocols={p: results.protocols[p].protocol for p in sorted(set(protocols.values()))},
        scored_by=protocols,
        seeds=tuple(
            _seed(run, figures.get(run.run_id, {}), run.run_id in collapsed)
            for run in sorted(runs, key=lambda run: run.spec.seed)
        ),
    )


def _seed(run: Run, figures: dict[str, float], collapsed: bool) -> SeedFigures:
    record = run.record
    assert record is not None
    where = record.circumstances
    probes = [p for p in (where.probe_gflops_before, where.probe_gflops_after) if _positive(p)]
    return SeedFigures(
        seed=run.spec.seed,
        status=record.status,
        reason=record.reason,
        collapsed=collapsed,
        weights_sha256=record.weights_sha256,
        images_per_s=record.images_per_s if _positive(record.images_per_s) else None,
        probe_gflops=statistics.fmean(p for p in probes if p) if probes else None,
        device_exclusive=where.device_exclusive,
        machine=f"{run.hardware}, {where.machine.cores} cores" if run.hardware else None,
        figures=figures,
    )


def _positive(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0


def _last(runs: list[Run], results: Results) -> pd.DataFrame:
    """Return the scores of the final snapshots of runs that are ok."""
    last = {run.run_id: run.spec.steps for run in runs if run.status == "ok"}
    scores = results.scores[results.scores["run_id"].isin(list(last))]
    return scores[scores["step"] == scores["run_id"].map(last)]


def _final(
    runs: list[Run], results: Results, prefer: Mapping[str, Collection[str]]
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """Return the final figures by run and metric, and each metric's protocol."""
    by_protocol: dict[str, dict[str, dict[str, float]]] = {}
    for row in _last(runs, results).to_dict("records"):
        if not pd.isna(row["value"]) and math.isfinite(row["value"]):
            of_metric = by_protocol.setdefault(str(row["metric"]), {})
            of_metric.setdefault(str(row["protocol"]), {})[str(row["run_id"])] = float(row["value"])
    figures: dict[str, dict[str, float]] = {}
    protocols = {}
    for metric, found in by_protocol.items():
        wanted = prefer.get(metric, ())
        chosen = max(found, key=lambda p: (p in wanted, len(found[p])))
        protocols[metric] = chosen
        for run_id, value in found[chosen].items():
            figures.setdefault(run_id, {})[metric] = value
    return figures, protocols


def _collapsed(runs: list[Run], results: Results) -> set[str]:
    """Return the runs whose final samples are one image, or next to it.

    Next to it: their features fill less than a quarter of the real images' dimensions. Features may
    be 0 for all samples of a generator that only makes bad ones, so that a few dimensions less say
    nothing; nor do samples that are fewer than the dimensions.
    """
    last = _last(runs, results)
    rows = last[last["metric"].isin([n for f in set(last["features"]) for n in _fids(f)])]
    real, fake = pd.to_numeric(rows["rank_real"]), pd.to_numeric(rows["rank_fake"])
    few = (fake < real / 4) & (pd.to_numeric(rows["n_fake"]) > real)
    return set(last.loc[last["all_equal"].eq(True), "run_id"]) | set(rows.loc[few, "run_id"])


def _fids(features: str) -> tuple[str, ...]:
    return figure_names("fid", features)
