"""Checks of the class, of its recipe, and of ``weights`` and ``set_weights``."""

import inspect
import json
import re

import numpy as np
from pydantic import ValidationError

from gan_bench.contract import check_weights
from gan_bench.errors import UsageError
from gan_bench.testing.check_result import CheckFailed, CheckSkipped, describe, expect
from gan_bench.testing.trainer_pool import (
    SECOND,
    Observed,
    TrainerPool,
    difference,
    part,
    weights_of,
)
from gan_bench.text import listed
from gan_bench.trainer import (
    NETWORKS,
    TENSORS,
    Trainer,
    Unsupported,
    contract_problem,
    declaration_problem,
    initialises_itself,
    is_given,
    is_trained,
    recipe_of,
)

ARGUMENTS = {
    "set_weights": 1,
    "weights": 0,
    "train": 2,
    "sample": 1,
    "forward": 3,
    "save": 1,
    "load": 1,
}
WITH_LABELS = ("sample", "forward")
"""The methods that get labels after these arguments if the recipe is conditional."""


def contract(pool: TrainerPool) -> None:
    """The class has the contract's attributes, methods and signatures."""
    check_class(pool.trainer_class)
    expect(
        isinstance(pool.recipe, recipe_of(pool.trainer_class)),
        f"The recipe is not a {recipe_of(pool.trainer_class).__name__}, the trainer's own.",
    )


def check_class(trainer_class: type[Trainer]) -> None:
    """Raise `CheckFailed` if the class lacks a part of the contract."""
    framework = getattr(trainer_class, "framework", None)
    expect(isinstance(framework, str) and framework, "`framework` is not a non-empty string.")
    try:
        recipe_class = recipe_of(trainer_class)
    except UsageError as error:
        raise CheckFailed(str(error)) from error
    name = getattr(recipe_class, "name", None)
    expect(
        isinstance(name, str) and name, f"`{recipe_class.__name__}.name` is not a non-empty string."
    )
    if problem := declaration_problem(recipe_class):
        raise CheckFailed(f"{problem}.")
    if problem := contract_problem(trainer_class):
        raise CheckFailed(problem)
    try:
        build = inspect.signature(trainer_class)
        build.bind(None, None, None, device="cpu", planned_steps=1, seed=0)
    except TypeError as error:
        raise CheckFailed(f"`__init__` cannot be called as the contract says: {error}.") from error
    for method, least in ARGUMENTS.items():
        count = least + (recipe_class.conditional and method in WITH_LABELS)
        function = getattr(trainer_class, method, None)
        if method == "forward" and function is None and initialises_itself(recipe_class):
            continue
        expect(callable(function), f"The method `{method}` is missing.")
        try:
            inspect.signature(getattr(trainer_class, method)).bind(*[None] * (count + 1))
        except TypeError as error:
            finding = f"`{method}` cannot be called as the contract says: {error}."
            raise CheckFailed(finding) from error


def unknown_devices(pool: TrainerPool) -> None:
    """The constructor raises Unsupported for a missing device instead of using another."""
    for device in ("cuda:99", "tpu:99"):
        try:
            pool.build(device)
        except Unsupported:
            continue
        except (Exception, SystemExit) as error:
            finding = f"Device {device} raised {describe(error)} instead of Unsupported."
            raise CheckFailed(finding) from error
        raise CheckFailed(f"Device {device} was accepted, although it does not exist.")


def recipe_as_json(pool: TrainerPool) -> None:
    """The recipe is unchanged after a round trip through JSON."""
    text = json.dumps(pool.recipe.model_dump(mode="json"))
    again = type(pool.recipe).model_validate(json.loads(text)).for_images(pool.recipe.image_shape)
    expect(again == pool.recipe, f"The recipe read from its own JSON differs: {text}.")


def unknown_fields(pool: TrainerPool) -> None:
    """The recipe rejects unknown fields, so that misspelled ones are found."""
    values = pool.recipe.model_dump() | {"no_such_field": 1}
    try:
        type(pool.recipe).model_validate(values)
    except ValidationError:
        return
    raise CheckFailed("The recipe accepts an unknown field; keep `extra='forbid'`.")


def initial_weights_are_pure(pool: TrainerPool) -> None:
    """Initial weights are finite float32 and depend only on the seed."""
    first = pool.recipe.initial_weights(pool.seed)
    if first is None:
        raise CheckSkipped("The recipe has no initial weights of its own.")
    for name, tensor in first.items():
        expect(tensor.dtype == np.float32, f"Initial {name} is {tensor.dtype}, not float32.")
        expect(np.isfinite(tensor).all(), f"Initial {name} has values that are not finite.")
    kept = {name: tensor.copy() for name, tensor in first.items()}
    for tensor in first.values():
        tensor += 1
    other = pool.recipe.initial_weights(pool.seed + 1) or {}
    again = pool.recipe.initial_weights(pool.seed) or {}
    gap = difference(kept, again)
    for name, tensor in first.items():
        # If it is the recipe's own array, later checks would start from the changed values.
        tensor[...] = kept[name]
    expect(gap is None, f"The same seed gives different initial weights: {gap}.")
    expect(difference(kept, other) is not None, "Different seeds give the same initial weights.")


RECIPE_CHECKS = (contract, recipe_as_json, unknown_fields, initial_weights_are_pure)
"""Checks that build no trainer."""
DEVICE_CHECKS = (unknown_devices,)


