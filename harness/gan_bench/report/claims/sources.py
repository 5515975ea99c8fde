"""What the recipes' sources claim: ``claims.toml`` beside the recipes, checked."""

import tomllib
from functools import cache
from importlib import resources
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gan_bench.errors import GanBenchError, first_validation_error

Measure = Literal[
    "generator_loss_roughness",
    "discriminator_loss_roughness",
    "generator_loss",
    "discriminator_loss",
    "images_per_s",
    "fid",
    "precision",
    "recall",
    "coverage",
    "confident_share",
    "loss_fid_correlation",
]
"""What `gan_bench.report.claims.measures` measures."""
SCORES = ("fid", "precision", "recall", "coverage", "confident_share")
"""The measures that are scores of a snapshot."""
QUALITY = (*SCORES, "loss_fid_correlation")
"""The measures that runs which are too short say nothing of."""


class Claim(BaseModel):
    """One sentence of a source that a figure can confirm or refute."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    text: str = Field(min_length=1)
    """The source's words."""
    source: str = Field(min_length=1)
    """The document's id."""
    recipe: str = Field(min_length=1)
    than: str | None = None
    """The recipe that it is compared with, in the same framework."""
    since: Literal["start", "half"] | None = None
    """The evaluation point that its own last one is compared with: the first, or the one in the
    middle of the planned steps."""
    epochs: float | None = Field(default=None, gt=0)
    """With `since`: instead of the last evaluation point, the first after so many epochs."""
    value: float | None = None
    """The published figure that it is shown beside."""
    untestable: str | None = None
    """Why no measurement can tell, as a part of a sentence."""
    measure: Measure
    direction: Literal["lower", "higher"]
    possibility: bool = False
    """Whether the source says that it can happen: if it is not seen, that refutes nothing."""

    @model_validator(mode="after")
    def _compares_with_one_thing(self) -> Self:
        other = [name for name in ("than", "since", "value") if getattr(self, name) is not None]
        if self.measure == "loss_fid_correlation":
            if other:
                raise ValueError(f"a correlation is compared with zero, not with {other[0]!r}")
        elif len(other) != 1:
            raise ValueError("it needs one of 'than', 'since' and 'value'")
        if self.since and self.measure not in SCORES:
            raise ValueError(f"'since' needs a score, not {self.measure!r}")
        if self.epochs is not None and not self.since:
            raise ValueError("'epochs' needs 'since'")
        if (self.value is None) != (self.untestable is None):
            raise ValueError("'value' and 'untestable' go together")
        if self.value is not None and self.measure != "fid":
            raise ValueError(f"'value' needs the FID, not {self.measure!r}")
        return self


class _Claims(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    claim: tuple[Claim, ...]


@cache
def sources_claims() -> tuple[Claim, ...]:
    """Return the claims in their order; no recipe is imported.

    Raises
    ------
    GanBenchError
        The file is missing or damaged.
    """
    file = resources.files("gan_bench_recipes") / "claims.toml"
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GanBenchError(
            f"The claims {file} cannot be read ({error}); install gan-bench again."
        ) from error
    return parse_claims(text, str(file))


def parse_claims(text: str, name: str) -> tuple[Claim, ...]:
    """Return the claims of a TOML text.

    Parameters
    ----------
    text
        A table ``[[claim]]`` for each.
    name
        The file's, for the error.

    Raises
    ------
    GanBenchError
        It is no TOML, or a claim says too little, too much or what cannot be measured.
    """
    try:
        return _Claims.model_validate(tomllib.loads(text)).claim
    except tomllib.TOMLDecodeError as error:
        raise GanBenchError(f"The claims {name} are no TOML ({error}); mend the file.") from error
    except ValidationError as error:
        wrong = first_validation_error(error)
        numbers = [f"claim {part + 1}" for part in wrong.keys if isinstance(part, int)]
        keys = [str(part) for part in wrong.keys[2 if numbers else 0 :]]
        where = ": ".join([*numbers, *keys])
        raise GanBenchError(
            f"The claims {name} are not usable ({where}: {wrong.message}); mend the file."
        ) from error
