"""Checks of what ``weights`` and ``set_weights`` exchange."""

import re

import numpy as np

from gan_bench.testing.check_result import CheckSkipped, expect
from gan_bench.testing.subject import HALF, Observed, Subject, difference, weights_of
from gan_bench.text import listed
from gan_bench.trainer import Trainer

NETWORKS = ("generator", "discriminator")
CANONICAL = re.compile(
    rf"({'|'.join(NETWORKS)})\.(0|[1-9][0-9]*)"
    r"\.(kernel|bias|gamma|beta|moving_mean|moving_variance)"
)


def weight_names(subject: Subject) -> None:
    """Name every tensor canonically, each network's layers counting from 0."""
    layers: dict[str, set[int]] = {network: set() for network in NETWORKS}
    for name in subject.untrained.weights():
        match = CANONICAL.fullmatch(name)
        expect(match, f"{name!r} is not `<network>.<layer>.<tensor>` as the contract names them.")
        if match:
            layers[match[1]].add(int(match[2]))
    for network, indices in layers.items():
        expect(indices, f"There is no tensor of the {network}.")
        gapless = indices == set(range(len(indices)))
        expect(gapless, f"The layers of the {network} are {sorted(indices)}, not 0, 1, 2, ...")


def weights_of_the_recipe(subject: Subject) -> None:
    """Have tensors of the names and shapes of the recipe's initial weights."""
    planned = subject.initial
    if planned is None:
        raise CheckSkipped("The recipe leaves initial weights to the implementation.")
    actual = weights_of(subject.untrained)
    missing, surplus = planned.keys() - actual.keys(), actual.keys() - planned.keys()
    expect(not missing, f"The trainer lacks {listed(sorted(missing), 5)}.")
    expect(not surplus, f"The recipe knows nothing of {listed(sorted(surplus), 5)}.")
    for name, tensor in planned.items():
        got = actual[name].shape
        expect(got == tensor.shape, f"{name} is {got}, {tensor.shape} in the recipe.")


def weights_round_trip(subject: Subject) -> None:
    """Return from ``weights`` what ``set_weights`` was given, to the bit, in the recipe's dtype."""
    trainer = subject.untrained_with()
    if subject.initial is not None:
        _expect_weights(subject, trainer, subject.initial, "the recipe's initial weights")
    other = _other_weights(subject, weights_of(trainer))
    trainer.set_weights({name: tensor.copy() for name, tensor in other.items()})
    _expect_weights(subject, trainer, other, "other weights")


def weights_are_copies(subject: Subject) -> None:
    """Return from ``weights`` arrays that do not change with the trainer, nor it with them."""
    trainer = subject.used_trainer()
    taken = trainer.weights()
    kept = {name: tensor.copy() for name, tensor in taken.items()}
    trainer.train(subject.batches(1), subject.latents(1))
    gap = difference(kept, taken)
    expect(gap is None, f"Training changes what `weights` returned before: {gap}.")
    before = subject.observe(trainer)
    for tensor in trainer.weights().values():
        if tensor.flags.writeable:
            tensor[...] = 7
    finding = "Changing what `weights` returned changes the trainer"
    subject.expect_same(before, subject.observe(trainer), finding)


def set_weights_copies(subject: Subject) -> None:
    """Keep no reference to the arrays that ``set_weights`` is given."""
    trainer = subject.untrained_with()
    given = _other_weights(subject, weights_of(trainer))
    trainer.set_weights(given)
    before = subject.observe(trainer)
    for tensor in given.values():
        tensor[...] = 7
    finding = "Changing what `set_weights` was given changes the trainer"
    subject.expect_same(before, subject.observe(trainer), finding)


def set_weights_keeps_the_rest(subject: Subject) -> None:
    """Leave optimisers, the step and random state alone in ``set_weights``."""
    trainer, first = subject.trained_halfway()
    trainer.set_weights(weights_of(trainer))
    second = trainer.train(subject.batches()[HALF:], subject.latents()[HALF:])
    observed = subject.observe(trainer, first, second)
    finding = "Setting a trainer's own weights changes how it goes on"
    subject.expect_same(subject.reference, observed, finding)


def _other_weights(subject: Subject, weights: Observed) -> Observed:
    """Return weights that differ in every element; moving variances stay positive."""
    dtype = np.dtype(subject.recipe.dtype)
    return {name: (tensor * 0.5 + 0.125).astype(dtype) for name, tensor in weights.items()}


def _expect_weights(subject: Subject, trainer: Trainer, given: Observed, what: str) -> None:
    dtype = np.dtype(subject.recipe.dtype)
    expected = {name: tensor.astype(dtype) for name, tensor in given.items()}
    gap = difference(expected, weights_of(trainer))
    expect(gap is None, f"Given {what} as {dtype}, `weights` returns others: {gap}.")


CHECKS = (
    weight_names,
    weights_of_the_recipe,
    weights_round_trip,
    weights_are_copies,
    set_weights_copies,
    set_weights_keeps_the_rest,
)
