"""Losses against figures worked out by hand, in every framework, and penalties in training."""

import importlib
from math import log

import numpy as np
import pytest

import penalised
from flops import flops
from gan_bench.data.draws import Inputs
from gan_bench.recipe import Draw
from gan_bench_recipes import losses as reference
from gan_bench_recipes.dcgan_3g import Dcgan3g
from gan_bench_recipes.layers import Constant, Convolution, Dense, Network, Reshape
from recipes import EACH_FRAMEWORK

LN3 = log(3)  # sigmoid(ln 3) = 3/4
# Function, logits, its other argument; value, and gradient with respect to the logits.
BY_HAND = [
    ("cross_entropy", [0, LN3], True, log(8 / 3) / 2, [-1 / 4, -1 / 8]),
    ("cross_entropy", [0, LN3], False, log(8) / 2, [1 / 4, 3 / 8]),
    ("cross_entropy", [-1000, 1000], True, 500, [-1 / 2, 0]),
    ("least_squares", [3, -1], True, 2, [1, -1]),
    ("least_squares", [3, -1], False, 5 / 2, [3 / 2, -1 / 2]),
    ("hinge", [1 / 2, 2, -3], True, 3 / 2, [-1 / 3, 0, -1 / 3]),
    ("hinge", [1 / 2, 2, -3], False, 3 / 2, [1 / 3, 1 / 3, 0]),
    ("wasserstein", [1, 2, 6], True, -3, [-1 / 3] * 3),
    ("wasserstein", [1, 2, 6], False, 3, [1 / 3] * 3),
    ("relativistic", [LN3, 0], [0, LN3], log(16 / 3) / 2, [-1 / 8, -3 / 8]),
]
IMAGE = (3, 2, 1)


class Torch:
    """PyTorch's losses, of NumPy arrays in float64."""

    def __init__(self):
        self.torch = pytest.importorskip("torch")
        self.losses = importlib.import_module("gan_bench_torch.losses")

    def gradients(self, function, *arrays):
        """Return a function's value and its gradients."""
        given = [self.array(array).requires_grad_() for array in arrays]
        value = function(*given)
        value.backward()
        return value.item(), [one.grad.numpy() for one in given]

    def array(self, values):
        return self.torch.tensor(np.asarray(values, float))

    def discriminator(self, first, last):
        def logits(images, *labels):
            hidden = self.torch.tanh(images.flatten(1) @ first)
            return hidden @ last * (1 + sum(labels))

        return logits


class Keras:
    """TensorFlow's losses, of NumPy arrays in float64 and in a graph."""

    def __init__(self):
        self.tf = pytest.importorskip("tensorflow")
        self.losses = importlib.import_module("gan_bench_keras.losses")

    def gradients(self, function, *arrays):
        """Return a function's value and its gradients."""

        @self.tf.function(autograph=False)
        def both(*given):
            with self.tf.GradientTape() as tape:
                tape.watch(given)
                value = function(*given)
            return value, tape.gradient(value, given)

        value, found = both(*map(self.array, arrays))
        return value.numpy(), [one.numpy() for one in found]

    def array(self, values):
        return self.tf.constant(np.asarray(values, float))

    def discriminator(self, first, last):
        def logits(given, training):
            images, *labels = given if isinstance(given, list) else [given]
            hidden = self.tf.tanh(self.tf.reshape(images, (-1, first.shape[0])) @ first)
            return self.tf.linalg.matvec(hidden, last) * (1 + sum(labels))

        return logits


class Jax:
    """JAX's losses, of NumPy arrays in float64 and compiled."""

    def __init__(self):
        self.jax = pytest.importorskip("jax")
        importlib.import_module("gan_bench_jax.base")  # switches float64 on
        self.losses = importlib.import_module("gan_bench_jax.losses")

    def gradients(self, function, *arrays):
        """Return a function's value and its gradients."""
        differentiated = self.jax.value_and_grad(function, argnums=range(len(arrays)))
        value, found = self.jax.jit(differentiated)(*map(self.array, arrays))
        return value.item(), [*map(np.asarray, found)]

    def array(self, values):
        return self.jax.numpy.asarray(values, float)

    def discriminator(self, first, last):
        from flax import nnx

        class Discriminator(nnx.Module):
            def __init__(self):
                self.first, self.last = nnx.Param(first), nnx.Param(last)

            def __call__(self, images, *labels):
                flat = images.reshape(len(images), -1)
                return nnx.tanh(flat @ self.first[...]) @ self.last[...] * (1 + sum(labels))

        return Discriminator()


