"""As much of a record as it takes to say where its run stands."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gan_bench.ending import Status
from gan_bench.errors import GanBenchError
from gan_bench.reading import read_limited


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
