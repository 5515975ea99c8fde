"""Optimisers in the arithmetic that the recipes state.

Equal values give the same transformation of optax, so that equal trainers share their executables.
"""

from collections.abc import Callable
from functools import cache
from typing import Literal

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import Array

Rate = float | Callable[[Array], Array]
"""A learning rate, or one that depends on the updates so far."""


def adam(
    network: nnx.Module,
    rate: Rate,
    *,
    beta1: float,
    beta2: float,
    epsilon: float,
    epsilon_form: Literal["after", "before"],
) -> nnx.Optimizer:
    """Return Adam with its epsilon where the recipe has it.

    optax adds epsilon after bias correction, as PyTorch does. Keras adds it before, to the
    uncorrected root: that is the same as optax' form with epsilon / sqrt(1 - beta2^t) in update t.
    """
    return nnx.Optimizer(network, _adam(rate, beta1, beta2, epsilon, epsilon_form), wrt=nnx.Param)


@cache
def _adam(
    rate: Rate, beta1: float, beta2: float, epsilon: float, epsilon_form: str
) -> optax.GradientTransformation:
    def update(
        gradient: optax.Updates, state: optax.ScaleByAdamState, parameters: object = None
    ) -> tuple[optax.Updates, optax.ScaleByAdamState]:
        added = epsilon
        if epsilon_form == "before":
            dtype = jax.tree.leaves(gradient)[0].dtype
            added = (epsilon / jnp.sqrt(1 - beta2 ** (state.count + 1))).astype(dtype)
        return optax.scale_by_adam(beta1, beta2, added).update(gradient, state)

    direction = optax.GradientTransformation(optax.scale_by_adam(beta1, beta2).init, update)
    return optax.chain(direction, optax.scale_by_learning_rate(rate))


@cache
def exponential_decay(rate: float, steps: float, factor: float) -> Callable[[Array], Array]:
    """Return the rate before each step (from 0): ``rate * factor ** (step / steps)``."""
    return lambda step: rate * factor ** (step / steps)


@cache
def cosine_decay(rate: float, steps: float) -> Callable[[Array], Array]:
    """Return the rate before each step (from 0): ``rate / 2 * (1 + cos(pi * step / steps))``."""
    return lambda step: rate / 2 * (1 + jnp.cos(jnp.pi * step / steps))


def sgd(network: nnx.Module, rate: float, momentum: float, nesterov: bool) -> nnx.Optimizer:
    """Return SGD: b = mu b + g, p -= lr (g + mu b); Keras' form too at a constant rate."""
    return nnx.Optimizer(network, _sgd(rate, momentum, nesterov), wrt=nnx.Param)


_sgd = cache(optax.sgd)
