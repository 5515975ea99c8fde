"""The base of all recipes: a GAN's hyperparameters, initial weights and cost; no framework."""

from typing import ClassVar, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class Recipe(BaseModel):
    """The hyperparameters of a GAN, validated; subclasses add their own fields and set defaults.

    ``--set IMPLEMENTATION.FIELD=VALUE`` changes a field, and the conformance suite checks that
    every field has an effect. The suite tries a generic change (times 1.5, plus 1, another choice);
    where none of these is valid, ``Field(examples=[...])`` gives the value to try.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    name: ClassVar[str]
    """The recipe's name, as in ``torch-<name>``."""

    origin: ClassVar[str] = ""
    """The framework whose arithmetic and defaults the recipe follows, e.g. ``torch``."""

    source: ClassVar[str] = ""
    """Where the recipe comes from."""

    batch_size: int = Field(ge=1, description="images in a batch")
    latent_size: int = Field(default=100, ge=1, description="dimensions of a latent vector")
    latent_distribution: Literal["normal", "uniform"] = Field(
        default="normal", description="N(0, I), or uniform in [-1, 1)"
    )
    epochs: int = Field(ge=1, description="passes over the data in the source (preset paper)")
    dtype: Literal["float32", "float64"] = Field(
        default="float32",
        description="dtype of parameters and arithmetic",
        json_schema_extra={"origin": "framework default pinned"},
    )

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth_value(cls, value: object, info: ValidationInfo) -> object:
        """Reject ``true`` for a number: Python would read it as 1."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        kinds = {annotation, *get_args(annotation)}
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            raise ValueError("a number is needed here, not a truth value")
        return value

    @property
    def train_splits(self) -> tuple[Literal["train", "test"], ...]:
        """The splits of the data set that the run trains on, in this order.

        Scores use the test split as reference: a recipe that trains on it has seen the reference.
        """
        return ("train",)

    @property
    def real_batches_per_step(self) -> int:
        """Batches of real images that one step consumes (p, one for each discriminator update)."""
        return 1

    @property
    def draws_per_step(self) -> int:
        """Batches of latents that one step consumes."""
        return 1

    @property
    def images_per_step(self) -> int:
        """Real images that one step consumes; budgets are counted in these."""
        return self.real_batches_per_step * self.batch_size

    def initial_weights(self, seed: int) -> dict[str, NDArray[np.float32]] | None:
        """Return the initial value of every tensor of both networks, as new arrays.

        The values depend on the recipe and ``seed`` only. For names and layouts see
        `gan_bench.trainer.Weights`. None means that the implementation initialises itself; its runs
        are then not paired with others.
        """
        return None

    def parameter_counts(self) -> dict[str, int] | None:
        """Return the number of trainable parameters of each network, or None."""
        return None

    def forward_multiply_adds(self) -> dict[str, int] | None:
        """Return the multiply-adds of one image's forward pass through each network, or None."""
        return None

    def multiply_adds_per_step(self) -> int | None:
        """Return the multiply-adds of all matrix products and convolutions of a step, or None."""
        return None

    def without_dropout(self) -> Self:
        """Return the recipe without randomness inside the networks; `gan-bench parity` uses it."""
        return self

    def smaller(self) -> Self:
        """Return a smaller recipe that trains faster, and in which every field has an effect.

        The conformance suite uses it when it tries other values of each field.
        """
        return self

    @classmethod
    def conventions(cls, framework: str) -> dict[str, str]:
        """Return the arithmetic conventions that are fixed and not fields, by topic."""
        return {}

    def cannot_make(self, height: int, width: int, channels: int) -> str | None:
        """Return why the recipe cannot make such images, or None if it can."""
        return None
