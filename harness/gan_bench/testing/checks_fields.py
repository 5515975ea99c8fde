"""Checks that every field of the recipe has an effect."""

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from gan_bench.recipe import Recipe, revalidated
from gan_bench.testing.check_result import CheckFailed, CheckSkipped, describe, one_line
from gan_bench.testing.checks_training import every_draw, every_real_batch
from gan_bench.testing.trainer_pool import TrainerPool, difference
from gan_bench.trainer import Unsupported


def check_field(field: str, pool: TrainerPool) -> None:
    """Raise `CheckFailed` unless other values of the field change the run.

    A value has an effect if it changes the inputs of a step, the number of epochs, the training
    splits, the initial weights, or weights, losses or samples after a short training. Elements of
    a tuple are tried one by one.
    """
    pool = pool.small
    for place, candidates in _perturbations(pool.recipe, field).items():
        tried: list[str] = []
        refusals: list[str] = []
        for recipe in _valid(pool, field, candidates):
            value = repr(getattr(recipe, field))
            try:
                if _has_effect(pool, replace(pool, recipe=recipe)):
                    break
            except Unsupported as reason:
                refusals.append(one_line(reason))
            except CheckFailed as finding:
                raise CheckFailed(f"With {field} = {value}: {finding}") from finding
            except CheckSkipped:
                raise
            except (Exception, SystemExit) as error:
                crash = f"With {field} = {value} it raised {describe(error)}."
                raise CheckFailed(crash) from error
            else:
                tried.append(value)
        else:
            _raise_finding(place, repr(getattr(pool.recipe, field)), tried, refusals)


def _raise_finding(place: str, current: str, tried: list[str], refusals: list[str]) -> None:
    if tried:
        raise CheckFailed(
            f"`{place}` has no effect: training with {' or '.join(tried)} gives the same result as "
            f"with {current}."
        )
    if refusals:
        raise CheckSkipped(f"The trainer supports no other value of `{place}`: {refusals[0]}")
    raise CheckFailed(
        f"No other valid value of `{place}` was found; name one with Field(examples=[...])."
    )


def _has_effect(base: TrainerPool, other: TrainerPool) -> bool:
    if _inputs(base.recipe) != _inputs(other.recipe):
        every_draw(other)
        every_real_batch(other)
        return True
    # The harness applies these two itself, for every trainer.
    if base.recipe.epochs != other.recipe.epochs:
        return True
    if base.recipe.train_splits != other.recipe.train_splits:
        return True
    # Train even if the initial weights differ: the trainer has to accept them.
    return (
        difference(base.reference, other.reference) is not None
        or base.recipe.images_per_step != other.recipe.images_per_step
        or _initial_weights_differ(base, other)
    )


def _initial_weights_differ(base: TrainerPool, other: TrainerPool) -> bool:
    first, second = base.initial, other.initial
    return first is not None and second is not None and difference(first, second) is not None


def _inputs(recipe: Recipe) -> tuple[int, dict[str, int]]:
    counts = {name: draw.count for name, draw in recipe.draws().items()}
    return recipe.real_batches_per_step, counts


def _valid(pool: TrainerPool, field: str, candidates: list[Any]) -> Iterator[Recipe]:
    current = getattr(pool.recipe, field)
    for value in candidates:
        try:
            recipe = revalidated(pool.recipe, **{field: value})
        except ValidationError:
            continue
        height, width, channels = pool.images.shape[1:]
        if getattr(recipe, field) != current and not recipe.cannot_make(height, width, channels):
            yield recipe


def _perturbations(recipe: Recipe, field: str) -> dict[str, list[Any]]:
    """Return the values to try, for the field as a whole or for each element of a tuple."""
    info = type(recipe).model_fields[field]
    current = getattr(recipe, field)
    examples = [value for value in info.examples or () if value != current]
    choices = list(_choices(info.annotation))
    if examples:
        return {field: examples}
    if isinstance(current, tuple) and current:
        return {
            f"{field}[{index}]": [
                (*current[:index], value, *current[index + 1 :])
                for value in _other_values(element, choices)
            ]
            for index, element in enumerate(current)
        }
    return {field: _other_values(current, choices)}


def _other_values(current: Any, choices: list[Any]) -> list[Any]:
    if choices:
        return [choice for choice in choices if choice != current]
    if isinstance(current, Enum):
        return [member for member in type(current) if member is not current]
    if isinstance(current, bool):
        return [not current]
    if isinstance(current, int):
        return [value for value in (current * 2, current + 1, current // 2) if value != current]
    if isinstance(current, float):
        return [current * 1.5, current * 0.5] if current else [0.5, 0.1, 1.0]
    return []


def _choices(annotation: Any) -> Iterator[Any]:
    """Yield the choices of every Literal in an annotation."""
    for argument in get_args(annotation):
        if get_origin(annotation) is Literal:
            yield argument
        else:
            yield from _choices(argument)
