"""Adam and SGD in JAX against their equations, in float64."""

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed (extra: jax)")

import jax.numpy as jnp  # noqa: E402
import optax  # noqa: E402

import gan_bench_jax.base  # noqa: E402, F401 - switches float64 on
from gan_bench_jax.optimisers import adam, exponential_decay, sgd  # noqa: E402

pytestmark = pytest.mark.jax

RATE, BETA1, BETA2, EPSILON = 1e-2, 0.5, 0.99, 1e-3


def updated(transformation, gradients, dtype="float64"):
    """Return the parameter, at first 1, after an update for each of the gradients."""
    parameter = {"kernel": jnp.ones(3, dtype)}
    state = transformation.init(parameter)
    for gradient in gradients:
        changes, state = transformation.update({"kernel": jnp.asarray(gradient, dtype)}, state)
        parameter = optax.apply_updates(parameter, changes)
    return np.asarray(parameter["kernel"])


def gradients(count):
    return np.random.default_rng(0).standard_normal((count, 3))


@pytest.mark.parametrize("form", ["after", "before"])
@pytest.mark.parametrize("decays", [False, True])
def test_adam_adds_its_epsilon_where_the_recipe_has_it(form, decays):
    rate = exponential_decay(RATE, 2.5, 0.5) if decays else RATE
    parameter, first, second = np.ones(3), np.zeros(3), np.zeros(3)
    for t, gradient in enumerate(gradients(7), start=1):
        first = BETA1 * first + (1 - BETA1) * gradient
        second = BETA2 * second + (1 - BETA2) * gradient**2
        step = RATE * 0.5 ** ((t - 1) / 2.5) if decays else RATE
        if form == "after":
            root = np.sqrt(second / (1 - BETA2**t)) + EPSILON
            parameter = parameter - step * first / (1 - BETA1**t) / root
        else:
            step *= np.sqrt(1 - BETA2**t) / (1 - BETA1**t)
            parameter = parameter - step * first / (np.sqrt(second) + EPSILON)
    found = updated(adam(rate, BETA1, BETA2, EPSILON, form), gradients(7))
    np.testing.assert_allclose(found, parameter, rtol=1e-13)


@pytest.mark.parametrize("nesterov", [True, False])
def test_sgd_has_momentum_in_the_recipes_form(nesterov):
    parameter, velocity = np.ones(3), np.zeros(3)
    for gradient in gradients(7):
        velocity = 0.9 * velocity - RATE * gradient
        parameter = parameter + (0.9 * velocity - RATE * gradient if nesterov else velocity)
    found = updated(sgd(RATE, 0.9, nesterov), gradients(7))
    np.testing.assert_allclose(found, parameter, rtol=1e-13)


@pytest.mark.parametrize("form", ["after", "before"])
def test_float32_stays_float32(form):
    made = adam(exponential_decay(RATE, 5.0, 0.5), BETA1, BETA2, EPSILON, form)
    assert updated(made, gradients(2), "float32").dtype == np.float32
    assert updated(sgd(RATE, 0.9, True), gradients(2), "float32").dtype == np.float32


def test_equal_values_give_the_same_transformation():
    # Trainers of equal recipes then share their executables.
    assert adam(RATE, 0.5, 0.9, 1e-8, "after") is adam(RATE, 0.5, 0.9, 1e-8, "after")
    assert exponential_decay(RATE, 5.0, 0.5) is exponential_decay(RATE, 5.0, 0.5)
    assert sgd(RATE, 0.9, True) is sgd(RATE, 0.9, True)
    assert sgd(RATE, 0.9, True) is not sgd(RATE, 0.9, False)
