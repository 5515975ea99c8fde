"""Describes implementations and their recipes; third parties' recipes in a child process."""

import inspect
import math
from collections.abc import Collection, Mapping
from enum import Enum
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import to_jsonable_python

from gan_bench import data
from gan_bench.data import SplitName
from gan_bench.errors import UsageError, first_validation_error
from gan_bench.plugins.frameworks import PINNED, framework_problem
from gan_bench.plugins.mistakes import MAIN_GUARD
from gan_bench.plugins.registry import (
    Implementation,
    RecipeFacts,
    is_path,
    recipe_entry_point,
    registered,
    registration_problems,
    sha256_of_modules,
)
from gan_bench.plugins.values import combinations, takes
from gan_bench.recipe import Between, Draw, ImageShape, OneOf, Range, Recipe
from gan_bench.system.child import ChildDied, ChildError, ask
from gan_bench.system.models import Frozen
from gan_bench.text import did_you_mean, listed, many
from gan_bench.trainer import declaration_problem, initialises_itself, kind_of

_OWN_RECIPES = "gan_bench_recipes"
_IMPORT_LIMIT_S = 300.0


class RecipeField(Frozen):
    """A hyperparameter of a recipe, with its value in the run."""

    name: str
    value: Any
    default: Any
    description: str
    origin: str
    """``source``, ``chosen``, ``framework default pinned``, or empty (unknown)."""


class Description(RecipeFacts):
    """An implementation and its validated recipe, as plain values."""

    recipe_origin: str
    """The framework in which the recipe's source was written."""
    recipe_source: str
    summary: str
    fields: tuple[RecipeField, ...]
    ranges: dict[str, Range] = Field(default_factory=dict)
    """What `gan-bench sensitivity` draws, by field."""
    example_shape: ImageShape
    """Images for which it is described if no data set is chosen: (height, width, channels)."""
    batch_size: int
    epochs: int
    needs_labels: bool = False
    """Whether the recipe is conditional or draws classes."""
    paired: bool = True
    """Whether the recipe has initial weights; without them, runs are not paired."""

    @property
    def recipe_values(self) -> dict[str, Any]:
        """The recipe's fields as JSON values."""
        return {field.name: field.value for field in self.fields}

    @property
    def changed_defaults(self) -> dict[str, Any]:
        """The defaults, as JSON values, of the fields that have other values."""
        return {field.name: field.default for field in self.fields if field.value != field.default}

    @property
    def changed_values(self) -> dict[str, Any]:
        """The values, as JSON, that are not the defaults."""
        return {field.name: field.value for field in self.fields if field.value != field.default}


def _problem(name: str, recipe_class: type[Recipe], error: ValidationError) -> str:
    """Return the first problem of a recipe's values as a sentence."""
    wrong = first_validation_error(error)
    if wrong.kind == "extra_forbidden":
        known = recipe_class.model_fields
        hint = did_you_mean(wrong.where, known, f"its fields are {', '.join(known)}.")
        return f"{name} has no field {wrong.where!r}; {hint}"
    if not wrong.keys:
        return f"{name}.the recipe: {wrong.message}."
    field = recipe_class.model_fields.get(str(wrong.keys[0]))
    takes = "" if field is None else _takes(field.annotation)
    # The keys of a union name the type that pydantic tried first.
    where = str(wrong.keys[0]) if takes else wrong.where
    also = f"; it takes {takes}" if takes else ""
    return f"{name}.{where}: {wrong.message} (got {wrong.given!r}){also}."


_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _takes(annotation: Any) -> str:
    """Return what fits a field of several types or parts; empty for the others."""
    return "" if annotation in _WORDS or get_origin(annotation) is Literal else _words(annotation)


