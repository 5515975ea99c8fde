"""Adam and SGD in JAX against their equations, in float64."""

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed (extra: jax)")

import jax.numpy as jnp  # noqa: E402
from flax import nnx  # noqa: E402

import gan_bench_jax.base  # noqa: E402, F401 - switches float64 on
from gan_bench_jax.optimisers import adam, exponential_decay, sgd  # noqa: E402

pytestmark = pytest.mark.jax

RATE, BETA1, BETA2, EPSILON = 1e-2, 0.5, 0.99, 1e-3


class Parameter(nnx.Module):
    """A network of one parameter, at first 1."""

    def __init__(self, dtype):
        self.kernel = nnx.Param(jnp.ones(3, dtype))


def updated(make, gradients, dtype="float64"):
    """Return the parameter after an update for each of the gradients."""
    network = Parameter(dtype)
    optimiser = make(network)
    for gradient in gradients:
        values = jnp.asarray(gradient, dtype)
        optimiser.update(network, jax.tree.map(lambda _, v=values: v, nnx.state(network)))
    return np.asarray(network.kernel[...])


def adams(rate, form):
    return lambda network: adam(
        network, rate, beta1=BETA1, beta2=BETA2, epsilon=EPSILON, epsilon_form=form
    )


def sgds(momentum, nesterov):
    return lambda network: sgd(network, RATE, momentum, nesterov)


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
    found = updated(adams(rate, form), gradients(7))
    np.testing.assert_allclose(found, parameter, rtol=1e-13)


@pytest.mark.parametrize("nesterov", [True, False])
def test_sgd_has_momentum_in_the_recipes_form(nesterov):
    parameter, velocity = np.ones(3), np.zeros(3)
    for gradient in gradients(7):
        velocity = 0.9 * velocity - RATE * gradient
        parameter = parameter + (0.9 * velocity - RATE * gradient if nesterov else velocity)
    found = updated(sgds(0.9, nesterov), gradients(7))
    np.testing.assert_allclose(found, parameter, rtol=1e-13)


@pytest.mark.parametrize("form", ["after", "before"])
def test_float32_stays_float32(form):
    made = adams(exponential_decay(RATE, 5.0, 0.5), form)
    assert updated(made, gradients(2), "float32").dtype == np.float32
    assert updated(sgds(0.9, True), gradients(2), "float32").dtype == np.float32


def test_equal_values_give_the_same_transformation():
    # Trainers of equal recipes then share their executables.
    def made(make):
        return make(Parameter("float32")).tx

    assert made(adams(RATE, "after")) is made(adams(RATE, "after"))
    assert made(adams(RATE, "after")) is not made(adams(RATE, "before"))
    assert exponential_decay(RATE, 5.0, 0.5) is exponential_decay(RATE, 5.0, 0.5)
    assert made(sgds(0.9, True)) is made(sgds(0.9, True))
    assert made(sgds(0.9, True)) is not made(sgds(0.9, False))
