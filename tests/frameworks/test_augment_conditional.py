"""The recipes augment and conditional: tensors, cost, draws, and layers with classes."""

import importlib

import numpy as np
import pytest

from gan_bench.data.draws import Inputs
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import registered
from gan_bench.recipe import Draw
from gan_bench_recipes.augment import Augment
from gan_bench_recipes.conditional import Conditional
from gan_bench_recipes.dcgan import Dcgan
from gan_bench_recipes.sngan import Sngan
from recipes import EACH_FRAMEWORK

IMAGES, LABELS = np.zeros((8, 28, 28, 1), np.uint8), np.arange(8, dtype=np.int64)


def trainer_of(name, recipe):
    trainer_class = load_trainer(registered()[name])
    return trainer_class(recipe, IMAGES, LABELS, device="cpu", planned_steps=1, seed=0)


def test_conditional_starts_with_these_tensors():
    weights = Conditional().initial_weights(0)
    shapes = {name: tensor.shape for name, tensor in weights.items()}
    moving = ("gamma", "beta", "moving_mean", "moving_variance")
    assert shapes == {
        "generator.0.embeddings": (10, 32),
        "generator.1.kernel": (160, 7 * 7 * 128),
        **{f"generator.2.{name}": (128,) for name in moving},
        "generator.3.kernel": (4, 4, 128, 64),
        **{f"generator.4.{name}": (64,) for name in moving},
        "generator.5.kernel": (4, 4, 64, 32),
        **{f"generator.6.{name}": (32,) for name in moving},
        "generator.7.kernel": (3, 3, 32, 1),
        "generator.7.bias": (1,),
        **{
            f"discriminator.{index}.{name}": shape if name == "kernel" else shape[-1:]
            for index, shape in enumerate(
                [(3, 3, 1, 32), (4, 4, 32, 32), (3, 3, 32, 64), (4, 4, 64, 64), (3, 3, 64, 128)]
            )
            for name in ("kernel", "bias", "u")
        },
        "discriminator.5.kernel": (128, 1),
        "discriminator.5.bias": (1,),
        "discriminator.5.u": (1,),
        "discriminator.6.embeddings": (10, 128),
        "discriminator.6.u": (128,),
    }
    assert np.std(weights["generator.0.embeddings"]) == pytest.approx(1, abs=0.2)
    assert np.std(weights["discriminator.6.embeddings"]) == pytest.approx(0.02, rel=0.1)
    assert np.linalg.norm(weights["discriminator.6.u"]) == pytest.approx(1, rel=1e-6)


def test_conditional_has_labels_for_each_batch_of_latents():
    recipe = Conditional(discriminator_steps=2, generator_steps=3)
    assert recipe.draws()["latents"].count == 5
    assert recipe.draws()["fake_labels"] == Draw((), 5, "classes")


def test_augment_is_dcgan_but_for_the_augmentations_draws():
    recipe = Augment()
    assert recipe.draws() == Dcgan().draws() | {
        name: Draw((2,), 3, "uniform01") for name in ("shifts", "cuts")
    }
    assert recipe.multiply_adds_per_step() == Dcgan().multiply_adds_per_step()
    assert recipe.parameter_counts() == Dcgan().parameter_counts()


def test_the_cost_of_labels_is_worked_out_by_hand():
    labelled, plain = Conditional(), Sngan()
    units = 7 * 7 * 128
    counts, without = labelled.forward_multiply_adds(), plain.forward_multiply_adds()
    assert counts["generator"] == without["generator"] + 32 * units
    assert counts["discriminator"] == without["discriminator"] - units + 128  # sums, not flat
    parameters, before = labelled.parameter_counts(), plain.parameter_counts()
    assert parameters["generator"] == before["generator"] + 32 * units + 10 * 32
    assert parameters["discriminator"] == before["discriminator"] - units + 128 + 10 * 128


@pytest.mark.parametrize("framework", EACH_FRAMEWORK)
@pytest.mark.parametrize("recipe", [Augment, Conditional])
def test_every_framework_counts_the_recipes_parameters_and_multiply_adds(framework, recipe):
    recipe = recipe().smaller()
    trainer = trainer_of(f"{framework}-{recipe.name}", recipe)
    assert trainer.multiply_adds() == recipe.forward_multiply_adds()
    shapes = {name: tensor.shape for name, tensor in trainer.weights().items()}
    assert shapes == {name: tensor.shape for name, tensor in recipe.initial_weights(0).items()}


@pytest.mark.torch
@pytest.mark.process
@pytest.mark.parametrize("recipe", [Augment, Conditional])
def test_the_cost_of_a_step_is_what_pytorch_computes(recipe):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    recipe = recipe(batch_size=4).smaller()
    trainer = trainer_of(f"torch-{recipe.name}", recipe)
    inputs = Inputs(recipe, 0, IMAGES, LABELS)
    draws = {name: torch.tensor(draw[0]) for name, draw in inputs.draws(0, 1).items()}
    draws["real_labels"] = torch.tensor(LABELS[None, :4])
    with FlopCounterMode(display=False) as counter:
        trainer.update([torch.randn(4, 1, 28, 28)], draws)
    counted = counter.get_total_flops() // 2
    if recipe.name == "augment":
        # A move is no arithmetic: the two products by which frameworks make one do not count, of
        # three batches and of the gradient of one.
        counted -= (3 + 1) * 2 * 4 * 28**3
    else:
        # PyTorch has a gradient of all that enters the dense layer; that of the latents is of no
        # use.
        counted -= 4 * recipe.latent_size * 7 * 7 * 4 * recipe.generator_channels
    assert counted == recipe.multiply_adds_per_step()


class Torch:
    def __init__(self, layer, tensors):
        self.torch = importlib.import_module("torch")
        from gan_bench_torch.names import canonical

        self.layer = layer.double()
        trainer = type("Holder", (), {"own_tensors": {}})()
        for name, view in canonical(trainer, {"it": self.layer}):
            view.copy_(self.torch.tensor(tensors[name]))

    def __call__(self, features, labels):
        given = self.torch.tensor(features), self.torch.tensor(labels)
        return self.layer(*given).detach().numpy()


@pytest.mark.torch
@pytest.mark.process
def test_a_projection_adds_the_inner_product_with_the_vector_of_the_class():
    pytest.importorskip("torch")
    from gan_bench_torch.layers import Embedding, Projection

    random = np.random.default_rng(0)
    features, labels = random.standard_normal((5, 6)), np.array([0, 2, 2, 1, 3])
    kernel, bias = random.standard_normal((6, 1)), random.standard_normal(1)
    table, u = random.standard_normal((4, 6)), random.standard_normal(6)
    u /= np.linalg.norm(u)
    tensors = {"it.0.kernel": kernel, "it.0.bias": bias, "it.0.u": np.ones(1)}
    found = Torch(Projection(4, 6), {**tensors, "it.1.embeddings": table, "it.1.u": u})
    dense = (features @ kernel)[:, 0] / np.linalg.norm(kernel) + bias
    projected = (features * table[labels]).sum(1) / np.linalg.norm(table @ u)
    np.testing.assert_allclose(found(features, labels), dense + projected, rtol=1e-12)

    found = Torch(Embedding(4, 6), {"it.0.embeddings": table})
    np.testing.assert_array_equal(
        found(features, labels), np.concatenate([features, table[labels]], 1)
    )
