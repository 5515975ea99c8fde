"""The base of all recipes: a GAN's hyperparameters, initial weights and cost; no framework."""

import math
from collections.abc import Collection
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    Literal,
    Self,
    TypeVar,
    cast,
    get_args,
    get_type_hints,
)

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from gan_bench.errors import UsageError

LOSSES: Final = ("generator", "discriminator", "d_real", "d_fake")
"""The losses of a recipe that declares no others."""
OPTIONAL_LOSSES: Final = frozenset({"d_real", "d_fake"})
"""The means of sigmoid(D(x)) and sigmoid(D(G(z))) over a batch, from the discriminator's update. A
trainer may leave them out, and they may be NaN."""
NOT_PAIRED: Final = "its own: not paired with a twin"
"""The source of the initial weights that is shown if the recipe does not give them."""
Distribution = Literal["normal", "uniform", "uniform01", "classes"]
"""N(0, I), uniform in [-1, 1), uniform in [0, 1), or the data set's classes, equally likely."""
LatentDistribution = Literal["normal", "uniform"]
"""N(0, I), or uniform in [-1, 1)."""
ImageShape = tuple[int, int, int]
"""(height, width, channels)."""


@dataclass(frozen=True)
class Draw:
    """A random array that the harness draws for each step."""

    shape: tuple[int, ...] = ()
    """Shape of one element of a batch."""
    count: int = 1
    """Number of batches of the array in a step."""
    distribution: Distribution = "normal"

    def __post_init__(self) -> None:
        """Refuse a count, shape or distribution that is not valid."""
        if not isinstance(self.shape, tuple | list):
            raise ValueError(f"the shape has to be a tuple, such as (64,): {self}")
        numbers = (self.count, *self.shape)
        if not all(type(number) is int and number >= 1 for number in numbers):
            raise ValueError(f"count and shape have to be whole numbers from 1 on: {self}")
        if self.distribution not in get_args(Distribution):
            known = ", ".join(get_args(Distribution))
            raise ValueError(f"the distribution has to be one of {known}: {self}")


@dataclass(frozen=True)
class Between:
    """A range of numbers, both ends included, from which a study of sensitivity draws."""

    low: float
    high: float
    log: bool = True
    """Whether each factor is as likely as another (log-uniform), or each difference (uniform)."""

    def __post_init__(self) -> None:
        """Refuse ends that are no range."""
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"low has to be below high, and both finite: {self}")
        if self.log and self.low <= 0:
            raise ValueError(f"a range with log=True has to begin above 0: {self}")

    def __str__(self) -> str:
        """Return e.g. ``2e-05 to 0.002, log-uniform``."""
        return f"{self.low:g} to {self.high:g}, {'log-uniform' if self.log else 'uniform'}"


@dataclass(frozen=True)
class OneOf:
    """Some values, each as likely as another, from which a study of sensitivity draws."""

    values: tuple[bool | int | float | str, ...]

    def __post_init__(self) -> None:
        """Refuse fewer than two values, or one that is no number and no text."""
        if not isinstance(self.values, tuple | list) or not all(
            isinstance(value, bool | int | float | str) for value in self.values
        ):
            raise ValueError(f"the values have to be numbers or texts, such as (32, 64): {self!r}")
        if len(set(self.values)) < max(2, len(self.values)):
            raise ValueError(f"at least two values are needed, each once: {self!r}")

    def __str__(self) -> str:
        """Return e.g. ``32, 64, 128``."""
        return ", ".join(map(str, self.values))


Range = Between | OneOf
"""The values of a hyperparameter from which ``gan-bench sensitivity`` draws."""