ADAPTERS = {"torch": Torch, "keras": Keras, "jax": Jax}


@pytest.fixture(params=EACH_FRAMEWORK)
def framework(request):
    return ADAPTERS[request.param]()


@pytest.mark.parametrize(("name", "logits", "other", "value", "gradient"), BY_HAND)
def test_the_reference_is_worked_out_by_hand(name, logits, other, value, gradient):
    other = other if isinstance(other, bool) else np.array(other)
    assert getattr(reference, name)(np.array(logits), other) == pytest.approx(value, rel=1e-14)


def test_values_and_gradients_are_those_worked_out_by_hand(framework):
    for name, logits, other, value, gradient in BY_HAND:
        loss = getattr(framework.losses, name)
        if isinstance(other, bool):
            found, (towards,) = framework.gradients(lambda x, f=loss, o=other: f(x, o), logits)
        else:
            found, (towards, away) = framework.gradients(loss, logits, other)
            np.testing.assert_allclose(-away, gradient, rtol=1e-14, err_msg=name)
        assert found == pytest.approx(value, rel=1e-14), name
        np.testing.assert_allclose(towards, gradient, rtol=1e-14, atol=1e-300, err_msg=name)


def test_values_of_random_logits_are_the_references(framework):
    logits, others = 5 * np.random.default_rng(0).standard_normal((2, 64))
    for name, _, other, *_ in BY_HAND:
        plain = isinstance(other, bool)
        expected = getattr(reference, name)(logits, other if plain else others)
        given = framework.array(logits), other if plain else framework.array(others)
        assert float(getattr(framework.losses, name)(*given)) == pytest.approx(expected, rel=1e-14)


class Case:
    """A discriminator D(x) = last tanh(x first), its gradient at images, and the penalties."""

    def __init__(self, conditional):
        random = np.random.default_rng(1)
        self.real, self.fakes = random.uniform(-1, 1, (2, 5, *IMAGE))
        self.mix = np.array([0, 0.25, 0.5, 0.9, 1])
        self.labels = [np.arange(5.0)] if conditional else []
        self.first = random.standard_normal((6, 4))
        self.last = random.standard_normal(4)

    def logits(self, images, first):
        return np.tanh(images.reshape(5, -1) @ first) @ self.last * (1 + sum(self.labels))

    def gradients(self, images, first):
        slopes = 1 - np.tanh(images.reshape(5, -1) @ first) ** 2
        return (slopes * self.last) @ first.T * (1 + np.reshape(sum(self.labels), (-1, 1)))

    def gradient_penalty(self, first):
        share = self.mix.reshape(-1, 1, 1, 1)
        mixed = share * self.real + (1 - share) * self.fakes
        return reference.gradient_penalty(self.gradients(mixed, first))

    def zero_centred_penalty(self, first):
        return reference.zero_centred_penalty(self.gradients(self.real, first))

    def slope(self, function):
        """Return the gradient with respect to ``first``, from central differences."""
        found = np.empty_like(self.first)
        for index in np.ndindex(found.shape):
            step = np.zeros_like(found)
            step[index] = 1e-5
            found[index] = (function(self.first + step) - function(self.first - step)) / 2e-5
        return found


