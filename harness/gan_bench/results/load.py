"""A results folder as pandas frames: runs, losses and scores."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gan_bench.errors import GanBenchError, UnreadableFile, UsageError
from gan_bench.plan import RunSpec
from gan_bench.recipe import LOSSES
from gan_bench.results.certificate import Certificate, certificate_for, read_certificates
from gan_bench.results.external import (
    External,
    PublishedFigure,
    external_names,
    read_externals,
    read_published,
)
from gan_bench.results.layout import ResultsFolder, RunFolder, open_results
from gan_bench.results.losses import read_losses
from gan_bench.results.record import Record, read_plans
from gan_bench.results.scores import Scores
from gan_bench.results.speed import SpeedStudy, read_speeds
from gan_bench.text import did_you_mean, listed

SCORE_COLUMNS = (
    *("run_id", "step", "images", "train_s", "metric", "features", "value", "low", "high"),
    *("standard_error", "bias", "n_real", "n_fake", "rank_real", "rank_fake", "rank_deficient"),
    *("all_equal", "reason", "protocol"),
)


@dataclass(frozen=True)
class Results:
    """The content of a results folder.

    ``runs`` has one row per run, ``losses`` one per training step, with a column for each loss of
    any run, ``scores`` one per run, evaluation point, metric and protocol. Column names end in the
    unit; missing values are null.
    """

    runs: pd.DataFrame
    losses: pd.DataFrame
    scores: pd.DataFrame
    specs: dict[str, RunSpec]
    """Every planned or finished run by run id, in the order of the plans."""
    commands: dict[str, str]
    """Command line that planned or started each run, by run id."""
    planned_at: dict[str, float]
    """When each run was planned last, in seconds since the epoch, by run id."""
    most_seeds: dict[str, int | None]
    """The most seeds of the plan of each run, see `gan_bench.plan.Plan`, by run id."""
    records: dict[str, Record]
    """Records of finished runs by run id."""
    protocols: dict[str, Scores]
    """One score file per protocol, by fingerprint, with the floors of all of them."""
    left_out: tuple[str, ...]
    """One sentence for each file that could not be read."""
    score_files: dict[str, tuple[Scores, ...]]
    """The score files of each finished run, one for each protocol."""
    certificates: tuple[Certificate, ...]
    """Parity certificates, including failed ones."""
    externals: tuple[External, ...] = ()
    """External samples; in ``scores`` their run id is ``external-`` and their name."""
    published: tuple[PublishedFigure, ...] = ()
    """Figures of publications, which are shown and not ranked."""
    speeds: tuple[SpeedStudy, ...] = ()
    """Studies of speed, the newest first."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Of several folders or archives: what each run and external sample is from, by run id, or
    ``external-`` and the name."""
    folders: Mapping[str, RunFolder] = field(default_factory=dict)
    """Where runs are that are not in the folder, by the names that they have here: a run that
    several sources have, of other machines."""

    def no_run(self, path: Path, action: str) -> UsageError:
        """Return the error of a command that found no run, such as ``report``."""
        unreadable = len(self.left_out)
        why = "; `gan-bench run` creates runs."
        if self.externals:
            why = f", only {external_names(self.externals)}, which `gan-bench report` shows."
        if unreadable:
            why = f" ({unreadable} unreadable: {self.left_out[0]})"
        return UsageError(f"The results folder {path} has no run to {action}{why}")


_ROW = (
    *("run_id", "implementation", "recipe", "framework", "dataset", "seed", "steps", "images"),
    *("status", "reason", "score_status", "score_reason", "parity"),
)
"""Columns of ``runs`` in a folder without runs."""
_UNSCORED = {"score_status": None, "score_reason": None}


def _row(spec: RunSpec) -> dict[str, Any]:
    """Return the part of a run's row that is known before it runs."""
    parameters = spec.parameters or {}
    return {
        "run_id": spec.run_id,
        "implementation": spec.implementation.name,
        "recipe": spec.implementation.recipe,
        "framework": spec.implementation.framework,
        "dataset": spec.dataset,
        "seed": spec.seed,
        "preset": spec.preset,
        "budget": str(spec.budget),
        "device": spec.device,
        "threads": spec.threads,
        "precision": spec.precision,
        "steps": spec.steps,
        "images": spec.steps * spec.images_per_step,
        "samples": spec.samples,
        "data_sha256": spec.data_sha256,
        "train_splits": "+".join(spec.train_splits),
        "generator_parameters": parameters.get("generator"),
        "discriminator_parameters": parameters.get("discriminator"),
        "multiply_adds_per_image": (
            spec.multiply_adds_per_step / spec.images_per_step
            if spec.multiply_adds_per_step
            else None
        ),
    }