def costs(pool: TrainerPool) -> None:
    """The numbers of parameters and multiply-adds match the recipe's."""
    trainer = pool.untrained
    parameters = pool.recipe.parameter_counts()
    multiply_adds = pool.recipe.forward_multiply_adds()
    if parameters is None and multiply_adds is None:
        raise CheckSkipped("The recipe states neither its parameters nor its multiply-adds.")
    if parameters is not None:
        stated = {*parameters, *NETWORKS} & {*pool.recipe.networks}
        actual = {name: 0 for name in pool.recipe.networks if name in stated}
        for name, tensor in trainer.weights().items():
            network = name.partition(".")[0]
            if network in actual and is_trained(name):
                actual[network] += tensor.size
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
            f"The trainer counts {counted} multiply-adds in an image's forward pass, the recipe "
            f"says {multiply_adds}.",
        )


COST_CHECKS = (costs,)


def weight_names(pool: TrainerPool) -> None:
    """The weights are those of the recipe's `networks`, each tensor with a canonical name."""
    own = getattr(pool.trainer_class, "own_tensors", {})
    tensors = "|".join(map(re.escape, {*TENSORS, *own.values()}))
    canonical = re.compile(rf"([A-Za-z_]\w*)\.(0|[1-9][0-9]*)\.({tensors})")
    declared = pool.recipe.networks
    layers: dict[str, set[int]] = {network: set() for network in declared}
    for name in check_weights(pool.untrained.weights()):
        match = canonical.fullmatch(name)
        expect(match, f"{name!r} is not a canonical name, `<network>.<layer>.<tensor>`.")
        if match:
            layers.setdefault(match[1], set()).add(int(match[2]))
    for network, indices in layers.items():
        expect(indices, f"The {network} has no tensors.")
        expect(
            network in declared,
            f"The weights have the network {network}, which the recipe does not declare: its "
            f"networks are {listed(declared)}.",
        )
        gapless = indices == set(range(len(indices)))
        expect(gapless, f"The layers of the {network} are {sorted(indices)}, not 0, 1, 2, ...")


def weights_of_the_recipe(pool: TrainerPool) -> None:
    """Names and shapes of the tensors match the recipe's initial weights."""
    initial = pool.initial
    if initial is None:
        raise CheckSkipped("The recipe has no initial weights of its own.")
    actual = weights_of(pool.untrained)
    missing = initial.keys() - actual.keys()
    surplus = {name for name in actual.keys() - initial.keys() if is_given(name)}
    expect(not missing, f"The trainer lacks {listed(sorted(missing), 5)}.")
    expect(not surplus, f"The recipe lacks {listed(sorted(surplus), 5)}.")
    for name, tensor in initial.items():
        shape = actual[name].shape
        expect(
            shape == tensor.shape,
            f"{name} has shape {shape} in the trainer and {tensor.shape} in the recipe.",
        )


def weights_round_trip(pool: TrainerPool) -> None:
    """``weights`` returns bit for bit what ``set_weights`` got, in the recipe's dtype."""
    trainer = pool.with_weights()
    if pool.initial is not None:
        _expect_weights(pool, trainer, pool.initial, "the recipe's initial weights")
    other = _other_weights(pool, weights_of(trainer))
    trainer.set_weights({name: tensor.copy() for name, tensor in other.items()})
    _expect_weights(pool, trainer, other, "other weights")


def weights_are_copies(pool: TrainerPool) -> None:
    """``weights`` returns copies, independent of the trainer."""
    trainer = pool.used()
    returned = trainer.weights()
    kept = {name: tensor.copy() for name, tensor in returned.items()}
    trainer.train(pool.batches(1), pool.draws(1))
    gap = difference(kept, returned)
    expect(gap is None, f"Training changes the arrays that `weights` returned before: {gap}.")
    before = pool.observe(trainer)
    for tensor in trainer.weights().values():
        if tensor.flags.writeable:
            tensor[...] = 7
    finding = "Changing the arrays that `weights` returned changes the trainer"
    pool.expect_same(before, pool.observe(trainer), finding)


def set_weights_copies(pool: TrainerPool) -> None:
    """``set_weights`` copies the arrays that it gets."""
    trainer = pool.with_weights()
    given = _other_weights(pool, weights_of(trainer))
    trainer.set_weights(given)
    before = pool.observe(trainer)
    for tensor in given.values():
        tensor[...] = 7
    finding = "Changing the arrays that `set_weights` got changes the trainer"
    pool.expect_same(before, pool.observe(trainer), finding)


def set_weights_keeps_the_rest(pool: TrainerPool) -> None:
    """``set_weights`` changes neither optimisers nor the step nor random state."""
    trainer, first = pool.halfway()
    trainer.set_weights(weights_of(trainer))
    second = trainer.train(pool.batches()[SECOND], part(pool.draws(), SECOND))
    observed = pool.observe(trainer, first, second)
    finding = "Setting a trainer's own weights changes the training that follows"
    pool.expect_same(pool.reference, observed, finding)


def _other_weights(pool: TrainerPool, weights: Observed) -> Observed:
    """Return weights that differ in every element; moving variances stay positive."""
    dtype = np.dtype(pool.recipe.dtype)
    return {name: np.array(tensor * 0.5 + 0.125, dtype) for name, tensor in weights.items()}


def _expect_weights(pool: TrainerPool, trainer: Trainer, given: Observed, description: str) -> None:
    dtype = np.dtype(pool.recipe.dtype)
    expected = {name: tensor.astype(dtype) for name, tensor in given.items()}
    held = weights_of(trainer)
    # A recipe does not have to give every tensor: see `is_given`.
    gap = difference({name: t for name, t in held.items() if not is_given(name)} | expected, held)
    expect(
        gap is None,
        f"After setting {description} as {dtype}, `weights` returns different ones: {gap}.",
    )


WEIGHT_CHECKS = (
    weight_names,
    weights_of_the_recipe,
    weights_round_trip,
    weights_are_copies,
    set_weights_copies,
    set_weights_keeps_the_rest,
)
