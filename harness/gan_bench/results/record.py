"""What is known of a finished run: the record's schema, and how it is made from the events."""

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from gan_bench.errors import GanBenchError, reason_of
from gan_bench.plan.spec import RunSpec
from gan_bench.results.layout import RunFolder
from gan_bench.results.status import Status
from gan_bench.system.devices import Machine
from gan_bench.system.files import read_limited, write_atomically

RECORD_SCHEMA_VERSION: Final = 2
"""Version 1 had no ``files``; it is still read."""


class EvaluationPoint(BaseModel):
    """When a snapshot was taken, on each of the axes against which scores are drawn."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    step: int
    images: int
    """Real images consumed until then."""
    train_s: float | None
    """warmup_s and train_s until then; None where a chunk's only time includes a re-warm-up."""


class Job(BaseModel):
    """What a scheduler ran a run as."""

    model_config = ConfigDict(frozen=True)

    engine: str
    job: str
    """As the scheduler numbers it."""
    parameters: tuple[str, ...] = ()
    """Exactly what the scheduler was asked for."""


class Provenance(BaseModel):
    """What was true of the machine while the run went on."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    machine: Machine
    probe_gflops_before: float | None = None
    probe_gflops_after: float | None = None
    other_load: float | None = None
    """Share of the processors that other processes used, 0 to 1."""
    device_exclusive: bool | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    command: str = ""
    job: Job | None = None
    """None where no scheduler was in between."""


class Record(BaseModel):
    """One run, one row; a figure that was not measured is None. Times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

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
    """Whether the harness gave the initial weights, so that equal seeds make a pair."""
    import_s: float | None
    data_s: float | None
    setup_s: float | None
    warmup_s: float | None
    """The first chunk of the first attempt, with tracing and compilation."""
    resume_s: float | None
    """The first chunks of later attempts."""
    train_s: float | None
    """The other chunks, each once."""
    sample_s: float | None
    untimed_steps: int
    """Steps of which the only time is a later attempt's warm-up; 0 in an undisturbed run."""
    images_per_s: float | None
    """Training images per second over the chunks in train_s."""
    multiply_adds_fraction: float | None
    """The recipe's multiply-adds per second over the machine's, as the probe found it.

    None where the device was not exclusive.
    """
    peak_rss_mb: float | None
    weights_sha256: str | None
    parity: str | None = None
    """The id of the certificate that spoke for the run when it was recorded."""
    evaluation_points: tuple[EvaluationPoint, ...]
    circumstances: Provenance
    files: dict[str, str] | None = None
    """SHA-256 of the run's files that never change any more; None before version 2."""

    @model_validator(mode="before")
    @classmethod
    def _upgrade(cls, values: Any) -> Any:
        """Read what version 1 wrote."""
        if isinstance(values, dict) and values.get("schema_version") == 1:
            return {**values, "schema_version": RECORD_SCHEMA_VERSION, "files": None}
        return values

    def write(self, folder: RunFolder) -> None:
        """Write the record, whole or not at all."""
        folder.path.mkdir(parents=True, exist_ok=True)  # which a trainer may have removed
        write_atomically(folder.record, self.model_dump_json(indent=1).encode() + b"\n")

    @staticmethod
    def read(folder: RunFolder) -> "Record":
        """Read a run's record.

        Raises
        ------
        GanBenchError
            It is damaged, or of another schema version.
        """
        try:
            return Record.model_validate_json(read_limited(folder.record))
        except (OSError, ValidationError, ValueError) as error:
            raise GanBenchError(
                f"The record {folder.record} is not readable ({reason_of(error)})."
            ) from error


class _Steps(BaseModel):
    steps: int


class _JobName(BaseModel):
    job: str


class _Around(BaseModel):
    job: _JobName | None = None


class RecordHead(BaseModel):
    """The head of a record of either version; much quicker to read than all of it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: Literal[1, 2]
    run_id: str
    status: Status
    reason: str | None
    steps_done: int
    spec: _Steps
    circumstances: _Around = _Around()

    @classmethod
    def read(cls, path: Path) -> "RecordHead":
        """Read the head of a record's file.

        Raises
        ------
        GanBenchError
            It is damaged or another version's.
        FileNotFoundError
            There is none.
        """
        try:
            return cls.model_validate_json(read_limited(path))
        except FileNotFoundError:
            raise
        except (OSError, ValidationError, ValueError) as error:
            raise GanBenchError(f"The record {path} is not readable.") from error
