"""What scoring a run came to: the schema of ``scores/<fingerprint>.json``."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gan_bench.atomic import write_json_atomically
from gan_bench.errors import GanBenchError
from gan_bench.score.protocol import Protocol

SCORES_SCHEMA_VERSION: Final = 1


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Score(_Result):
    """One figure of one snapshot."""

    step: int = Field(ge=0)
    metric: str
    """E.g. ``fid_lenet``."""
    features: str
    value: float | None
    """None where there is no figure; then ``reason`` says why."""
    low: float | None = None
    """The lower end of an interval, where the metric has one."""
    high: float | None = None
    """The upper end."""
    n_real: int
    n_fake: int
    rank_fake: int | None
    """The rank of the covariance of the samples' features; None where there is no figure."""
    rank_deficient: bool | None
    """Whether it, or the reference's, is less than full; None where there is no figure."""
    all_equal: bool | None
    """Whether all samples are one and the same image; None where they cannot be read."""
    reason: str | None = None


class Scores(_Result):
    """All figures of a run under one protocol."""

    schema_version: Literal[1] = SCORES_SCHEMA_VERSION
    status: Literal["ok", "error"]
    """``ok`` if every snapshot has a figure."""
    reason: str | None = None
    """What went wrong, in one sentence, where the status is ``error``."""
    score_s: float = Field(ge=0)
    """Wall-clock seconds of the scoring that wrote the file."""
    protocol: Protocol
    fingerprint: str
    versions: dict[str, str]
    """Of what computed the figures: ``gan_bench``, ``numpy``, ``onnxruntime``, ``python``."""
    floor: dict[str, float | None]
    """By metric: real training images, as many as there are samples, scored like samples."""
    floor_reason: str | None = None
    """Why a floor is None."""
    scores: list[Score]
    """By step."""

    def write(self, folder: Path) -> Path:
        """Write ``<fingerprint>.json`` into an existing folder, whole or not at all.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        path = folder / f"{self.fingerprint}.json"
        write_json_atomically(path, self.model_dump(mode="json"))
        return path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote.

        Raises
        ------
        GanBenchError
            The file is missing, damaged, or of a schema that this version does not know.
        """
        try:
            scores = cls.model_validate_json(path.read_bytes())
        except OSError as error:
            raise GanBenchError(f"The scores {path} cannot be read: {error}.") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise GanBenchError(
                f"The scores {path} are damaged or of another version of gan-bench "
                f"({where + ': ' if where else ''}{first['msg']}): delete the file and score the "
                "run again."
            ) from error
        if scores.fingerprint != scores.protocol.fingerprint:
            raise GanBenchError(
                f"The scores {path} are damaged (the fingerprint is not that of the protocol): "
                "delete the file and score the run again."
            )
        return scores
