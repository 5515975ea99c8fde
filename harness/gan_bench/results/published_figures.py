"""Figures from elsewhere that a results folder names, to stand beside its own: ``published.toml``.

They were measured by others under protocols of their own, so nothing is ranked with them.
"""

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gan_bench.errors import GanBenchError, first_validation_error
from gan_bench.system.files import read_limited


class PublishedFigure(BaseModel):
    """One figure of a publication."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    """What was measured, such as the GAN's name."""
    source: str = Field(min_length=1)
    """The publication, as one cites it."""
    dataset: str = Field(min_length=1)
    metric: str = Field(min_length=1)
    value: str = Field(min_length=1)
    """In the source's own digits, with its plus and minus."""
    protocol: str = Field(min_length=1)
    """All that the source says of how it was measured, in words."""


class _Published(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    figure: tuple[PublishedFigure, ...]


def read_published(path: Path) -> tuple[PublishedFigure, ...]:
    """Return the figures of a file in their order, none where there is no file.

    Raises
    ------
    GanBenchError
        It cannot be read, or a figure says too little or too much.
    """
    try:
        return _Published.model_validate(tomllib.loads(read_limited(path).decode())).figure
    except FileNotFoundError:
        return ()
    except ValidationError as error:
        raise GanBenchError(f"{path} is not usable ({first_validation_error(error)}).") from error
    except (OSError, ValueError, RecursionError) as error:
        raise GanBenchError(f"{path} is not readable ({error}).") from error