def _measured(record: Record) -> dict[str, Any]:
    """Return the part of a run's row that its record adds."""
    circumstances, use = record.circumstances, record.circumstances.gpu_use
    names = (
        *("status", "reason", "log_tail", "finished_at", "attempts", "steps_done", "paired"),
        *("import_s", "data_s", "setup_s", "warmup_s", "resume_s", "train_s", "sample_s"),
        *("untimed_steps", "images_per_s", "multiply_adds_fraction", "peak_rss_mb"),
        "weights_sha256",
    )
    return {
        **{name: getattr(record, name) for name in names},
        "cpu": circumstances.machine.cpu,
        "cores": circumstances.machine.cores,
        "gpu": circumstances.gpu.card if circumstances.gpu else None,
        "energy_j": use.energy_j if use else None,
        "j_per_1000_images": use.j_per_1000_images if use else None,
        "probe_gflops_before": circumstances.probe_gflops_before,
        "probe_gflops_after": circumstances.probe_gflops_after,
        "gpu_gb_per_s": circumstances.gpu_gb_per_s,
        "other_load": circumstances.other_load,
        "device_exclusive": circumstances.device_exclusive,
        "git_commit": circumstances.git_commit,
        "versions": " ".join(f"{k} {v}" for k, v in record.spec.versions.items()),
    }


def _losses(folder: RunFolder, spec: RunSpec) -> pd.DataFrame | None:
    try:
        table = read_losses(folder.losses, spec.losses)
    except FileNotFoundError:
        return None
    frame = pd.DataFrame(table, columns=list(spec.losses))
    frame.insert(0, "step", np.arange(1, len(frame) + 1))
    frame.insert(0, "run_id", spec.run_id)
    return frame.dropna(how="all", subset=list(spec.losses))


def _read_records(
    results: ResultsFolder, only: Collection[str] | None
) -> tuple[dict[str, Record], list[str]]:
    records, left_out = {}, []
    for path in sorted(results.runs.glob("*/record.json")):
        if only is not None and path.parent.name not in only:
            continue
        if not RunFolder(path.parent).spec.exists():
            left_out.append(f"The run {path.parent} has no spec.json; it is not shown.")
            continue
        try:
            record = Record.read(path)
        except UnreadableFile as error:
            left_out.append(str(error))
            continue
        if record.run_id != path.parent.name:
            left_out.append(
                f"The run folder {path.parent} has the record of {record.run_id}: it is a copy "
                "and is not shown."
            )
        elif record.run_id != record.spec.run_id:
            left_out.append(
                f"The run {path.parent} is from another version of gan-bench: this version names "
                f"it {record.spec.run_id}. It is not shown."
            )
        else:
            records[record.run_id] = record
    return records, left_out


def _score_rows(
    run_id: str, files: Iterable[Scores], record: Record | None
) -> list[dict[str, Any]]:
    points = {point.step: point for point in record.evaluation_points} if record else {}
    rows = []
    for file in files:
        for score in file.scores:
            point = points.get(score.step)
            row = {name: getattr(score, name, None) for name in SCORE_COLUMNS}
            row |= {"run_id": run_id, "protocol": file.fingerprint}
            row |= {"images": point.images, "train_s": point.train_s} if point else {}
            rows.append(row)
    return rows


def _scoring(files: Sequence[Scores]) -> dict[str, Any]:
    """Return the part of a run's row that its score files add."""
    statuses = {file.status for file in files}
    return {
        "score_status": next(iter(statuses), None) if len(statuses) < 2 else "error",
        "score_reason": next((file.reason for file in files if file.reason), None),
        "score_s": sum(file.score_s for file in files) if files else None,
    }


def _note_protocol(protocols: dict[str, Scores], file: Scores) -> None:
    """Keep one file of each protocol, with the floors of all of them."""
    known = protocols.setdefault(file.fingerprint, file)
    missing = {name: value for name, value in file.floor.items() if known.floor.get(name) is None}
    if missing:
        floor = {**known.floor, **missing}
        protocols[file.fingerprint] = known.model_copy(update={"floor": floor})


