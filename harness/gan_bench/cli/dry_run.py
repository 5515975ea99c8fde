"""What ``gan-bench run --dry-run`` prints; it runs, writes and downloads nothing."""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gan_bench.cli import DEFAULT_RESULTS
from gan_bench.cli.views.tables import print_parameters, print_table
from gan_bench.errors import UnreadableFile, UsageError
from gan_bench.launch.run_one import action, obstacle_of
from gan_bench.plan import Plan, RunSpec, device_kind
from gan_bench.results.layout import ResultsFolder, RunFolder, open_results
from gan_bench.results.record import Record
from gan_bench.results.scores import Scores
from gan_bench.system.files import obstacle
from gan_bench.text import Column, Table, count, duration, listed, many

if TYPE_CHECKING:
    from rich.console import Console

    from gan_bench.launch.run_one import Options
    from gan_bench.schedulers.base import Scheduler

_MOST_RECORDS = 5
"""Earlier runs of an implementation that an estimate uses, the latest ones."""
_MOST_READ = 200
"""Earlier runs of a folder that are read; it takes some milliseconds for each."""


def show_plan(
    console: "Console",
    plan: Plan,
    how: "Options",
    results: Path,
    engine: "Scheduler | None",
    notices: Sequence[str],
) -> None:
    """Print what would run, how long it would take, and what would be refused or left out.

    Raises
    ------
    UsageError
        The results folder cannot be written or read.
    """
    folder = open_results(results, create=False) if results.exists() else None
    if (problem := obstacle(results)) is not None:
        raise UsageError(f"The results folder {results} cannot be written: {problem}.")
    actions: dict[str, str] = {}
    said = []
    for spec in plan.runs:
        doing: str = action(folder.run(spec.run_id), how) if folder else "run"
        if doing == "run" and engine is None and (found := obstacle_of(spec)) is not None:
            doing, reason = found
            said.append(f"{spec.implementation.name} will be {doing}: {reason}.")
        actions[spec.run_id] = doing
    print_table(console, _table(plan, actions))
    first = plan.runs[0]
    features = listed([str(features) for features in how.scoring.features])
    for sentence in (
        f"{many(len(plan.runs), 'run')} on {first.device} with {many(first.threads, 'thread')}, "
        f"data set {first.dataset} (sha256 {first.data_sha256[:12]}), "
        f"{many(len(first.evaluation_steps), 'evaluation point')} of {first.samples:,} samples, "
        f"scored by {features}.",
        *_estimates(
            [spec for spec in plan.runs if actions[spec.run_id] == "run"],
            [choice.name for choice in how.scoring.features],
            results,
            folder,
        ),
    ):
        console.print(sentence, markup=False, highlight=False)
    if engine is not None:
        print_parameters(console, {name: engine.parameters(name) for name in plan.implementations})
        try:
            engine.check(plan.implementations, results)
        except UsageError as error:
            said.append(f"The jobs would be refused: {error}")
    left_out = [f"Left out: {sentence}" for sentence in plan.left_out]
    for sentence in dict.fromkeys([*said, *notices, *left_out]):
        click.echo(sentence)


def _table(plan: Plan, actions: dict[str, str]) -> Table:
    """Return a row for each implementation and its values, with what happens to its seeds."""
    rows = []
    labels = plan.labels
    seeds: dict[str, list[RunSpec]] = {}
    for spec in plan.runs:
        seeds.setdefault(labels[spec.run_id], []).append(spec)
    for name, specs in seeds.items():
        spec, doing = specs[0], Counter(actions[spec.run_id] for spec in specs)
        words = [f"{number} {what}" if len(doing) > 1 else what for what, number in doing.items()]
        rows.append(
            (
                name,
                _seeds([spec.seed for spec in specs]),
                count(spec.steps),
                count(spec.steps * spec.images_per_step),
                count(spec.recipe_values.get("batch_size")),
                ", ".join(words),
            )
        )
    numbers = (Column(title, "number") for title in ("seeds", "steps", "images", "batch"))
    return Table([Column("implementation", "name"), *numbers, Column("action")], rows)


def _seeds(seeds: Sequence[int]) -> str:
    """Return e.g. ``0``, ``0 to 9`` or ``3, 8``."""
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    more = f" and {len(seeds) - 3} more" if len(seeds) > 4 else ""
    return ", ".join(map(str, seeds[:3] if more else seeds)) + more


@dataclass(frozen=True)
class _Estimate:
    """What a run is expected to take."""

    seconds: float
    kept_bytes: float
    samples_bytes: float
    """Further bytes until the run is scored."""
    scored: frozenset[str]
    """The feature models whose time is counted."""


