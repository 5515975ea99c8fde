"""From a results folder to what the gate compares: for the baseline and for the candidate alike."""

import math
import statistics
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from gan_bench import __version__
from gan_bench.errors import UsageError
from gan_bench.gate.baseline import FEWEST_BASELINE, Baseline, Entry, SeedFigures
from gan_bench.report.numbers import listed
from gan_bench.report.runs import Run, collect_runs
from gan_bench.results import Results, load_results
from gan_bench.score.names import figure_names
from gan_bench.spec import RunSpec


@dataclass(frozen=True)
class Found:
    """The entries of a results folder."""

    entries: tuple[Entry, ...]
    """Of each implementation, data set and budget the newest runs."""
    left_out: tuple[str, ...]
    """A sentence for each group of runs, or file, that is in no entry."""


def freeze(path: Path, command: str) -> tuple[Baseline, tuple[str, ...]]:
    """Return the baseline of a results folder, and a sentence for each thing left out of it.

    Parameters
    ----------
    path
        The results folder.
    command
        What was typed, for the file.

    Raises
    ------
    UsageError
        There is no such folder, or no implementation in it has enough seeds.
    """
    found = entries(path)
    enough = [entry for entry in found.entries if len(entry.ok) >= FEWEST_BASELINE]
    few = [
        f"{entry.label}: {len(entry.ok)} seeds are ok, a baseline takes {FEWEST_BASELINE}."
        for entry in found.entries
        if len(entry.ok) < FEWEST_BASELINE
    ]
    if not enough:
        why = " ".join(few) or "It holds no finished run."
        raise UsageError(f"The results folder {path} makes no baseline. {why}")
    baseline = Baseline(
        gan_bench=__version__,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        entries=tuple(enough),
    )
    return baseline, (*found.left_out, *few)


def entries(
    path: Path,
    *,
    prefer: Mapping[str, Collection[str]] | None = None,
    only: Collection[str] | None = None,
) -> Found:
    """Return what a results folder has of each implementation, data set, budget and recipe.

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
    runs = [
        run
        for run in collect_runs(path, results)
        if run.record is not None and (only is None or run.run_id in only)
    ]
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(_key(run), []).append(run)
    newest: dict[str, list[Run]] = {}
    left = list(results.left_out)
    for members in sorted(groups.values(), key=_finished_at):
        what = members[0].spec
        cell = f"{what.implementation.name} {what.data_sha256} {members[0].budget_images}"
        if cell in newest:
            left.append(_older(newest[cell], members))
        newest[cell] = members
    found = [_entry(members, results, prefer or {}) for members in newest.values()]
    found.sort(key=lambda entry: (entry.implementation, entry.dataset, entry.budget_images))
    return Found(tuple(found), tuple(left))


def preferred(wanted: Iterable[Entry]) -> dict[str, set[str]]:
    """Return by metric the fingerprints under which the baseline was scored."""
    found: dict[str, set[str]] = {}
    for entry in wanted:
        for metric, fingerprint in entry.scored_by.items():
            found.setdefault(metric, set()).add(fingerprint)
    return found


def _key(run: Run) -> str:
    """Return what the seeds of one entry have in common; the machine is not in it."""
    derived = {"seed", "preset", "budget", "python", "dataset"}
    return run.spec.model_dump_json(exclude=derived) + str(run.budget_images)


def _finished_at(runs: list[Run]) -> str:
    return max(run.record.finished_at for run in runs if run.record)


def _older(older: list[Run], newer: list[Run]) -> str:
    a, b = older[0].spec, newer[0].spec
    differing = [
        name.replace("_", " ")
        for name in RunSpec.model_fields
        if name not in ("seed", "preset", "budget") and getattr(a, name) != getattr(b, name)
    ]
    return (
        f"{a.implementation.name} on {a.dataset_label}: {len(older)} older runs differ in "
        f"{listed(differing)} and are not compared."
    )


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
    probes = [p for p in (where.probe_gflops_before, where.probe_gflops_after) if p]
    return SeedFigures(
        seed=run.spec.seed,
        status=record.status,
        reason=record.reason,
        collapsed=collapsed,
        weights_sha256=record.weights_sha256,
        images_per_s=record.images_per_s,
        probe_gflops=statistics.fmean(probes) if probes else None,
        device_exclusive=where.device_exclusive,
        machine=run.hardware,
        figures=figures,
    )


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