def load_results(path: Path | str, only: Collection[str] | None = None) -> Results:
    """Read a results folder, or nothing of it but the runs with the ids ``only``.

    Planned runs without a record have the status ``pending``. If a file cannot be read, its run,
    or its part of the run, is missing, and ``left_out`` has a sentence; with ``only``, of these
    runs' own files alone, not of plans and certificates.

    Raises
    ------
    UsageError
        There is no such folder, or it has another schema version.
    """
    results = open_results(Path(path), create=False)
    planned, left_out = read_plans(results)
    certificates, unreadable = read_certificates(results)
    left_out += unreadable
    if only is not None:
        left_out.clear()
        planned = {run_id: run for run_id, run in planned.items() if run_id in only}
    failed = {certificate.id for certificate in certificates if not certificate.passed}
    records, unreadable = _read_records(results, only)
    left_out += unreadable
    specs = {run_id: run.spec for run_id, run in planned.items()}
    # A later plan may state the same run in other words: what ran counts.
    specs |= {run_id: record.spec for run_id, record in records.items()}
    runs, losses, scores = [], [], []
    protocols: dict[str, Scores] = {}
    score_files: dict[str, tuple[Scores, ...]] = {}
    for run_id in records:
        try:
            losses.append(_losses(results.run(run_id), specs[run_id]))
        except GanBenchError as error:
            left_out.append(str(error))
    for run_id, spec in specs.items():
        certificate = certificate_for(spec, certificates)
        parity = certificate.id if certificate else None
        if run_id not in records:
            runs.append({**_row(spec), "status": "pending", **_UNSCORED, "parity": parity})
            continue
        record = records[run_id]
        files, unreadable = Scores.read_all(results.run(run_id).scores.glob("*.json"))
        left_out += unreadable
        score_files[run_id] = tuple(files)
        for file in files:
            _note_protocol(protocols, file)
        scores += _score_rows(run_id, files, record)
        # The record names its certificate, unless a later comparison of that pair failed.
        if record.parity is not None and record.parity not in failed:
            parity = record.parity
        runs.append({**_row(spec), **_measured(record), **_scoring(files), "parity": parity})
    externals, unreadable = read_externals(results) if only is None else ([], [])
    left_out += unreadable
    for external in externals:
        for file in external.scores:
            _note_protocol(protocols, file)
        scores += _score_rows(f"external-{external.facts.name}", external.scores, None)
    published: tuple[PublishedFigure, ...] = ()
    try:
        published = read_published(results.published) if only is None else ()
    except UnreadableFile as error:
        left_out.append(str(error))
    speeds, unreadable = read_speeds(results) if only is None else ([], [])
    left_out += unreadable
    tables = [table for table in losses if table is not None]
    return Results(
        runs=pd.DataFrame(runs) if runs else pd.DataFrame(columns=list(_ROW)),
        losses=(
            pd.concat(tables, ignore_index=True)
            if tables
            else pd.DataFrame(columns=["run_id", "step", *LOSSES])
        ),
        scores=pd.DataFrame(scores, columns=list(SCORE_COLUMNS)),
        specs=specs,
        commands={run_id: run.command for run_id, run in planned.items()}
        | {run_id: record.circumstances.command for run_id, record in records.items()},
        planned_at={run_id: run.planned_at for run_id, run in planned.items()},
        most_seeds={run_id: run.most_seeds for run_id, run in planned.items()},
        records=records,
        protocols=protocols,
        left_out=tuple(left_out),
        score_files=score_files,
        certificates=tuple(certificates),
        externals=tuple(externals),
        published=published,
        speeds=tuple(speeds),
    )


def find_run(results: ResultsFolder, name: str) -> tuple[RunFolder, Record, list[Scores]]:
    """Return the run with an id or a part of one, its record, and its score files.

    Raises
    ------
    UsageError
        No finished run, or more than one, has such an id.
    """
    matching = [folder for folder in results.run_folders() if name in folder.path.name]
    exact = [folder for folder in matching if folder.path.name == name]
    if not matching:
        ids = [folder.path.name for folder in results.run_folders()]
        known = [*(run_id.rpartition("-")[0] for run_id in ids), *ids]
        other = "`gan-bench list` shows implementations, `gan-bench status` runs."
        hint = did_you_mean(name, known, other)
        raise UsageError(f"{name!r}: there is no implementation or run; {hint}")
    if len(exact or matching) > 1:
        names = listed([folder.path.name for folder in matching], 4)
        raise UsageError(f"{name!r}: {len(matching)} runs match; choose one of {names}.")
    (folder,) = exact or matching
    if not folder.record.exists():
        raise UsageError(f"The run {folder.path.name} has not finished; see `gan-bench status`.")
    record = Record.read(folder.record)
    files, _ = Scores.read_all(folder.scores.glob("*.json"))
    return folder, record, files