@pytest.mark.parametrize("conditional", [False, True])
def test_penalties_are_the_references_and_so_are_their_gradients(framework, conditional):
    case, array = Case(conditional), framework.array
    last, labels = array(case.last), [*map(array, case.labels)]

    def mixed(first):
        given = framework.discriminator(first, last), *map(array, (case.real, case.fakes, case.mix))
        return framework.losses.gradient_penalty(*given, *labels)

    def centred(first):
        given = framework.discriminator(first, last), array(case.real)
        return framework.losses.zero_centred_penalty(*given, *labels)[1]

    for function, expected in (
        (mixed, case.gradient_penalty),
        (centred, case.zero_centred_penalty),
    ):
        value, (gradient,) = framework.gradients(function, case.first)
        assert value == pytest.approx(expected(case.first), rel=1e-13)
        np.testing.assert_allclose(gradient, case.slope(expected), rtol=1e-6, atol=1e-7)


def test_a_zero_centred_penalty_comes_with_the_logits_and_their_gradients(framework):
    case, array = Case(False), framework.array

    def summed(first):
        discriminator = framework.discriminator(first, array(case.last))
        logits, _ = framework.losses.zero_centred_penalty(discriminator, array(case.real))
        return framework.losses.wasserstein(logits, False)

    value, (gradient,) = framework.gradients(summed, case.first)
    assert value == pytest.approx(case.logits(case.real, case.first).mean(), rel=1e-13)
    expected = case.slope(lambda first: case.logits(case.real, first).mean())
    np.testing.assert_allclose(gradient, expected, rtol=1e-6, atol=1e-8)


def test_penalties_worked_out_by_hand():
    rows = np.array([[3.0, 4.0], [0.0, 0.0]])  # norms 5 and 0
    assert reference.gradient_penalty(rows) == (4**2 + 1**2) / 2
    assert reference.zero_centred_penalty(rows) == 5**2 / 2 / 2


def test_a_discriminator_without_any_gradient_has_a_finite_penalty(framework):
    case, array = Case(False), framework.array

    def mixed(first):
        given = map(array, (case.real, case.fakes, case.mix))
        discriminator = framework.discriminator(first, array(case.last))
        return framework.losses.gradient_penalty(discriminator, *given)

    value, (gradient,) = framework.gradients(mixed, np.zeros((6, 4)))
    assert value == 1
    assert not gradient.any()


STEPS = 3


def trained(trainer_class):
    """Return the losses and the weights after some steps in float64."""
    recipe = trainer_class.recipe_class(batch_size=4, latent_size=12, dtype="float64")
    recipe = recipe.smaller().without_dropout()
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)
    labels = np.zeros(50, np.int64)
    trainer = trainer_class(recipe, images, labels, device="cpu", planned_steps=STEPS, seed=0)
    trainer.set_weights(recipe.initial_weights(0))
    inputs = Inputs(recipe, 0, images, labels)
    return trainer.train(inputs.batches(0, STEPS), inputs.draws(0, STEPS)), trainer.weights()


def same(found, expected):
    losses, weights = found
    assert losses.keys() == expected[0].keys()
    for loss, values in losses.items():
        np.testing.assert_allclose(values, expected[0][loss], rtol=1e-9, err_msg=loss)
    assert weights.keys() == expected[1].keys()
    for name, tensor in weights.items():
        np.testing.assert_allclose(tensor, expected[1][name], rtol=1e-8, atol=1e-11, err_msg=name)


@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.process
@pytest.mark.parametrize("name", ["wasserstein", "relativistic"])
def test_convolutions_train_alike_with_penalties(name):
    pytest.importorskip("torch")
    pytest.importorskip("tensorflow")
    same(trained(penalised.in_keras()[name]), trained(penalised.in_torch()[name]))


@pytest.mark.long
@pytest.mark.torch
@pytest.mark.jax
@pytest.mark.process
@pytest.mark.parametrize("name", ["wasserstein", "relativistic"])
def test_convolutions_of_jax_train_alike_with_penalties(name):
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    same(trained(penalised.in_jax()[name]), trained(penalised.in_torch()[name]))


