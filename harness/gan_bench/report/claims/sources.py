"""The claims of the recipes' sources, from ``claims.toml`` beside the recipes."""

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
"""Names of the measures in `gan_bench.report.claims.measures`."""
SCORES = ("fid", "precision", "recall", "coverage", "confident_share")
"""Measures that are scores of a snapshot."""
QUALITY = (*SCORES, "loss_fid_correlation")
"""Measures of quality, on which runs with a short budget are not judged."""


class Claim(BaseModel):
    """One sentence of a source that a measurement can confirm or refute."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    text: str = Field(min_length=1)
    """Quotation from the source."""
    source: str = Field(min_length=1)
    """Id of the document."""
    recipe: str = Field(min_length=1)
    than: str | None = None
    """Recipe to compare with, in the same framework."""
    since: Literal["start", "half"] | None = None
    """Evaluation point with which the last one is compared: the first, or the one in the middle of
    the planned steps."""
    epochs: float | None = Field(default=None, gt=0)
    """With `since`: compare the first evaluation point after this many epochs, not the last one."""
    value: float | None = None
    """Published value to show beside the measured one."""
    untestable: str | None = None
    """Why no measurement can decide, as a part of a sentence."""
    measure: Measure
    direction: Literal["lower", "higher"]
    tested: str | None = None
    """The part of the claim that the measure tests; None if it tests the whole."""
    not_tested: str | None = None
    """The other part."""
    possibility: bool = False
    """True if the source only says that it can happen, which runs without it do not refute."""

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
        if (self.tested is None) != (self.not_tested is None):
            raise ValueError("'tested' and 'not_tested' go together")
        if self.value is not None and self.measure != "fid":
            raise ValueError(f"'value' needs the FID, not {self.measure!r}")
        return self


class _Claims(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    claim: tuple[Claim, ...]


@cache
def sources_claims() -> tuple[Claim, ...]:
    """Return the claims in their order, without importing a recipe.

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

    It has a table ``[[claim]]`` for each claim.

    Raises
    ------
    GanBenchError
        The text is no TOML, or a claim lacks a key, has too many, or has an unknown measure.
    """
    try:
        return _Claims.model_validate(tomllib.loads(text)).claim
    except tomllib.TOMLDecodeError as error:
        raise GanBenchError(f"The claims {name} are no TOML ({error}); fix the file.") from error
    except ValidationError as error:
        wrong = first_validation_error(error)
        numbers = [f"claim {part + 1}" for part in wrong.keys if isinstance(part, int)]
        keys = [str(part) for part in wrong.keys[2 if numbers else 0 :]]
        where = ": ".join([*numbers, *keys])
        raise GanBenchError(
            f"The claims {name} are not usable ({where}: {wrong.message}); fix the file."
        ) from error
