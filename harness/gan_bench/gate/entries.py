"""Entries: runs that differ only in the seed, with their final values; freezing a baseline."""

import math
import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from gan_bench.analysis.final_scores import collapsed, final_values, protocols_of
from gan_bench.analysis.identity import same_run, seeds_of_one_thing
from gan_bench.analysis.runs import Run, collect_runs
from gan_bench.errors import UsageError, first_validation_error
from gan_bench.gate.baseline import FEWEST_BASELINE, Baseline, Entry, SeedFigures
from gan_bench.results.load import Results, load_results
from gan_bench.results.status import NOT_SCORED
from gan_bench.text import listed, many, timestamp
from gan_bench.version import __version__


@dataclass(frozen=True)
class Entries:
    """The entries of a results folder."""

    entries: tuple[Entry, ...]
    """One entry for runs that differ only in the seed; those planned last come first."""
    left_out: tuple[str, ...]
    """One sentence for each file that could not be read, and for each run without an entry."""


def entries(
    path: Path,
    *,
    prefer: Mapping[str, Collection[str]] | None = None,
    only: Collection[str] | None = None,
) -> Entries:
    """Return the entries of a results folder.

    ``prefer`` has the fingerprints of the preferred protocols by metric; by default the one with
    the most seeds is chosen. ``only`` has the ids of the runs that count.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    results = load_results(path)
    left = list(results.left_out)
    finished = sorted((run for run in collect_runs(path, results) if run.record), key=_finished_at)
    counted = [run for run in finished if only is None or run.run_id in only]
    last: dict[str, tuple[float, str]] = {}
    for run in counted:
        at = results.planned_at.get(run.run_id, 0.0), _finished_at(run)
        last[same_run(run)] = max(at, last.get(same_run(run), at))
    found = []
    for runs in seeds_of_one_thing(counted):
        try:
            entry = _entry(runs, results, prefer or {})
        except ValidationError as error:
            left.append(f"{runs[0].run_id} and its other seeds: {first_validation_error(error)}")
            continue
        # If seeds ran twice, the larger group comes first, then the one that finished last.
        found.append((last[same_run(runs[0])], len(runs), _finished_at(runs[-1]), entry))
    found.sort(key=lambda item: item[:3], reverse=True)
    return Entries(tuple(entry for *_, entry in found), tuple(left))


def freeze(
    path: Path, command: str, seeds: Collection[int] | None = None
) -> tuple[Baseline, tuple[str, ...]]:
    """Return the baseline of a results folder, and one sentence for each thing left out.

    If an implementation has several sources, recipe values or versions, the last planned one
    counts.

    Raises
    ------
    UsageError
        There is no such folder, or no implementation in it has enough seeds.
    """
    found = entries(path)
    left = list(found.left_out)
    chosen: dict[tuple[str, str, int], Entry] = {}
    for whole in found.entries:
        kept = tuple(run for run in whole.seeds if seeds is None or run.seed in seeds)
        entry = whole.model_copy(update={"seeds": kept})
        if entry.key in chosen:
            left.append(f"{entry.label}: {not_compared(chosen[entry.key], whole)}.")
        else:
            chosen[entry.key] = entry
    enough = []
    for entry in chosen.values():
        if len(entry.trained) < FEWEST_BASELINE:
            left.append(
                f"{entry.label}: {many(len(entry.ok), 'seed')} succeeded, but a baseline needs "
                f"{FEWEST_BASELINE}."
            )
            continue
        unscored = [run for run in entry.seeds if run.outcome == NOT_SCORED]
        if unscored:
            why = (unscored[0].reason or "").rstrip(".")
            left.append(
                f"{entry.label}: {len(unscored)} of {many(len(entry.seeds), 'run')} not scored "
                f"({why})."
            )
        few = [metric for metric in entry.metrics if entry.having(metric) < FEWEST_BASELINE]
        left += [
            f"{entry.label}: {many(entry.having(m), 'seed')} with {m}, but a baseline needs "
            f"{FEWEST_BASELINE}."
            for m in few
        ]
        enough.append(without(entry, few))
    if not enough:
        why = " ".join(left) or "It has no finished run."
        raise UsageError(f"The results folder {path} cannot become a baseline. {why}")
    enough.sort(key=lambda entry: (entry.implementation, entry.dataset, entry.budget_images))
    baseline = Baseline(
        gan_bench=__version__,
        created_at=timestamp(),
        command=command,
        entries=tuple(enough),
    )
    return baseline, tuple(left)


def preferred_protocols(baseline: Iterable[Entry]) -> dict[str, set[str]]:
    """Return the fingerprints under which a baseline was scored, by metric."""
    found: dict[str, set[str]] = {}
    for entry in baseline:
        for metric, fingerprint in entry.scored_by.items():
            found.setdefault(metric, set()).add(fingerprint)
    return found


def not_compared(chosen: Entry, other: Entry) -> str:
    """Return a sentence on runs that do not count, and how they differ from those that do."""
    names = [
        name.replace("_", " ")
        for name in Entry.model_fields
        if name not in ("seeds", "protocols", "scored_by", "preset", "conventions", "dataset")
        and getattr(chosen, name) != getattr(other, name)
    ]
    same_seeds = {run.seed for run in chosen.seeds} & {run.seed for run in other.seeds}
    if same_seeds and set(names) <= {"device"}:
        return (
            f"{many(len(other.seeds), 'run')} with repeated seeds not counted: on another device, "
            "or with the data under another name"
        )
    what = listed(names) or "other fields"
    return f"{many(len(other.seeds), 'run')} planned earlier not counted: differences in {what}"


def without(entry: Entry, metrics: Sequence[str]) -> Entry:
    """Return an entry without some metrics."""
    if not metrics:
        return entry
    seeds = tuple(
        run.model_copy(
            update={"figures": {m: v for m, v in run.figures.items() if m not in metrics}}
        )
        for run in entry.seeds
    )
    scored = {m: p for m, p in entry.scored_by.items() if m not in metrics}
    kept = {p: entry.protocols[p] for p in dict.fromkeys(scored.values())}
    return entry.model_copy(update={"seeds": seeds, "scored_by": scored, "protocols": kept})


def _finished_at(run: Run) -> str:
    return run.record.finished_at if run.record else ""


def _entry(runs: list[Run], results: Results, prefer: Mapping[str, Collection[str]]) -> Entry:
    spec = runs[0].spec
    names = dict.fromkeys(
        score.metric for run in runs for file in run.scores for score in file.scores
    )
    chosen = {name: protocols_of(runs, name, prefer.get(name, ())) for name in names}
    scored_by = {name: protocols[0] for name, protocols in chosen.items() if protocols}
    values: dict[int, dict[str, float]] = {run.spec.seed: {} for run in runs}
    for name, protocol in scored_by.items():
        known = final_values(runs, name, protocol)
        for seed, value in known.by_seed.items() if known else ():
            values[seed][name] = value
    same = (
        *("data_sha256", "train_splits", "steps", "evaluation_steps", "samples", "preset"),
        *("recipe_values", "conventions", "source_sha256", "versions", "device", "threads"),
        *("deterministic", "precision", "on_divergence"),
    )
    return Entry(
        **{name: getattr(spec, name) for name in same},
        implementation=spec.implementation.name,
        attribute=spec.implementation.attribute,
        recipe=spec.implementation.recipe,
        framework=spec.implementation.framework,
        dataset=spec.dataset_label,
        budget_images=runs[0].budget_images,
        protocols={p: results.protocols[p].protocol for p in sorted(set(scored_by.values()))},
        scored_by=scored_by,
        seeds=tuple(
            _seed(run, values[run.spec.seed]) for run in sorted(runs, key=lambda r: r.spec.seed)
        ),
    )


def _seed(run: Run, values: dict[str, float]) -> SeedFigures:
    record = run.record
    assert record is not None
    measured = record.circumstances
    probes = (measured.probe_gflops_before, measured.probe_gflops_after)
    positive = [probe for probe in probes if _positive(probe)]
    scores = [
        score
        for file in run.scores
        for score in file.scores
        if score.step == run.spec.steps and score.metric not in values
    ]
    return SeedFigures(
        seed=run.spec.seed,
        status=record.status,
        reason=run.trouble(),
        collapsed=collapsed(run),
        weights_sha256=record.weights_sha256,
        images_per_s=record.images_per_s if _positive(record.images_per_s) else None,
        probe_gflops=statistics.fmean(p for p in positive if p) if positive else None,
        device_exclusive=measured.device_exclusive,
        machine=run.hardware,
        figures=values,
        without={score.metric: score.reason for score in scores if score.reason},
        scored_otherwise=frozenset(score.metric for score in scores if score.value is not None),
    )


def _positive(value: float | None) -> bool:
    return value is not None and math.isfinite(value) and value > 0
