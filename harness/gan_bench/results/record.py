"""The record of a finished run, and the planned runs of a results folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, FailFast, model_validator

from gan_bench.errors import UnreadableFile
from gan_bench.plan import Plan, RunSpec
from gan_bench.results.layout import ResultsFolder
from gan_bench.results.status import Status
from gan_bench.system.devices import Machine
from gan_bench.system.models import Stored
from gan_bench.system.nvml import Gpu, GpuUse

RECORD_SCHEMA_VERSION: Final = 2
"""Version 1 had no ``files``; it is still read."""


class EvaluationPoint(BaseModel):
    """When a snapshot was taken, in steps, images and seconds."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    step: int
    images: int
    """Number of real images consumed so far."""
    train_s: float | None
    """warmup_s and train_s so far; None if a chunk was timed only during a later warm-up."""


class Job(BaseModel):
    """The scheduler's job that ran a run."""

    model_config = ConfigDict(frozen=True)

    engine: str
    job: str
    """The scheduler's id of the job."""
    parameters: tuple[str, ...] = ()
    """The resources requested from the scheduler, exactly as passed to it."""


class Provenance(BaseModel):
    """The circumstances of a run: machine, load, source and command."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    machine: Machine
    probe_gflops_before: float | None = None
    probe_gflops_after: float | None = None
    """On a CPU the rates of NumPy products, by the launcher. On a GPU only the second is measured,
    by the worker with its framework, in the precision of the run."""
    gpu_gb_per_s: float | None = None
    """What a copy on the GPU reads and writes in a second; measured by the worker."""
    other_load: float | None = None
    """Share of the processors that other processes used, 0 to 1."""
    device_exclusive: bool | None = None
    """Whether no other process used the device; None if that is unknown."""
    gpu: Gpu | None = None
    """The card of a run on a GPU; None in records of earlier versions."""
    gpu_use: GpuUse | None = None
    earlier_cards: tuple[str, ...] = ()
    """The other cards on which earlier attempts of the run trained."""
    git_commit: str | None = None
    git_dirty: bool | None = None
    command: str = ""
    job: Job | None = None
    """None for a run without a scheduler."""


class Record(Stored):
    """The outcome of one run; a figure that was not measured is None. Times are in seconds."""

    KIND: ClassVar[str] = "record"
    REMEDY: ClassVar[str] = "move the run's folder aside, or start the run over with --force"

    schema_version: Literal[2] = RECORD_SCHEMA_VERSION
    run_id: str
    spec: RunSpec
    status: Status
    reason: str | None
    log_tail: str | None
    finished_at: str
    attempts: int
    steps_done: int
    paired: bool | None
    """Whether the recipe gave the initial weights of all its networks, so that its runs with equal
    seeds are paired."""
    import_s: float | None
    data_s: float | None
    setup_s: float | None
    warmup_s: float | None
    """Time of the first chunk of the first attempt, including tracing and compilation."""
    resume_s: float | None
    """Time of the first chunks of later attempts."""
    train_s: float | None
    """Time of all other chunks, each counted once."""
    sample_s: float | None
    untimed_steps: int
    """Number of steps timed only during a later attempt's warm-up; 0 without interruptions."""
    images_per_s: float | None
    """Throughput: training images per second over the chunks in train_s."""
    multiply_adds_fraction: float | None
    """The recipe's multiply-adds per second as a fraction of the probe's.

    None if the device was not exclusive.
    """
    peak_rss_mb: float | None
    weights_sha256: str | None
    parity: str | None = None
    """Id of the certificate that covered the run when it was recorded."""
    evaluation_points: Annotated[tuple[EvaluationPoint, ...], FailFast()]
    circumstances: Provenance
    files: dict[str, str] | None = None
    """SHA-256 of the run's files that do not change any more; None before version 2."""

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, values: Any) -> Any:
        """Read a record of version 1."""
        if isinstance(values, dict) and values.get("schema_version") == 1:
            return {**values, "schema_version": RECORD_SCHEMA_VERSION, "files": None}
        return values


class _Steps(BaseModel):
    steps: int


class _JobName(BaseModel):
    job: str


class _Around(BaseModel):
    job: _JobName | None = None


class RecordHead(Stored):
    """The part of a record, of either version, that `status` shows; much quicker to read."""

    model_config = ConfigDict(extra="ignore")
    KIND: ClassVar[str] = Record.KIND
    REMEDY: ClassVar[str] = Record.REMEDY

    schema_version: Literal[1, 2]
    run_id: str
    status: Status
    reason: str | None
    steps_done: int
    spec: _Steps
    circumstances: _Around = _Around()


@dataclass(frozen=True)
class Planned:
    """One run of the plans of a results folder."""

    spec: RunSpec
    command: str
    """Command line that planned it last."""
    planned_at: float
    """When it was planned last, in seconds since the epoch."""
    most_seeds: int | None
    """See `gan_bench.plan.Plan`."""


def read_plans(results: ResultsFolder) -> tuple[dict[str, Planned], list[str]]:
    """Return every planned run by run id, in the order of the plans.

    Returns
    -------
    planned, left_out
        A sentence for each plan that cannot be read and for each implementation without runs.
    """
    planned: dict[str, Planned] = {}
    left_out: list[str] = []
    for path in sorted(results.plans.glob("*.json"), key=_changed_at):
        planned_at = _changed_at(path)  # each `gan-bench run` writes its plan's file
        try:
            plan = Plan.read(path)
        except UnreadableFile as error:
            left_out.append(str(error))
            continue
        left_out += [sentence for sentence in plan.left_out if sentence not in left_out]
        for spec in plan.runs:
            earlier = planned.get(spec.run_id)
            # Seeds that were looked at stay so, whatever is planned later.
            looked = (plan.most_seeds, earlier.most_seeds if earlier else None)
            most_seeds = max(filter(None, looked), default=None)
            planned[spec.run_id] = Planned(spec, plan.command, planned_at, most_seeds)
    return planned, left_out


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0  # a dangling link; reading it gives the error
