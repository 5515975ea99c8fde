"""What every recipe is: a GAN's hyperparameters, initial weights and cost, without a framework."""

from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class Recipe(BaseModel):
    """The hyperparameters of a GAN, validated; subclasses add their own fields and set defaults.

    A field is a knob: ``--set IMPLEMENTATION.FIELD=VALUE`` changes it, and the conformance suite
    checks that changing it changes something. ``Field(examples=[...])`` names the value that the
    suite tries where a generic change (half as much again, one more, another choice) is not valid.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    name: ClassVar[str]
    """The recipe's name, as in ``torch-<name>``."""

    origin: ClassVar[str] = ""
    """The framework whose arithmetic the recipe takes, e.g. ``torch``."""

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
        """Refuse ``true`` where a number is asked for, which Python takes for 1."""
        field = cls.model_fields[str(info.field_name)]
        if isinstance(value, bool) and field.annotation in (int, float):
            raise ValueError("a number is needed here, not a truth value")
        return value

    @property
    def train_splits(self) -> tuple[Literal["train", "test"], ...]:
        """The data set's splits that the run trains on, one after the other.

        Scores compare with the test split: a recipe that trains on it has seen the reference.
        """
        return ("train",)

    @property
    def real_batches_per_step(self) -> int:
        """Batches of real images that one step consumes (p, the discriminator's updates)."""
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
        """Return every tensor of both networks at the start, fresh arrays and a pure function.

        Canonical names and layouts: see `gan_bench.trainer.Weights`. None says that the
        implementation initialises itself, and its runs are then not paired with others.
        """
        return None

    def parameter_counts(self) -> dict[str, int] | None:
        """Return the trainable parameters of ``generator`` and ``discriminator``, or None."""
        return None

    def forward_multiply_adds(self) -> dict[str, int] | None:
        """Return those of a forward pass of one image, ``generator`` and ``discriminator``."""
        return None

    def multiply_adds_per_step(self) -> int | None:
        """Return the multiply-adds of the matrix products and convolutions that a step needs."""
        return None

    def without_dropout(self) -> Self:
        """Return the recipe with nothing random inside the networks, for parity."""
        return self

    def smaller(self) -> Self:
        """Return a recipe that trains faster and in which every field still does something.

        In it the conformance suite tries other values of each field.
        """
        return self

    @classmethod
    def conventions(cls, framework: str) -> dict[str, str]:
        """Return what is pinned and no field: the arithmetic's forms, by what they concern."""
        return {}

    def cannot_make(self, height: int, width: int, channels: int) -> str | None:
        """Return why the recipe cannot make such images, or None if it can."""
        return None