class Recipe(BaseModel):
    """The hyperparameters of a GAN, validated; subclasses add their own fields and set defaults.

    ``--set IMPLEMENTATION.FIELD=VALUE`` changes a field, and the conformance suite checks that
    every field has an effect. The suite tries a generic change (times 1.5, plus 1, another choice);
    if none of these is valid, ``Field(examples=[...])`` gives the value to try.
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
    """The names of the losses that ``train`` returns. All but `OPTIONAL_LOSSES` are required; a run
    in which one of these is not finite has diverged."""

    networks: ClassVar[tuple[str, ...]] = ("generator", "discriminator")
    """The networks whose tensors ``weights`` returns."""

    sampler: ClassVar[str] = "generator"
    """The network that samples, such as an average of the generator's weights."""

    example_shape: ClassVar[ImageShape | None] = None
    """(height, width, channels) of images, with which the recipe is described and verified if no
    data set is chosen; None: those of the data set that comes with gan-bench."""

    conditional: ClassVar[bool] = False
    """Whether samples depend on labels: ``sample`` and ``forward`` then get them. If a conditional
    recipe has a field ``classes``, data sets with more classes are refused."""

    batch_size: int = Field(ge=1, description="images in a batch")
    latent_size: int = Field(default=100, ge=1, description="dimensions of a latent vector")
    latent_distribution: LatentDistribution = Field(
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
    def latent_batches_per_step(self) -> int:
        """Batches of latents that one step consumes."""
        return 1

    def draws(self) -> dict[str, Draw]:
        """Return the random arrays of a step by name, besides the batches of real images.

        The harness draws them, so that all implementations of the recipe train on the same numbers.
        Each name has its own random stream: adding a draw changes none of the others.
        """
        return {
            "latents": Draw(
                (self.latent_size,), self.latent_batches_per_step, self.latent_distribution
            )
        }

    @property
    def images_per_step(self) -> int:
        """Real images that one step consumes; budgets are counted in these."""
        return self.real_batches_per_step * self.batch_size

    def initial_weights(self, seed: int) -> dict[str, NDArray[np.float32]] | None:
        """Return the initial value of every tensor of the networks, as new arrays.

        The values depend on the recipe and ``seed`` only. For names and layouts see
        `gan_bench.trainer.Weights`. None means that the implementation initialises itself. Its runs
        are then not paired with others, nor are those of a recipe that leaves out a network.
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

    @classmethod
    def ranges(cls) -> dict[str, Range]:
        """Return the range of each hyperparameter that ``gan-bench sensitivity`` draws, by field.

        They are around the recipe's own values. A recipe without ranges cannot be studied.
        """
        return {}

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


_NEEDED: Final = ("batch_size", "epochs")
"""Fields without a default in `Recipe`."""


def recipe_from(hyperparameters: object, trainer: type) -> type[Recipe]:
    """Return a recipe with the fields of a dataclass or pydantic model, for a trainer without one.

    Only these fields can be set; the others of `Recipe` have their defaults. What else the class
    has, such as ``losses``, ``conditional`` or ``draws``, takes the place of the recipe's.

    Parameters
    ----------
    hyperparameters
        The class.
    trainer
        The class, which names and describes the recipe.

    Raises
    ------
    UsageError
        The class is of another kind, or cannot be a recipe.
    """
    where = f"{trainer.__name__}.hyperparameters"
    source = hyperparameters
    if not (isinstance(source, type) and (is_dataclass(source) or issubclass(source, BaseModel))):
        name = getattr(source, "__name__", f"an instance of {type(source).__name__}")
        raise UsageError(f"{where} has to be a dataclass or a pydantic model, and is {name}.")
    try:
        own = {} if issubclass(source, BaseModel) else _dataclass_fields(source)
        declared = {*own, *(source.model_fields if issubclass(source, BaseModel) else ())}
        _check_fields(where, source, declared)
        fixed: dict[str, Any] = {
            name: (Literal[field.default], _fixed(field))
            for name, field in Recipe.model_fields.items()
            if name not in declared and not issubclass(source, Recipe)
        }
        bases: tuple[type[Recipe], ...] = (
            (source,) if issubclass(source, Recipe) else (_members(source, own), Recipe)
        )
        made = cast(
            type[Recipe],
            create_model(
                source.__name__,
                __base__=bases,
                __module__=source.__module__,
                __doc__=trainer.__doc__ or "",
                __validators__=_own_check(source),
                **fixed,
                **own,
            ),
        )
    except (PydanticUserError, NameError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{where}: {source.__name__} cannot be validated: {reason}.") from error
    if not hasattr(made, "name"):
        # No name that another trainer could share: without initial weights there are no twins.
        made.name = f"{trainer.__module__.rpartition('.')[2]}.{trainer.__name__}"
    return made


def _dataclass_fields(source: type) -> dict[str, Any]:
    hints = get_type_hints(source, include_extras=True)
    found = {}
    for one in fields(source):
        value: Any = ... if one.default is MISSING else one.default
        if one.default_factory is not MISSING:
            value = Field(default_factory=one.default_factory)
        elif not isinstance(value, FieldInfo):  # a pydantic dataclass has these
            value = Field(default=value)
        kind = hints[one.name]
        if "description" in one.metadata:
            kind = Annotated[kind, Field(description=str(one.metadata["description"]))]
        found[one.name] = (kind, value)
    return found


def _check_fields(where: str, source: type, declared: Collection[str]) -> None:
    missing = [name for name in _NEEDED if name not in declared]
    if missing:
        raise UsageError(
            f"{where}: {source.__name__} has no field {missing[0]}; it needs "
            f"{' and '.join(f'{name}: int' for name in _NEEDED)}."
        )
    for name in sorted(declared):
        if name not in Recipe.model_fields and hasattr(Recipe, name):
            raise UsageError(
                f"{where}: {source.__name__}.{name} cannot be a field, as each recipe has a "
                f"{name} of its own; rename it, or write it without a type to set the recipe's."
            )


def _members(source: type, own: Collection[str]) -> Any:
    """Return a class with what a dataclass has besides its fields; a model as it is."""
    if issubclass(source, BaseModel):
        return source
    members = {
        name: value
        for base in reversed(source.__mro__[:-1])
        for name, value in vars(base).items()
        if not name.startswith("__") and name not in own
    }
    return type(source.__name__, (), members)


def _fixed(field: FieldInfo) -> Any:
    extra = field.json_schema_extra
    return Field(default=field.default, description=field.description, json_schema_extra=extra)


def _own_check(source: Any) -> dict[str, Any]:
    """Return a validator that makes a dataclass of the values if it checks them itself."""
    if not hasattr(source, "__post_init__") or issubclass(source, BaseModel):
        return {}

    def check(recipe: Recipe) -> Recipe:
        source(**{one.name: getattr(recipe, one.name) for one in fields(source) if one.init})
        return recipe

    return {"_own_check": model_validator(mode="after")(check)}
