"""A results folder as pandas frames: runs, losses and scores."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.plan.spec import RunSpec
from gan_bench.results.certificate import Certificate, certificate_for, read_certificates
from gan_bench.results.external import External, read_externals
from gan_bench.results.layout import ResultsFolder, RunFolder, open_results
from gan_bench.results.losses import read_losses
from gan_bench.results.plans import read_plans
from gan_bench.results.published_figures import PublishedFigure, read_published
from gan_bench.results.record import Record
from gan_bench.results.scores import Score, Scores
from gan_bench.trainer import LOSS_COLUMNS

SCORE_COLUMNS = (
    *("run_id", "step", "images", "train_s", "metric", "features", "value", "low", "high"),
    *("standard_error", "bias", "n_real", "n_fake", "rank_real", "rank_fake", "rank_deficient"),
    *("all_equal", "reason", "protocol"),
)


@dataclass(frozen=True)
class Results:
    """What a results folder holds.

    ``runs`` has one row a run, ``losses`` one a training step, ``scores`` one a run, evaluation
    point, metric and protocol. Units stand in the names; what is missing is null.
    """

    runs: pd.DataFrame
    losses: pd.DataFrame
    scores: pd.DataFrame
    specs: dict[str, RunSpec]
    """Every planned or finished run by id, in the order of the plans."""
    commands: dict[str, str]
    """What planned or ran it."""
    records: dict[str, Record]
    """The finished ones."""
    protocols: dict[str, Scores]
    """One score file of each protocol by fingerprint, for its text, and with all floors."""
    left_out: tuple[str, ...]
    """A sentence for each file that could not be read."""
    score_files: dict[str, tuple[Scores, ...]]
    """The score files of each finished run, one for each protocol."""
    certificates: tuple[Certificate, ...]
    """Of parity, those that did not pass too."""
    externals: tuple[External, ...] = ()
    """Samples from elsewhere; in ``scores`` their run id is ``external-`` and their name."""
    published: tuple[PublishedFigure, ...] = ()
    """Figures of publications, which stand beside the others and are compared with none."""


_ROW = ("run_id", "implementation", "recipe", "framework", "dataset", "seed", "steps", "images")


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
    circumstances = record.circumstances
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
        "probe_gflops_before": circumstances.probe_gflops_before,
        "probe_gflops_after": circumstances.probe_gflops_after,
        "other_load": circumstances.other_load,
        "device_exclusive": circumstances.device_exclusive,
        "git_commit": circumstances.git_commit,
        "versions": " ".join(f"{k} {v}" for k, v in record.spec.versions.items()),
    }


def _losses(folder: RunFolder, run_id: str) -> pd.DataFrame | None:
    try:
        table = read_losses(folder.losses)
    except FileNotFoundError:
        return None
    frame = pd.DataFrame(table, columns=list(LOSS_COLUMNS))
    frame.insert(0, "step", np.arange(1, len(frame) + 1))
    frame.insert(0, "run_id", run_id)
    return frame.dropna(how="all", subset=list(LOSS_COLUMNS))


def _scores(folder: RunFolder, left: list[str]) -> list[Scores]:
    found = []
    for path in sorted(folder.scores.glob("*.json")):
        try:
            found.append(Scores.read(path))
        except GanBenchError as error:
            left.append(str(error))
    return found


def _not_a_runs(folder: RunFolder, record: Record) -> str | None:
    """Say why a folder's record is not that of a run of its name, if so."""
    if record.run_id != folder.path.name:
        return (
            f"The run folder {folder.path} holds the record of {record.run_id}, as a copy would; "
            "it is not shown."
        )
    if record.run_id != record.spec.run_id:
        return (
            f"The run {folder.path} was named by another version of gan-bench, which this one "
            f"would name {record.spec.run_id}; it is not shown."
        )
    return None


def _note_protocol(protocols: dict[str, Scores], file: Scores) -> None:
    """Keep one file of each protocol; its floors are those that any of them has."""
    known = protocols.setdefault(file.fingerprint, file)
    missing = {name: value for name, value in file.floor.items() if known.floor.get(name) is None}
    if missing:
        floor = {**known.floor, **missing}
        protocols[file.fingerprint] = known.model_copy(update={"floor": floor})


