"""What the tests of the base classes share, in every framework: recipes, inputs and checks."""

from typing import ClassVar

import numpy as np
import pytest

from gan_bench.errors import UsageError
from gan_bench.recipe import Draw
from gan_bench_recipes.base import LayeredRecipe, hyperparameter
from gan_bench_recipes.layers import Constant, Dense, GlorotUniform, Network

START = GlorotUniform(), Constant(0.0)
NORMS = ("1.gamma", "1.beta")
MOVING = (*NORMS, "1.moving_mean", "1.moving_variance")
USUAL = {"forward outputs", "forward modes", "forward leaves no trace", "save and load"}
WRONG = [
    ((1.0, 1.0), 'returned tuple; return the losses by name, such as {"generator": ..., "discr'),
    ({}, "did not return the loss generator and discriminator, which the recipe declares"),
    ({"generator": 1.0}, "did not return the loss discriminator, which"),
    ({"generator": None, "discriminator": 1.0}, "did not return the loss generator, which"),
    ({"generator": 1.0, "discriminator": 1.0, "penalty": 1.0}, "returned the loss penalty, which"),
]
"""What an update may not return, and what is said of it."""


class Recipe(LayeredRecipe):
    name: ClassVar[str] = "small"
    source: ClassVar[str] = "a test"
    batch_size: int = hyperparameter(4, "images in a batch", "chosen", ge=1)
    epochs: int = hyperparameter(1, "passes over the data", "chosen", ge=1)

    def generator(self) -> Network:
        return Network((self.latent_size,), (Dense(784, *START),))

    def discriminator(self) -> Network:
        return Network((784,), (Dense(1, *START),))

    def multiply_adds_per_step(self) -> int:
        return 1


class OwnStart(Recipe):
    """Leaves the initial weights, and what the networks are, to the trainer."""

    def initial_weights(self, seed):
        return None

    def parameter_counts(self):
        return None

    def forward_multiply_adds(self):
        return None


class LabelledRecipe(OwnStart):
    """A conditional Wasserstein GAN with a gradient penalty, sampled from an average."""

    losses: ClassVar[tuple[str, ...]] = ("generator", "critic")
    networks: ClassVar[tuple[str, ...]] = ("generator", "discriminator", "average")
    sampler: ClassVar[str] = "average"
    conditional: ClassVar[bool] = True

    def draws(self):
        return super().draws() | {"labels": Draw((), 1, "classes"), "mix": Draw((), 1, "uniform01")}


def build(trainer, *, recipe=None, seed=0, make=lambda network, trainer: network(), **attributes):
    """Build a trainer with further attributes.

    ``generator`` and ``discriminator`` return networks that replace its own; ``make`` calls them.
    """
    networks = {name: attributes.pop(name, None) for name in ("generator", "discriminator")}

    class Built(trainer):
        locals().update(attributes)

        def build_networks(self):
            super().build_networks()
            for name, network in networks.items():
                if network is not None:
                    setattr(self, name, make(network, self))

    recipe = recipe or Built.recipe_class()
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28, 1), dtype=np.uint8)
    labels = np.zeros(20, np.int64)
    return Built(recipe, images, labels, device="cpu", planned_steps=4, seed=seed)


def inputs(steps=2):
    random = np.random.default_rng(1)
    latents = random.standard_normal((steps, 1, 4, 100), dtype=np.float32)
    return random.integers(0, 20, (steps, 1, 4)), {"latents": latents}


def shapes(trainer):
    return {name: tensor.shape for name, tensor in trainer.weights().items()}


def own(trainer):
    """Return the shapes of the generator's tensors after its first layer, which is dense."""
    return {
        name.removeprefix("generator."): shape
        for name, shape in shapes(trainer).items()
        if name.startswith("generator.") and not name.startswith("generator.0.")
    }


def of_channels(count, *names):
    return dict.fromkeys(names, (count,))


def check_further_networks(tested, build_it, folder, at_save=lambda: lambda: None):
    """Check that an average and a critic are weights, train, and are part of checkpoints.

    Return the trainer that was built once more, resumed, and trained to the same step. ``at_save``
    returns what restores the state of a process when the trainer was saved.
    """
    tested.set_weights(tested.recipe.initial_weights(0))
    before = tested.weights()
    assert {name.partition(".")[0] for name in before} == {
        *("generator", "discriminator", "average", "critics_0"),
    }
    batches, draws = inputs(6)
    latents = draws["latents"]
    tested.train(batches[:3], {"latents": latents[:3]})
    tested.save(folder)
    restore = at_save()
    tested.train(batches[3:], {"latents": latents[3:]})
    expected = tested.weights()
    resumed = build_it()
    resumed.load(folder)
    restore()
    resumed.train(batches[3:], {"latents": latents[3:]})
    assert all(not np.array_equal(expected[name], before[name]) for name in before)
    for name, tensor in resumed.weights().items():
        np.testing.assert_array_equal(tensor, expected[name], err_msg=name)
    return resumed


def check_two_losses(build_it, build_single):
    """Check that two losses are reported, and that of the critic as the mean of its updates."""
    losses = build_it().train(*inputs(3))
    assert losses.keys() == {"generator", "discriminator"}
    assert losses["generator"].shape == losses["discriminator"].shape == (3,)
    expected = build_single().train(*inputs(3))
    np.testing.assert_allclose(losses["discriminator"], 2 * expected["discriminator"], rtol=1e-6)


def check_one_probability(built, small):
    """Check that one of the probabilities may be None."""

    class OnlyFake(small):
        def update(self, real, draws):
            return super().update(real, draws) | {"d_real": None}

    losses = built(OnlyFake).train(*inputs())
    assert losses.keys() == {"generator", "discriminator", "d_fake"}
    np.testing.assert_array_equal(losses["d_fake"], built().train(*inputs())["d_fake"])


def check_unknown_labels(labelled):
    """Check that labels which no training image has are refused."""
    images, labels = np.zeros((8, 28, 28, 1), np.uint8), np.arange(8) % 4
    tested = labelled(LabelledRecipe(), images, labels, device="cpu", planned_steps=1, seed=0)
    latents = np.zeros((2, 100), np.float32)
    assert tested.sample(latents, np.array([0, 3])).shape == (2, 28, 28, 1)
    for wrong in ([0, 4], [-1, 0]):
        with pytest.raises(
            UsageError, match=r"^The labels are -?\d to \d; .* images are 0 to 3\.$"
        ):
            tested.sample(latents, np.array(wrong))
        with pytest.raises(UsageError, match="those of the training images are 0 to 3"):
            tested.forward(latents, np.zeros((2, 28, 28, 1)), False, np.array(wrong))
    with pytest.raises(UsageError, match="its samples need labels"):
        tested.sample(latents)