def _estimates(
    specs: Sequence[RunSpec], features: Sequence[str], results: Path, folder: ResultsFolder | None
) -> Iterator[str]:
    """Yield sentences on the time and the disk space of runs, as earlier runs tell."""
    if not specs:
        return
    folders = [folder] if folder else []
    if results != DEFAULT_RESULTS and DEFAULT_RESULTS.is_dir():
        folders.append(ResultsFolder(DEFAULT_RESULTS))
    earlier: dict[object, list[tuple[RunFolder, Record]]] = {}
    for one in folders:
        for known in _finished(one):
            earlier.setdefault(_kind(known[1].spec), []).append(known)
    found: list[_Estimate] = []
    of_kind: dict[object, _Estimate] = {}
    unknown: dict[str, None] = {}
    for spec in specs:
        kind = _kind(spec)
        if kind not in earlier:
            unknown[spec.implementation.name] = None
            continue
        if kind not in of_kind:  # all seeds of a plan have one budget
            like = earlier[kind][:_MOST_RECORDS]
            of_kind[kind] = _mean([_by_one(spec, features, *known) for known in like])
        found.append(of_kind[kind])
    free = shutil.disk_usage(_existing(results)).free
    space = f"{_size(free)} are free for {results}"
    if found:
        kept = sum(one.kept_bytes for one in found)
        needed = kept + max(one.samples_bytes for one in found)
        of = f" of {len(found)} of {many(len(specs), 'run')}" if unknown else ""
        counted = [name for name in features if all(name in one.scored for one in found)]
        without = [name for name in features if name not in counted]
        scoring = f" without scoring by {listed(without)}" if without else ""
        yield (
            f"Estimate{of} from earlier runs: {duration(sum(one.seconds for one in found))}"
            f"{scoring}, and {_size(kept)} on the disk; {space}."
        )
        if needed > free:
            yield f"The disk is too small: the runs need {_size(needed)} at once."
    if unknown:
        where = listed([str(one.path) for one in folders], last="or") or str(results)
        of = f" of {listed(list(unknown), 4)}" if found else ""
        yield (
            f"Time and disk space{of} cannot be estimated: {where} has no finished run with the "
            "same implementation, images, batch size, device and number of threads."
        )
        if not found:
            yield f"{space}."


def _finished(folder: ResultsFolder) -> list[tuple[RunFolder, Record]]:
    """Return the last runs that trained to their end, the latest first."""
    records = [one.record for one in folder.run_folders() if one.record.exists()]
    latest = sorted(records, key=lambda path: path.stat().st_mtime, reverse=True)
    runs = []
    for path in latest[:_MOST_READ]:
        try:
            record = Record.read(path)
        except UnreadableFile:
            continue
        if record.status == "ok" and record.images_per_s:
            runs.append((RunFolder(path.parent), record))
    return runs


def _kind(spec: RunSpec) -> object:
    """Return what determines the speed of a run, apart from the machine."""
    device = (device_kind(spec.device), spec.gpu, spec.threads, spec.precision)
    return (spec.implementation.name, spec.image_shape, spec.images_per_step, *device)


def _by_one(spec: RunSpec, features: Sequence[str], folder: RunFolder, record: Record) -> _Estimate:
    """Return what one earlier run tells of a run."""
    known = record.spec
    samples = spec.samples * len(spec.evaluation_steps)
    more = samples / (known.samples * len(known.evaluation_steps))
    files, _ = Scores.read_all(folder.scores.glob("*.json"))
    times = {file.protocol.features: file.score_s for file in files}
    scored = {name: times[name] for name in features if name in times}
    assert record.images_per_s is not None
    around = sum(filter(None, (record.import_s, record.data_s, record.setup_s, record.warmup_s)))
    training = spec.steps * spec.images_per_step / record.images_per_s
    height, width, channels = spec.image_shape or (0, 0, 0)
    each = spec.samples * height * width * channels
    paths = [path for path in folder.path.rglob("*") if path.is_file()]
    rest = sum(path.stat().st_size for path in paths if folder.snapshots not in path.parents)
    return _Estimate(
        seconds=around + training + more * ((record.sample_s or 0.0) + sum(scored.values())),
        kept_bytes=rest + each,
        samples_bytes=each * (len(spec.evaluation_steps) - 1),
        scored=frozenset(scored),
    )


def _mean(estimates: Sequence[_Estimate]) -> _Estimate:
    number = len(estimates)
    return _Estimate(
        seconds=sum(one.seconds for one in estimates) / number,
        kept_bytes=sum(one.kept_bytes for one in estimates) / number,
        samples_bytes=estimates[0].samples_bytes,
        scored=frozenset.intersection(*(one.scored for one in estimates)),
    )


def _existing(path: Path) -> Path:
    """Return a folder or, if it does not exist, the innermost one around it that does."""
    path = path.absolute()
    return next(one for one in (path, *path.parents) if one.is_dir())


def _size(number: float) -> str:
    """Return e.g. ``12.3 MB``, ``4.5 GB``."""
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"
