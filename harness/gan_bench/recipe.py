"""The base of all recipes: a GAN's hyperparameters, initial weights and cost; no framework."""

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, Self, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
)

LOSSES: Final = ("generator", "discriminator", "d_real", "d_fake")
"""The losses of a recipe that declares no others."""
OPTIONAL_LOSSES: Final = frozenset({"d_real", "d_fake"})
"""Batch means of sigmoid(D(x)) and sigmoid(D(G(z))) in the discriminator's update. A trainer may
leave them out, and they may be NaN."""
Distribution = Literal["normal", "uniform", "uniform01", "classes"]
"""N(0, I), uniform in [-1, 1), uniform in [0, 1), or classes of the data set, each as likely."""
ImageShape = tuple[int, int, int]
"""(height, width, channels)."""


@dataclass(frozen=True)
class Draw:
    """A random array that the harness draws for each step."""

    shape: tuple[int, ...] = ()
    """Shape of one element of a batch."""
    count: int = 1
    """Batches of it in a step."""
    distribution: Distribution = "normal"

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        numbers = (self.count, *self.shape)
        if not all(type(number) is int and number >= 1 for number in numbers):
            raise ValueError(f"count and shape have to be whole numbers from 1 on: {self}")
        if self.distribution not in get_args(Distribution):
            known = ", ".join(get_args(Distribution))
            raise ValueError(f"the distribution has to be one of {known}: {self}")


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

    losses: ClassVar[tuple[str, ...]] = LOSSES
    """The names of the losses that ``train`` returns. All but `OPTIONAL_LOSSES` are required, and a
    run whose values of one of these are not finite has diverged."""

    networks: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    """The networks of which ``weights`` returns the tensors."""

    sampler: ClassVar[str] = "generator"
    """The network that samples, such as an average of the generator's weights."""

    example_shape: ClassVar[ImageShape | None] = None
    """(height, width, channels) of images for which the recipe is described and verified if no data
    set is chosen; None: those of the data set that comes with gan-bench."""

    conditional: ClassVar[bool] = False
    """Whether samples depend on labels: ``sample`` and ``forward`` then get them."""

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
    _image_shape: ImageShape | None = PrivateAttr(default=None)

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_truth_value(cls, value: object, info: ValidationInfo) -> object:
        """Reject ``true`` for a number: Python would read it as 1."""
        annotation = cls.model_fields[str(info.field_name)].annotation
        kinds = {annotation, *get_args(annotation)}
        if isinstance(value, bool) and kinds & {int, float} and bool not in kinds:
            raise ValueError("a number is needed here, not a truth value")
        return value

    def for_images(self, shape: ImageShape) -> Self:
        """Return the recipe for images of (height, width, channels), with the same values.

        The harness does so before it asks for initial weights, parameter counts or cost, and before
        it builds a trainer. The shape is the data's: it is no field.
        """
        bound = self.model_copy()
        bound._image_shape = shape
        return bound

    @property
    def image_shape(self) -> ImageShape:
        """(height, width, channels) of the images, by default those of `example_shape`."""
        shape = self._image_shape or self.example_shape
        if shape is None:
            raise ValueError(
                f"{type(self).__name__} has no example_shape, so name the images' shape with "
                "for_images((height, width, channels))"
            )
        return shape

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

    def draws(self) -> dict[str, Draw]:
        """Return what is random in a step, by name, besides the batches of real images.

        The harness draws it, so that all implementations of the recipe train on the same numbers.
        A name has a random stream of its own: another draw beside it changes no number.
        """
        return {"latents": Draw((self.latent_size,), self.draws_per_step, self.latent_distribution)}

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


R = TypeVar("R", bound=Recipe)


def revalidated(recipe: R, **changes: object) -> R:
    """Return the recipe for the same images with other values, validated like user input.

    Raises
    ------
    pydantic.ValidationError
        The recipe does not allow them.
    """
    changed = type(recipe).model_validate(recipe.model_dump() | changes)
    shape = recipe._image_shape
    return changed if shape is None else changed.for_images(shape)