@pytest.mark.jax
@pytest.mark.process
def test_a_discriminator_in_jax_may_have_a_state_that_changes():
    framework = Jax()
    from flax import nnx

    class Discriminator(nnx.Module):
        def __init__(self):
            self.dropout = nnx.Dropout(0.5, rngs=nnx.Rngs(0))

        def __call__(self, images):
            return self.dropout(images).sum((1, 2, 3))

    def twice(discriminator):
        images = framework.array(np.ones((8, *IMAGE)))
        first, _ = framework.losses.zero_centred_penalty(discriminator, images)
        second, _ = framework.losses.zero_centred_penalty(discriminator, images)
        return (first + second).sum(), (first, second)

    (_, (first, second)), _ = nnx.value_and_grad(twice, has_aux=True)(Discriminator())
    assert (first != second).any()  # by other masks


@pytest.mark.long
@pytest.mark.keras
@pytest.mark.process
@pytest.mark.parametrize("name", ["wasserstein", "relativistic"])
def test_xla_compiles_penalties(name):
    pytest.importorskip("tensorflow")
    trainer_class = penalised.in_keras()[name]

    class Compiled(trainer_class):
        @staticmethod
        def compiles(device):
            return True

    same(trained(Compiled), trained(trainer_class))


@pytest.mark.torch
@pytest.mark.process
@pytest.mark.parametrize("name", ["wasserstein", "relativistic"])
def test_the_cost_is_what_pytorch_computes(name):
    torch = pytest.importorskip("torch")
    trainer_class = penalised.in_torch()[name]
    recipe = trainer_class.recipe_class(batch_size=4).smaller().without_dropout()
    images, labels = np.zeros((4, 28, 28, 1), np.uint8), np.zeros(4, np.int64)
    trainer = trainer_class(recipe, images, labels, device="cpu", planned_steps=1, seed=0)
    draws = {"latents": torch.randn(1, 4, 100), "mix": torch.rand(1, 4)}
    counted = flops(trainer.update, [torch.randn(4, 1, 28, 28)], draws)
    made = recipe.generator().forward()
    parts = made + recipe.discriminator_update() + recipe.generator_update()
    if name == "wasserstein":
        # PyTorch sends zeros, the slopes' own gradient, back through the mixed image's forward
        # pass. The relativistic loss has to go there anyway.
        ((first,),), ((second,),), _ = recipe.discriminator()._paths()
        parts += first + 2 * second
    assert counted == 2 * 4 * parts


def test_the_cost_of_a_small_discriminator_is_worked_out_by_hand():
    zero = Constant(0.0)
    discriminator = Network(
        (4, 4, 1),
        (
            Convolution(2, 2, 2, "valid", zero),  # 2 x 2 x 1 x 2 numbers at 2 x 2 places: 32
            Reshape((-1,)),
            Dense(1, zero),  # 8
        ),
    )
    forward, plain = 32 + 8, 2 * (40 + 48)  # kernels 32 + 8, maps 8: 48
    through = 32 + 8 + 32  # kernels, and the maps between them
    for loss in (reference.NonSaturating, reference.LeastSquares, reference.Hinge):
        assert loss.discriminator_update(discriminator) == plain
        assert loss.generator_update(discriminator) == forward + 40
    penalised_one = forward + 40 + through
    loss = reference.WassersteinGradientPenalty
    assert loss.discriminator_update(discriminator) == plain + penalised_one
    assert loss.generator_update(discriminator) == forward + 40
    loss = reference.RelativisticR1R2
    assert loss.discriminator_update(discriminator) == plain + 2 * (40 + through)
    assert loss.generator_update(discriminator) == forward + 40 + forward


def test_a_recipe_has_the_draws_and_the_convention_of_its_loss():
    class Penalised(Dcgan3g):
        loss = reference.WassersteinGradientPenalty

    assert list(Dcgan3g().draws()) == ["latents"]
    draws = Penalised(discriminator_steps=5).draws()
    assert list(draws) == ["latents", "mix"]
    assert draws["mix"] == Draw((), 5, "uniform01")
    assert Penalised.conventions("torch")["losses"] == Penalised.loss.convention
    assert Penalised().discriminator_update() > Dcgan3g().discriminator_update()