def _words(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _words(arguments[0])
    if origin in (Union, UnionType):
        return listed(list(dict.fromkeys(map(_words, arguments))), last="or")
    if origin is Literal:
        return listed([str(value) for value in arguments], last="or")
    if origin is tuple and Ellipsis not in arguments:
        parts = ", ".join(map(_words, arguments))
        return f"{many(len(arguments), 'value')} with commas between them ({parts})"
    if origin is not None and issubclass(origin, Collection) and not issubclass(origin, Mapping):
        return f"values with commas between them, each {_words(arguments[0])}"
    if annotation is NoneType:
        return "None"
    kind = annotation if origin is None else origin
    if isinstance(kind, type) and issubclass(kind, Enum):
        return listed([str(member.value) for member in kind], last="or")
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f'a table of {", ".join(kind.model_fields)}, such as {{"name": 1}}'
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return 'a table, such as {"name": 1}'
    return _WORDS.get(kind, getattr(kind, "__name__", str(kind)))


def _train_splits(name: str, recipe: Recipe) -> tuple[SplitName, ...]:
    splits = tuple(recipe.train_splits)
    if splits in (("train",), ("train", "test")):
        return splits
    raise UsageError(
        f"The recipe of {name} has the train_splits {splits!r}; they must be "
        "('train',) or ('train', 'test')."
    )


def _draws_classes(name: str, recipe: Recipe) -> bool:
    invalid, method = f"The draws of {name} are not valid", f"{type(recipe).__name__}.draws"
    try:
        draws: object = recipe.draws()
    except ValueError as error:
        raise UsageError(f"{invalid}: {error}.") from error
    except Exception as error:
        raised = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{invalid}: {method} raised {raised.rstrip('.')}.") from error
    if not isinstance(draws, Mapping):
        raise UsageError(
            f"{invalid}: {method} returned {kind_of(draws)}; return gan_bench.recipe.Draw by name, "
            'such as {"latents": Draw((self.latent_size,))}.'
        )
    for draw, what in draws.items():
        if not (isinstance(draw, str) and draw.isidentifier() and isinstance(what, Draw)):
            raise UsageError(
                f"The draws of {name} have {draw!r}: {what!r}; they must be gan_bench.recipe.Draw "
                "by names of letters, digits and underscores."
            )
        if draw == "real_labels":
            raise UsageError(
                f"The draws of {name} have real_labels, the name of the labels of the real images "
                "that a conditional recipe gets; choose another name."
            )
    if "latents" not in draws:
        raise UsageError(
            f"{invalid}: {method} has no latents; add them: super().draws() | {{...}}."
        )
    return any(draw.distribution == "classes" for draw in draws.values())


def _ranges(name: str, recipe_class: type[Recipe]) -> dict[str, Range]:
    method = f"{recipe_class.__name__}.ranges"
    invalid = f"The ranges of {name} are not valid"
    try:
        ranges: object = recipe_class.ranges()
    except ValueError as error:
        raise UsageError(f"{invalid}: {error}.") from error
    except Exception as error:
        raised = " ".join(f"{type(error).__name__}: {error}".split())
        raise UsageError(f"{invalid}: {method} raised {raised.rstrip('.')}.") from error
    if not isinstance(ranges, Mapping) or not all(
        isinstance(one, Between | OneOf) for one in ranges.values()
    ):
        raise UsageError(
            f"{invalid}: {method} has to return gan_bench.recipe.Between or OneOf by field, such "
            'as {"learning_rate": Between(2e-5, 2e-3)}.'
        )
    for field, one in ranges.items():
        if field not in recipe_class.model_fields:
            hint = did_you_mean(str(field), recipe_class.model_fields)
            raise UsageError(f"{invalid}: {method} names the unknown field {field!r}; {hint}")
        for value in _examples(one):
            if not takes(recipe_class, {field: value}, field):
                raise UsageError(
                    f"{invalid}: {method} has {one} for {field}, which does not take {value!r}."
                )
    return dict(ranges)


def _examples(of: Range) -> tuple[Any, ...]:
    """Return values that a field has to take: all, or both ends and an odd one in between."""
    if isinstance(of, OneOf):
        return of.values
    return of.low, of.high, of.low + (of.high - of.low) / math.e


def describe_recipes(
    implementation: Implementation,
    recipe_class: type[Recipe],
    source_sha256: str,
    values: Mapping[str, Any],
    shape: ImageShape | None,
    where_known: Mapping[str, Any] = MappingProxyType({}),
) -> list[Description]:
    """Validate a recipe's values and describe it for images of a shape, or of its example's.

    There is one description for each combination of values, see `gan_bench.plugins.values`.
    ``where_known`` are further values, which count for the fields that the recipe has.

    Raises
    ------
    UsageError
        A value is not valid, or the recipe declares what cannot be.
    """
    if problem := declaration_problem(recipe_class):
        raise UsageError(f"{implementation.name}: {problem}.")
    fields = recipe_class.model_fields
    values = {**{n: value for n, value in where_known.items() if n in fields}, **values}
    return [
        _describe_recipe(implementation, recipe_class, source_sha256, chosen, shape)
        for chosen in combinations(implementation.name, recipe_class, values)
    ]


def _describe_recipe(
    implementation: Implementation,
    recipe_class: type[Recipe],
    source_sha256: str,
    values: Mapping[str, Any],
    shape: ImageShape | None,
) -> Description:
    try:
        recipe = recipe_class.model_validate(values)
    except ValidationError as error:
        raise UsageError(_problem(implementation.name, recipe_class, error)) from error
    example = example_shape(recipe_class)
    recipe = recipe.for_images(shape or example)
    dumped = recipe.model_dump(mode="json")
    described = []
    for name, info in recipe_class.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        default = None if info.is_required() else info.get_default(call_default_factory=True)
        described.append(
            RecipeField(
                name=name,
                value=dumped[name],
                default=to_jsonable_python(default),
                description=info.description or "",
                origin=str(extra.get("origin", "")),
            )
        )
    return Description(
        implementation=implementation,
        source_sha256=source_sha256,
        recipe_origin=recipe_class.origin,
        recipe_source=recipe_class.source,
        summary=(inspect.getdoc(recipe_class) or "").partition("\n")[0],
        fields=tuple(described),
        ranges=_ranges(implementation.name, recipe_class),
        conventions=recipe_class.conventions(implementation.framework) | PINNED,
        images_per_step=recipe.images_per_step,
        example_shape=example,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        losses=recipe_class.losses,
        paired=not initialises_itself(recipe_class),
        conditional=recipe_class.conditional,
        needs_labels=_draws_classes(implementation.name, recipe) or recipe_class.conditional,
        train_splits=_train_splits(implementation.name, recipe),
        parameters=recipe.parameter_counts(),
        multiply_adds_per_step=recipe.multiply_adds_per_step(),
        cannot_make=recipe.cannot_make(*(shape or example)),
    )


def example_shape(recipe_class: type[Recipe]) -> ImageShape:
    """Return the shape of images for which a recipe is described if no data set is chosen."""
    return recipe_class.example_shape or data.bundled_shape()


def describe_own(
    target: str,
    values: Mapping[str, Any],
    shape: ImageShape | None,
    where_known: Mapping[str, Any] = MappingProxyType({}),
) -> list[Description] | None:
    """Describe an implementation of one of gan-bench's own recipes; return None for others.

    These recipes import no framework and are therefore imported into this process.
    """
    implementation = registered()[target]
    point = recipe_entry_point(implementation.recipe)
    if point is None or point.module.split(".")[0] != _OWN_RECIPES:
        return None
    digest = sha256_of_modules([str(implementation.module), point.module])
    return describe_recipes(implementation, point.load(), digest, values, shape, where_known)


def describe(
    target: str,
    values: Mapping[str, Any],
    shape: ImageShape | None = None,
    *,
    where_known: Mapping[str, Any] = MappingProxyType({}),
) -> Description:
    """Describe a target with one value of each field; see `describe_all`, also for the errors."""
    first, *others = describe_all(target, values, shape, where_known=where_known)
    if others:
        raise UsageError(f"{target} takes one value of each field here.")
    return first


def describe_all(
    target: str,
    values: Mapping[str, Any],
    shape: ImageShape | None = None,
    pythons: Mapping[str, str] | None = None,
    *,
    where_known: Mapping[str, Any] = MappingProxyType({}),
) -> list[Description]:
    """Describe a target for images of a shape; see `gan_bench.plugins.loader.describe_here`.

    Only gan-bench's own recipes, which import no framework, are imported into this process;
    anything else is described by a child, so that a plugin can neither slow nor break the command.

    Raises
    ------
    UsageError
        The target's values are not valid, or its file cannot be imported.
    """
    python = None
    if not is_path(target):
        own = describe_own(target, values, shape, where_known)
        if own is not None:
            return own
        python = (pythons or {}).get(registered()[target].framework)
    try:
        answer = ask(
            "gan_bench.plugins.loader",
            {
                "target": target,
                "values": dict(values),
                "where_known": dict(where_known),
                "shape": shape,
            },
            python=python,
            limit_s=_IMPORT_LIMIT_S,
        )
    except ChildError as error:
        raise UsageError(str(error)) from error
    except ChildDied as error:
        hint = f" {MAIN_GUARD}" if error.overran else ""
        raise UsageError(f"{target} cannot be imported: its process {error}.{hint}") from error
    except OSError as error:
        raise UsageError(f"{target} cannot be imported: its process {error}.") from error
    return [Description.model_validate(one) for one in answer]


def implementation_rows() -> list[dict[str, Any]]:
    """Return one row for each implementation; facts that need an import are None.

    Entry points that cannot be used have a row, too, whose ``missing`` says why.
    """
    rows = [_row(implementation) for implementation in registered().values()]
    for name, problem in sorted(registration_problems().items()):
        framework, _, recipe = name.partition("-")
        rows.append(_facts(name, framework, recipe) | {"missing": problem})
    return rows


def _row(implementation: Implementation) -> dict[str, Any]:
    row = _facts(implementation.name, implementation.framework, implementation.recipe)
    row["missing"] = framework_problem(implementation)
    row["distribution"] = implementation.distribution
    try:
        own = describe_own(implementation.name, {}, None)
    except UsageError as error:  # two distributions register its recipe
        return row | {"missing": str(error).rstrip(".")}
    if own is None:
        return row
    (description,) = own
    parameters = description.parameters or {}
    multiply_adds = description.multiply_adds_per_step
    is_original = description.recipe_origin == implementation.framework
    return row | {
        "kind": "original" if is_original else "twin",
        "source": description.recipe_source,
        "generator_parameters": parameters.get("generator"),
        "discriminator_parameters": parameters.get("discriminator"),
        "multiply_adds_per_image": (
            multiply_adds / description.images_per_step if multiply_adds else None
        ),
    }


def _facts(name: str, framework: str, recipe: str) -> dict[str, Any]:
    return {
        **{"name": name, "framework": framework, "recipe": recipe, "kind": "plugin"},
        **dict.fromkeys(("source", "generator_parameters", "discriminator_parameters")),
        **dict.fromkeys(("multiply_adds_per_image", "missing", "distribution")),
    }