def load_results(path: Path | str) -> Results:
    """Read a results folder.

    Planned runs without a record have the status ``pending``. A file that cannot be read leaves
    its run out, or its part of it, with a sentence in ``left_out``.

    Raises
    ------
    UsageError
        There is no such folder, or it is of another schema version.
    """
    results = open_results(Path(path), create=False)
    left: list[str] = []
    rows, losses, scores = [], [], []
    records: dict[str, Record] = {}
    protocols: dict[str, Scores] = {}
    score_files: dict[str, tuple[Scores, ...]] = {}
    specs, commands = read_plans(results, left)
    certificates, unreadable = read_certificates(results)
    left += unreadable
    refuted = {certificate.id for certificate in certificates if not certificate.passed}
    for record_path in sorted(results.runs.glob("*/record.json")):
        if not RunFolder(record_path.parent).spec.exists():
            left.append(f"The run {record_path.parent} has no spec.json; it is not shown.")
    for folder in results.run_folders():
        if not folder.record.exists():
            continue
        try:
            record = Record.read(folder)
        except GanBenchError as error:
            left.append(str(error))
            continue
        odd = _not_a_runs(folder, record)
        if odd:
            left.append(odd)
            continue
        try:
            table = _losses(folder, record.run_id)
        except GanBenchError as error:
            left.append(str(error))
            table = None
        specs.setdefault(record.run_id, record.spec)
        records[record.run_id] = record
        commands[record.run_id] = record.circumstances.command
        if table is not None:
            losses.append(table)
    for run_id, spec in specs.items():
        record_or_none = records.get(run_id)
        certificate = certificate_for(spec, certificates)
        parity = {"parity": certificate.id if certificate else None}
        if record_or_none is None:
            unscored = {"score_status": None, "score_reason": None}
            rows.append({**_row(spec), "status": "pending", **unscored, **parity})
            continue
        points = {point.step: point for point in record_or_none.evaluation_points}
        found = _scores(results.run(run_id), left)
        score_files[run_id] = tuple(found)
        for file in found:
            _note_protocol(protocols, file)
            for score in file.scores:
                point = points.get(score.step)
                row = {name: getattr(score, name, None) for name in SCORE_COLUMNS}
                row |= {"run_id": run_id, "protocol": file.fingerprint}
                row |= {"images": point.images, "train_s": point.train_s} if point else {}
                scores.append(row)
        statuses = {file.status for file in found}
        scored = {
            "score_status": next(iter(statuses), None) if len(statuses) < 2 else "error",
            "score_reason": next((file.reason for file in found if file.reason), None),
            "score_s": sum(file.score_s for file in found) if found else None,
        }
        # The record's own, unless a later comparison of the same pair did not pass.
        if record_or_none.parity not in refuted and record_or_none.parity is not None:
            parity = {"parity": record_or_none.parity}
        rows.append({**_row(spec), **_measured(record_or_none), **scored, **parity})
    externals, unreadable = read_externals(results)
    left += unreadable
    for external in externals:
        for file in external.scores:
            _note_protocol(protocols, file)
            for score in file.scores:
                row = {name: getattr(score, name, None) for name in SCORE_COLUMNS}
                scores.append(
                    row
                    | {"run_id": f"external-{external.facts.name}", "protocol": file.fingerprint}
                )
    try:
        figures = read_published(results.published)
    except GanBenchError as error:
        figures = ()
        left.append(str(error))
    empty_losses = pd.DataFrame(columns=["run_id", "step", *LOSS_COLUMNS])
    names = (*_ROW, "status", "reason", "score_status", "score_reason", "parity")
    return Results(
        runs=pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(names)),
        losses=pd.concat(losses, ignore_index=True) if losses else empty_losses,
        scores=pd.DataFrame(scores, columns=list(SCORE_COLUMNS)),
        specs=specs,
        commands=commands,
        records=records,
        protocols=protocols,
        left_out=tuple(left),
        score_files=score_files,
        certificates=tuple(certificates),
        externals=tuple(externals),
        published=figures,
    )


def find_run(results: ResultsFolder, name: str) -> tuple[RunFolder, Record, list[Score]]:
    """Return a run by its id or a part of it, its record, and its figures in step order.

    Raises
    ------
    UsageError
        No finished run has such an id, or several have.
    """
    found = [folder for folder in results.run_folders() if name in folder.path.name]
    exact = [folder for folder in found if folder.path.name == name]
    if len(exact or found) != 1:
        many = f"{len(found)} runs match" if found else "there is no implementation or run"
        raise UsageError(
            f"{name!r}: {many}; `gan-bench list` shows implementations, `gan-bench status` runs."
        )
    (folder,) = exact or found
    if not folder.record.exists():
        raise UsageError(f"The run {folder.path.name} has not finished; see `gan-bench status`.")
    record = Record.read(folder)
    scores = [score for file in _scores(folder, []) for score in file.scores]
    return folder, record, sorted(scores, key=lambda score: score.step)
