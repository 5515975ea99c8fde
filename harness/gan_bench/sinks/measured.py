"""What was measured of a finished run, as steps, values and times."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gan_bench.plan import RunSpec
from gan_bench.results.events import Event, read_events
from gan_bench.results.layout import ResultsFolder, RunFolder
from gan_bench.results.load import Results
from gan_bench.results.record import Record
from gan_bench.results.scores import Scores, why_not_scored
from gan_bench.results.status import NOT_SCORED
from gan_bench.scoring.snapshots import grid_problem

_ONCE = ("images_per_s", "warmup_s", "train_s", "sample_s", "peak_rss_mb")
"""Fields of a record that are values of the whole run."""


@dataclass(frozen=True)
class Value:
    """A value at a step."""

    name: str
    """``loss/<name>`` and ``speed/images_per_s``, of chunks; ``score/<metric>``, of evaluation
    points; ``run/<field>``, of the record."""
    step: int
    value: float
    at: float
    """When it was measured, in seconds since the epoch."""


@dataclass(frozen=True)
class Measured:
    """A finished run."""

    record: Record
    status: str
    """As every command shows it: ``not scored`` in place of ``ok`` without scores."""
    parameters: dict[str, Any]
    """The recipe's values, and what the plan says: text, numbers, truth values and None."""
    values: tuple[Value, ...]
    """By step, finite."""
    grids: tuple[tuple[int, Path], ...]
    """Grid of samples by step."""
    left_out: tuple[str, ...]
    """A sentence for each grid that is damaged."""
    folder: RunFolder
    began_at: float
    ended_at: float

    @property
    def run_id(self) -> str:
        """The run's name."""
        return self.record.run_id

    @property
    def training(self) -> str:
        """A hash of the record that tells this training from another one under the same run id.

        An archive has the same: what it leaves out is not part of it.
        """
        content = self.record.model_dump_json(
            exclude={"spec", "circumstances", "reason", "log_tail"}
        )
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    @property
    def hardware(self) -> dict[str, str]:
        """What tells apart runs of one id that several machines trained; '' is none."""
        around = self.record.circumstances
        return {
            "cpu": around.machine.cpu,
            "cores": str(around.machine.cores),
            "gpu": around.gpu.card if around.gpu else "",
        }

    @property
    def facts(self) -> dict[str, str]:
        """What identifies the run, and where it ran."""
        spec = self.record.spec
        facts = {
            "run_id": self.run_id,
            "status": self.status,
            "reason": self.record.reason or "",
            "implementation": spec.implementation.name,
            "data_sha256": spec.data_sha256,
            **self.hardware,
            "command": self.record.circumstances.command,
        }
        versions = {f"version.{name}": version for name, version in spec.versions.items()}
        return {name: text for name, text in facts.items() if text} | versions


def measured_runs(path: Path, results: Results) -> Iterator[Measured]:
    """Yield every finished run of a loaded results folder, in its order."""
    folder = ResultsFolder(path)
    losses = dict(iter(results.losses.groupby("run_id", sort=False)))
    for run_id in results.specs:
        record = results.records.get(run_id)
        if record is not None:
            files = results.score_files.get(run_id, ())
            yield _measured(folder.run(run_id), record, files, losses.get(run_id))


def _measured(
    folder: RunFolder, record: Record, files: tuple[Scores, ...], losses: pd.DataFrame | None
) -> Measured:
    events = read_events(folder.events)
    ended = datetime.fromisoformat(record.finished_at).timestamp()
    chunks = _chunks(events)
    values = [value for chunk in chunks for value in _of_chunk(chunk, record.spec)]
    if not chunks and losses is not None:  # an archive has no journal
        values = list(_of_losses(losses, record.spec, ended))
    points = {event["step"]: event["time"] for event in events if event["event"] == "snapshot"}
    values += _of_scores(files, points, ended)
    once = {name: getattr(record, name) for name in _ONCE}
    values += [
        Value(f"run/{name}", record.steps_done, float(value), ended)
        for name, value in once.items()
        if value is not None
    ]
    unscored = record.status == "ok" and why_not_scored(files) is not None
    paths = [(point.step, folder.grid(point.step)) for point in record.evaluation_points]
    grids = [(step, path) for step, path in paths if path.is_file()]
    damaged = {path: problem for _, path in grids if (problem := grid_problem(path)) is not None}
    return Measured(
        record=record,
        status=NOT_SCORED if unscored else record.status,
        parameters=_parameters(record.spec),
        values=tuple(sorted(values, key=lambda value: value.step)),
        grids=tuple((step, path) for step, path in grids if path not in damaged),
        left_out=tuple(f"{path} is left out: {why}." for path, why in damaged.items()),
        folder=folder,
        began_at=min((event["time"] for event in events), default=ended),
        ended_at=ended,
    )


def _chunks(events: list[Event]) -> list[Event]:
    """Return the chunks that led to the end: a resumed attempt repeats some steps."""
    kept: list[Event] = []
    for event in events:
        if event["event"] in ("ready", "chunk"):
            start = event["first_step"] if event["event"] == "chunk" else event["step"]
            kept = [chunk for chunk in kept if chunk["step"] <= start]
        if event["event"] == "chunk":
            kept.append(event)
    return kept


def _of_chunk(chunk: Event, spec: RunSpec) -> Iterator[Value]:
    step, at = chunk["step"], chunk["time"]
    for name, mean in chunk["means"].items():
        if mean is not None:
            yield Value(f"loss/{name}", step, float(mean), at)
    if chunk["seconds"] > 0 and not chunk["warmup"]:
        images = (step - chunk["first_step"]) * spec.images_per_step
        yield Value("speed/images_per_s", step, images / chunk["seconds"], at)


def _of_losses(losses: pd.DataFrame, spec: RunSpec, at: float) -> Iterator[Value]:
    """Yield the means of the losses over chunks, as the journal has them."""
    table = losses.set_index("step")[list(spec.losses)]
    start, last = 0, int(table.index.max())
    while start < last:
        due = min((step for step in spec.evaluation_steps if step > start), default=last)
        stop = min(start + spec.chunk_steps, due, last)
        means = table.loc[start + 1 : stop].to_numpy(np.float64).mean(axis=0)
        for name, mean in zip(spec.losses, means, strict=True):
            if np.isfinite(mean):
                yield Value(f"loss/{name}", stop, float(mean), at)
        start = stop


def _of_scores(
    files: tuple[Scores, ...], points: dict[int, float], ended: float
) -> Iterator[Value]:
    taken: dict[str, str] = {}
    for file in files:
        for score in file.scores:
            if score.value is None:
                continue
            name = score.metric
            if taken.setdefault(name, file.fingerprint) != file.fingerprint:
                name = f"{name}-{file.fingerprint}"  # under another protocol
            yield Value(f"score/{name}", score.step, score.value, points.get(score.step, ended))


def _parameters(spec: RunSpec) -> dict[str, Any]:
    planned = {
        "implementation": spec.implementation.name,
        "recipe": spec.implementation.recipe,
        "framework": spec.implementation.framework,
        "dataset": spec.dataset_label,
        "seed": spec.seed,
        "budget": str(spec.budget),
        "steps": spec.steps,
        "images_per_step": spec.images_per_step,
        "samples": spec.samples,
        "device": spec.device,
        "threads": spec.threads,
        "precision": spec.precision,
    }
    values = {
        f"recipe_{name}" if name in planned else name: value
        if isinstance(value, bool | int | float | str) or value is None
        else str(value)
        for name, value in spec.recipe_values.items()
    }
    return planned | values
