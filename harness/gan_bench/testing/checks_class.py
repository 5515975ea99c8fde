"""Checks of the class and of its recipe, before any training."""

import inspect
import json

import numpy as np
from pydantic import ValidationError

from gan_bench.recipe import Recipe
from gan_bench.testing.check_result import CheckFailed, CheckSkipped, describe, expect
from gan_bench.testing.checks_weights import NETWORKS
from gan_bench.testing.subject import Subject, difference
from gan_bench.trainer import Trainer, Unsupported

ARGUMENTS = {
    "set_weights": 1,
    "weights": 0,
    "train": 2,
    "sample": 2,
    "forward": 3,
    "save": 1,
    "load": 1,
}


def contract(subject: Subject) -> None:
    """Have the contract's names, methods and signatures."""
    check_class(subject.trainer_class)
    expect(
        isinstance(subject.recipe, subject.trainer_class.recipe_class),
        f"The recipe is no {subject.trainer_class.recipe_class.__name__}, the class's own recipe.",
    )


def check_class(trainer_class: type[Trainer]) -> None:
    """Raise `CheckFailed` where the class lacks something of the contract."""
    framework = getattr(trainer_class, "framework", None)
    expect(isinstance(framework, str) and framework, "`framework` is not a non-empty string.")
    recipe_class = getattr(trainer_class, "recipe_class", None)
    if not (isinstance(recipe_class, type) and issubclass(recipe_class, Recipe)):
        raise CheckFailed("`recipe_class` is not a subclass of gan_bench.recipe.Recipe.")
    name = getattr(recipe_class, "name", None)
    expect(isinstance(name, str) and name, f"{recipe_class.__name__}.name is no string.")
    try:
        build = inspect.signature(trainer_class)
        build.bind(None, None, None, device="cpu", planned_steps=1, seed=0)
    except TypeError as error:
        raise CheckFailed(f"`__init__` cannot be called as the contract says: {error}.") from error
    for method, count in ARGUMENTS.items():
        function = getattr(trainer_class, method, None)
        expect(callable(function), f"The method `{method}` is missing.")
        try:
            inspect.signature(getattr(trainer_class, method)).bind(*[None] * (count + 1))
        except TypeError as error:
            finding = f"`{method}` cannot be called as the contract says: {error}."
            raise CheckFailed(finding) from error


def unknown_devices(subject: Subject) -> None:
    """Raise Unsupported for a device that is not there instead of training elsewhere."""
    for device in ("cuda:99", "tpu:99"):
        try:
            subject.build(device)
        except Unsupported:
            continue
        except (Exception, SystemExit) as error:
            finding = f"Device {device} raised {describe(error)} where Unsupported is due."
            raise CheckFailed(finding) from error
        raise CheckFailed(f"Device {device} was accepted, and the trainer trains elsewhere.")


def recipe_as_json(subject: Subject) -> None:
    """Be the same recipe after being written as JSON and read again."""
    text = json.dumps(subject.recipe.model_dump(mode="json"))
    again = type(subject.recipe).model_validate(json.loads(text))
    expect(again == subject.recipe, f"The recipe read from its own JSON differs: {text}.")


def unknown_fields(subject: Subject) -> None:
    """Refuse a field that the recipe does not have, so that typing errors surface."""
    values = subject.recipe.model_dump() | {"no_such_field": 1}
    try:
        type(subject.recipe).model_validate(values)
    except ValidationError:
        return
    raise CheckFailed("The recipe accepts a field that it does not have; keep extra='forbid'.")


def initial_weights_are_pure(subject: Subject) -> None:
    """Make initial weights finite float32 and a function of the seed alone."""
    first = subject.recipe.initial_weights(subject.seed)
    if first is None:
        raise CheckSkipped("The recipe leaves initial weights to the implementation.")
    for name, tensor in first.items():
        expect(tensor.dtype == np.float32, f"Initial {name} is {tensor.dtype}, not float32.")
        expect(np.isfinite(tensor).all(), f"Initial {name} has values that are not finite.")
    kept = {name: tensor.copy() for name, tensor in first.items()}
    for tensor in first.values():
        tensor += 1
    other = subject.recipe.initial_weights(subject.seed + 1) or {}
    again = subject.recipe.initial_weights(subject.seed) or {}
    gap = difference(kept, again)
    for name, tensor in first.items():
        # Were it the recipe's own array, all later checks would start from what this one wrote.
        tensor[...] = kept[name]
    expect(gap is None, f"The same seed gives other initial weights: {gap}.")
    expect(difference(kept, other) is not None, "Other seeds give the same initial weights.")


CHECKS = (contract, unknown_devices, recipe_as_json, unknown_fields, initial_weights_are_pure)

STATISTICS = ("moving_mean", "moving_variance")


def costs(subject: Subject) -> None:
    """Have the parameters that the recipe states, and its multiply-adds where it counts them."""
    trainer = subject.untrained
    parameters = subject.recipe.parameter_counts()
    multiply_adds = subject.recipe.forward_multiply_adds()
    if parameters is None and multiply_adds is None:
        raise CheckSkipped("The recipe states neither its parameters nor its multiply-adds.")
    if parameters is not None:
        actual = dict.fromkeys(NETWORKS, 0)
        for name, tensor in trainer.weights().items():
            if not name.endswith(STATISTICS):
                actual[name.partition(".")[0]] += tensor.size
        expect(
            parameters == actual,
            f"The trainer has {actual} trainable parameters, the recipe says {parameters}.",
        )
    count = getattr(trainer, "multiply_adds", None)
    if multiply_adds is not None and count is not None:
        if not callable(count):
            raise CheckFailed("`multiply_adds` is not a method.")
        counted = count()
        expect(
            multiply_adds == counted,
            f"The trainer counts {counted} multiply-adds of an image's forward pass, the recipe "
            f"says {multiply_adds}.",
        )


COST_CHECKS = (costs,)
