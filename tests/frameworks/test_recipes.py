"""Recipes: initial weights, parameter counts, cost, validation."""

import hashlib
from importlib.metadata import entry_points

import numpy as np
import pytest
from pydantic import ValidationError

from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import recipe_entry_point, registered
from gan_bench.recipe import revalidated
from gan_bench.testing.fake import FakeRecipe
from gan_bench.trainer import is_trained
from gan_bench_recipes.augment import Augment
from gan_bench_recipes.baseline import Baseline
from gan_bench_recipes.conditional import Conditional
from gan_bench_recipes.cosine import Cosine
from gan_bench_recipes.dcgan import Dcgan
from gan_bench_recipes.dcgan_3g import Dcgan3g
from gan_bench_recipes.decay import Decay
from gan_bench_recipes.enhanced import Enhanced
from gan_bench_recipes.layers import (
    BatchNormalisation,
    Convolution,
    Normal,
    TransposedConvolution,
)
from gan_bench_recipes.r3gan import R3gan
from gan_bench_recipes.resnet import Resnet
from gan_bench_recipes.sngan import Sngan
from gan_bench_recipes.upsampling_sgd import UpsamplingSgd
from gan_bench_recipes.wgan_gp import WganGp

NO_DATA = np.zeros((4, 28, 28, 1), np.uint8), np.zeros(4, np.int64)
RECIPES = [
    *(Dcgan(), Dcgan3g(), Baseline(), Enhanced(), UpsamplingSgd(), Decay()),
    *(WganGp(), Sngan(), Resnet(), Conditional(), Augment(), Cosine(), R3gan()),
]


def test_these_recipes_have_the_numbers_of_updates_as_fields():
    """As docs/recipes.md lists them."""
    for field in ("discriminator_steps", "generator_steps"):
        having = {recipe.name for recipe in RECIPES if field in type(recipe).model_fields}
        assert having == {"dcgan-3g", "wgan-gp", "sngan", "resnet", "conditional", "r3gan"}


def digest(weights):
    sha256 = hashlib.sha256()
    for name, tensor in weights.items():
        sha256.update(name.encode() + str(tensor.shape).encode() + tensor.tobytes())
    return sha256.hexdigest()


def test_dcgan_starts_with_these_tensors():
    shapes = {name: tensor.shape for name, tensor in Dcgan().initial_weights(0).items()}
    moving = ("gamma", "beta", "moving_mean", "moving_variance")
    assert shapes == {
        "generator.0.kernel": (7, 7, 100, 256),
        **{f"generator.1.{name}": (256,) for name in moving},
        "generator.2.kernel": (4, 4, 256, 128),
        **{f"generator.3.{name}": (128,) for name in moving},
        "generator.4.kernel": (4, 4, 128, 1),
        "discriminator.0.kernel": (4, 4, 1, 64),
        "discriminator.1.kernel": (4, 4, 64, 128),
        **{f"discriminator.2.{name}": (128,) for name in moving},
        "discriminator.3.kernel": (7, 7, 128, 1),
    }


def test_upsampling_sgd_starts_with_these_tensors():
    shapes = {name: tensor.shape for name, tensor in UpsamplingSgd().initial_weights(0).items()}
    assert shapes == {
        "generator.0.kernel": (100, 1024),
        "generator.0.bias": (1024,),
        "generator.1.kernel": (1024, 6272),
        "generator.1.bias": (6272,),
        "generator.2.gamma": (6272,),
        "generator.2.beta": (6272,),
        "generator.2.moving_mean": (6272,),
        "generator.2.moving_variance": (6272,),
        "generator.3.kernel": (5, 5, 128, 64),
        "generator.3.bias": (64,),
        "generator.4.kernel": (5, 5, 64, 1),
        "generator.4.bias": (1,),
        "discriminator.0.kernel": (5, 5, 1, 64),
        "discriminator.0.bias": (64,),
        "discriminator.1.kernel": (5, 5, 64, 128),
        "discriminator.1.bias": (128,),
        "discriminator.2.kernel": (3200, 1024),
        "discriminator.2.bias": (1024,),
        "discriminator.3.kernel": (1024, 1),
        "discriminator.3.bias": (1,),
    }


def test_dcgan_starts_normal():
    weights = Dcgan(initial_scale=0.05).initial_weights(3)
    for name, tensor in weights.items():
        mean, deviation = {
            "kernel": (0.0, 0.05),
            "gamma": (1.0, 0.05),
            "beta": (0.0, 0.0),
            "moving_mean": (0.0, 0.0),
            "moving_variance": (1.0, 0.0),
        }[name.rpartition(".")[2]]
        error = deviation / np.sqrt(tensor.size)
        assert abs(tensor.mean(dtype=np.float64) - mean) <= 5 * error
        assert abs(tensor.std(dtype=np.float64) - deviation) <= 5 * error


@pytest.mark.parametrize(
    ("name", "fans"),
    [
        ("generator.0.kernel", 100 + 1024),
        ("generator.1.kernel", 1024 + 6272),
        ("generator.3.kernel", 25 * (128 + 64)),
        ("discriminator.0.kernel", 25 * (1 + 64)),
        ("discriminator.2.kernel", 3200 + 1024),
    ],
)
def test_upsampling_sgd_starts_glorot_uniform(name, fans):
    kernel = UpsamplingSgd().initial_weights(3)[name]
    limit = np.sqrt(6 / fans)
    assert 0.98 * limit < np.abs(kernel).max() <= np.float32(limit)
    assert abs(kernel.mean(dtype=np.float64)) < 5 * limit / np.sqrt(3 * kernel.size)


def test_upsampling_sgd_starts_with_zero_biases_and_standard_statistics():
    for name, tensor in UpsamplingSgd().initial_weights(3).items():
        if not name.endswith("kernel"):
            assert (tensor == float(name.endswith(("gamma", "moving_variance")))).all()


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_initial_weights_are_a_pure_function_of_the_seed(recipe):
    first = recipe.initial_weights(7)
    np.random.default_rng(0).normal()
    again = type(recipe)().initial_weights(7)
    assert digest(first) == digest(again)
    assert digest(first) != digest(recipe.initial_weights(8))
    assert {tensor.dtype for tensor in first.values()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (Dcgan(), "a45be663857ab412e0a7ac1a65b03fb763ee9b02666f769c8ffda30fd0a8fd4f"),
        (UpsamplingSgd(), "92fd25b1f26c6497bcce92763c57b7245b53f8853f07a517cd0561aac14ae2f7"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_initial_weights_are_the_same_on_every_machine(recipe, expected):
    assert digest(recipe.initial_weights(0)) == expected


def test_no_two_tensors_start_from_the_same_numbers():
    weights = Dcgan().initial_weights(0)
    generator, discriminator = weights["generator.1.gamma"], weights["discriminator.2.gamma"]
    assert not np.array_equal(generator[:128], discriminator)


def test_parameters_are_counted():
    assert Dcgan().parameter_counts() == {
        "generator": 100 * 256 * 49 + 2 * 256 + 256 * 128 * 16 + 2 * 128 + 128 * 16,
        "discriminator": 64 * 16 + 64 * 128 * 16 + 2 * 128 + 128 * 49,
    }
    assert UpsamplingSgd().parameter_counts() == {
        "generator": 101 * 1024 + 1025 * 6272 + 2 * 6272 + (25 * 128 + 1) * 64 + 25 * 64 + 1,
        "discriminator": 26 * 64 + (25 * 64 + 1) * 128 + 3201 * 1024 + 1025,
    }
    assert Dcgan3g().parameter_counts() == Dcgan().parameter_counts()
    baseline = {
        "generator": 102 * 12544 + 25 * (256 * 128 + 128 * 64 + 64) + 2 * (128 + 64),
        "discriminator": 26 * 64 + (25 * 64 + 1) * 128 + 6272 + 1,
    }
    assert Baseline().parameter_counts() == baseline
    assert Enhanced().parameter_counts() == {
        "generator": baseline["generator"] + 9 * (128**2 + 64**2) + 2 * (128 + 64),
        "discriminator": baseline["discriminator"] + (9 * 128 + 1) * 256 + 4096 - 6272,
    }
    assert Decay().parameter_counts() == {
        "generator": 100 * 12544 + 16 * (256 * 128 + 128 * 64 + 64) + 1 + 2 * (256 + 128 + 64),
        "discriminator": 17 * 64 + (16 * 64 + 1) * 128 + 6272 + 1,
    }


def test_multiply_adds_of_dcgan_equal_a_hand_calculation():
    generator = 100 * 256 * 49, 7 * 7 * 256 * 128 * 16, 14 * 14 * 128 * 16
    discriminator = 14 * 14 * 64 * 16, 7 * 7 * 128 * 64 * 16, 128 * 49
    g, d = sum(generator), sum(discriminator)
    expected = g  # the fakes, once for both updates
    expected += 2 * (d + d + d - discriminator[0])  # forward, kernels, inputs but the images
    expected += d + d  # generator's update: D forward and its gradient down to the fakes
    expected += g + g - generator[0]  # kernels, inputs but the latents
    assert Dcgan().multiply_adds_per_step() == 128 * expected


def test_multiply_adds_of_dcgan_3g_equal_a_hand_calculation():
    generator = 100 * 256 * 49, 7 * 7 * 256 * 128 * 16, 14 * 14 * 128 * 16
    discriminator = 14 * 14 * 64 * 16, 7 * 7 * 128 * 64 * 16, 128 * 49
    g, d = sum(generator), sum(discriminator)
    judging = g + 2 * (d + d + d - discriminator[0])
    making = g + d + d + g + g - generator[0]
    assert Dcgan3g().multiply_adds_per_step() == 128 * (judging + 3 * making)
    several = Dcgan3g(discriminator_steps=2, generator_steps=1)
    assert several.multiply_adds_per_step() == 128 * (2 * judging + making)


def test_multiply_adds_of_baseline_equal_a_hand_calculation():
    sizes = 100 * 12544, 7 * 7 * 25 * 256 * 128, 7 * 7 * 25 * 128 * 64, 14 * 14 * 25 * 64
    judged = 14 * 14 * 25 * 64, 7 * 7 * 25 * 64 * 128, 6272
    g, d = sum(sizes), sum(judged)
    expected = g + d + d  # the fakes, and one pass over the reals and over them
    expected += 2 * (d + d - judged[0])  # kernels, inputs but the images, of both
    expected += d  # down to the fakes, for the generator's loss
    expected += g + g - sizes[0]
    assert Baseline().multiply_adds_per_step() == 256 * expected


def test_multiply_adds_of_decay_equal_a_hand_calculation():
    sizes = 100 * 12544, 49 * 16 * 256 * 128, 14 * 14 * 16 * 128 * 64, 28 * 28 * 16 * 64
    judged = 14 * 14 * 16 * 64, 7 * 7 * 16 * 64 * 128, 6272
    g, d = sum(sizes), sum(judged)
    expected = g + 2 * d + 2 * (d + d - judged[0]) + d + g + g - sizes[0]
    assert Decay().multiply_adds_per_step() == 128 * expected


def test_multiply_adds_of_upsampling_sgd_equal_a_hand_calculation():
    generator = 100 * 1024, 1024 * 6272, 14 * 14 * 25 * 128 * 64, 28 * 28 * 25 * 64
    discriminator = 28 * 28 * 25 * 64, 10 * 10 * 25 * 64 * 128, 3200 * 1024, 1024
    g, d = sum(generator), sum(discriminator)
    expected = g + 2 * (d + d + d - discriminator[0])
    expected += g + d + d + g + g - generator[0]
    assert UpsamplingSgd().multiply_adds_per_step() == 128 * expected


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_networks_make_and_judge_mnist_images(recipe):
    assert recipe.generator().output_shape() == (28, 28, 1)
    assert np.prod(recipe.discriminator().output_shape()) == 1
    assert recipe.cannot_make(28, 28, 1) is None


GENERATOR_SIDES = {
    "dcgan": ((7, 14, 28), (8, 16, 32)),
    "dcgan-3g": ((7, 14, 28), (8, 16, 32)),
    "baseline": ((7, 7, 14, 28), (8, 8, 16, 32)),
    "enhanced": ((7, 7, 7, 14, 14, 28), (8, 8, 8, 16, 16, 32)),
    "upsampling-sgd": ((7, 14, 14, 28, 28), (8, 16, 16, 32, 32)),
    "decay": ((7, 14, 28, 28), (8, 16, 32, 32)),
    "wgan-gp": ((7, 14, 28), (8, 16, 32)),
    "sngan": ((7, 14, 28, 28), (8, 16, 32, 32)),
    "resnet": ((7, 14, 28, 28), (8, 16, 32, 32)),
    "conditional": ((7, 14, 28, 28), (8, 16, 32, 32)),
    "augment": ((7, 14, 28), (8, 16, 32)),
    "cosine": ((7, 14, 28), (8, 16, 32)),
    "r3gan": ((7, 7, 7, 14, 14, 14, 28, 28, 28), (8, 8, 8, 16, 16, 16, 32, 32, 32)),
}
DISCRIMINATOR_SIDES = {
    "dcgan": ((14, 7, 1), (16, 8, 1)),
    "dcgan-3g": ((14, 7, 1), (16, 8, 1)),
    "baseline": ((14, 7), (16, 8)),
    "enhanced": ((14, 7, 4), (16, 8, 4)),
    "upsampling-sgd": ((28, 14, 10, 5), (32, 16, 12, 6)),
    "decay": ((14, 7), (16, 8)),
    "wgan-gp": ((14, 7, 1), (16, 8, 1)),
    "sngan": ((28, 14, 14, 7, 7), (32, 16, 16, 8, 8)),
    "resnet": ((14, 7, 7), (16, 8, 8)),
    "conditional": ((28, 14, 14, 7, 7), (32, 16, 16, 8, 8)),
    "augment": ((14, 7, 1), (16, 8, 1)),
    "cosine": ((14, 7, 1), (16, 8, 1)),
    "r3gan": ((28, 28, 14, 14, 14, 7, 7, 7), (32, 32, 16, 16, 16, 8, 8, 8)),
}
"""Sides of the maps that leave each layer but batch normalisation, at 28 x 28 and at 32 x 32."""


def sides(network):
    """Return the sides of the maps that leave the layers, which have to be square."""
    found, shape = [], network.entering
    for layer in network.layers:
        shape = layer.output_shape(shape)
        if len(shape) == 3 and not isinstance(layer, BatchNormalisation):
            height, width, _ = shape
            assert height == width
            found.append(height)
    return tuple(found)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("index, side", [(0, 28), (1, 32)])
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_layers_follow_from_the_images(recipe, index, side, channels):
    bound = recipe.for_images((side, side, channels))
    assert bound.cannot_make(side, side, channels) is None
    assert sides(bound.generator()) == GENERATOR_SIDES[recipe.name][index]
    assert sides(bound.discriminator()) == DISCRIMINATOR_SIDES[recipe.name][index]
    assert bound.generator().output_shape() == bound.discriminator().entering
    assert bound.generator().output_shape() == (side, side, channels)
    assert np.prod(bound.discriminator().output_shape()) == 1
    weights = bound.smaller().initial_weights(0)
    counts = bound.smaller().parameter_counts()
    trained = [
        tensor.size
        for name, tensor in weights.items()
        if is_trained(name) and name.split(".")[0] in counts
    ]
    assert sum(trained) == sum(counts.values())


@pytest.mark.parametrize("side", [16, 20, 64, 128])
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_side_that_is_a_multiple_of_four_can_be_made(recipe, side):
    bound = recipe.for_images((side, side, 3))
    assert bound.cannot_make(side, side, 3) is None
    assert bound.generator().output_shape() == (side, side, 3)
    assert min(sides(bound.discriminator())) >= 1


@pytest.mark.parametrize("name", sorted(entry_points(group="gan_bench.recipes").names))
def test_every_registered_recipe_makes_images_like_those_of_the_rgb_data_sets(name):
    for shape in ((32, 32, 3), (28, 28, 3)):
        bound = recipe_entry_point(name).load()().for_images(shape)
        assert bound.cannot_make(*shape) is None
        assert bound.generator().output_shape() == shape
        assert bound.discriminator().entering == shape


@pytest.mark.parametrize(
    "shape", [(28, 32, 1), (30, 30, 1), (12, 12, 1), (0, 0, 1), (32, 32, 2), (32, 32, 4)], ids=str
)
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_images_that_fit_no_layers_are_refused_with_what_fits(recipe, shape):
    height, width, channels = shape
    reason = recipe.cannot_make(*shape)
    assert reason.startswith(f"{recipe.name} makes square images with 1 or 3 channels whose side")
    assert reason.endswith(f"these are {height} x {width} with {channels}")


def test_weights_and_cost_follow_from_the_images():
    bound = Dcgan().for_images((32, 32, 3))
    weights = bound.initial_weights(0)
    assert weights["generator.0.kernel"].shape == (8, 8, 100, 256)
    assert weights["generator.4.kernel"].shape == (4, 4, 128, 3)
    assert weights["discriminator.0.kernel"].shape == (4, 4, 3, 64)
    assert weights["discriminator.3.kernel"].shape == (8, 8, 128, 1)
    generator = 100 * 256 * 64, 8 * 8 * 256 * 128 * 16, 16 * 16 * 128 * 16 * 3
    discriminator = 16 * 16 * 64 * 16 * 3, 8 * 8 * 128 * 64 * 16, 128 * 64
    g, d = sum(generator), sum(discriminator)
    assert bound.forward_multiply_adds() == {"generator": g, "discriminator": d}
    expected = g + 2 * (3 * d - discriminator[0]) + 2 * d + 2 * g - generator[0]
    assert bound.multiply_adds_per_step() == 128 * expected


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_the_images_are_no_value_of_the_recipe(recipe):
    bound = recipe.for_images((32, 32, 3))
    assert bound.model_dump() == recipe.model_dump()
    assert (recipe.image_shape, bound.image_shape) == ((28, 28, 1), (32, 32, 3))
    for changed in (bound.without_dropout(), bound.smaller(), revalidated(bound, batch_size=7)):
        assert changed.image_shape == (32, 32, 3)
    assert revalidated(recipe, batch_size=7).image_shape == (28, 28, 1)
    same = recipe.for_images((28, 28, 1))
    assert digest(same.initial_weights(0)) == digest(recipe.initial_weights(0))


def test_a_recipe_without_an_example_has_to_be_given_the_images():
    assert FakeRecipe().for_images((9, 8, 2)).image_shape == (9, 8, 2)
    with pytest.raises(ValueError, match=r"FakeRecipe has no example_shape.*for_images"):
        _ = FakeRecipe().image_shape


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_cost_and_weights_follow_the_knobs(recipe):
    fields = type(recipe).model_fields
    larger = type(recipe)(batch_size=2 * recipe.batch_size)
    assert larger.multiply_adds_per_step() == 2 * recipe.multiply_adds_per_step()
    for name in ("generator_channels", "discriminator_channels", "latent_size"):
        wider = type(recipe)(**{name: 2 * fields[name].default})
        assert wider.multiply_adds_per_step() > recipe.multiply_adds_per_step()
        assert wider.parameter_counts() != recipe.parameter_counts()
        assert wider.generator().output_shape() == (28, 28, 1)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_every_knob_says_what_it_is_and_where_its_value_comes_from(recipe):
    for name, field in type(recipe).model_fields.items():
        assert field.description, name
        if name != "dtype":
            origin = field.json_schema_extra["origin"]
            assert origin in {"source", "chosen", "framework default pinned"}, name


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"batch_size": True},
        {"learning_rate": 0.0},
        {"beta2": 1.0},
        {"adam_epsilon": -1e-8},
        {"batch_norm_new_weight": 0.0},
        {"latent_distribution": "cauchy"},
        {"dtype": "float16"},
        {"momentum": 0.9},
    ],
    ids=str,
)
def test_dcgan_refuses_values_out_of_range(wrong):
    with pytest.raises(ValidationError):
        Dcgan(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"momentum": 1.0}, {"learning_rate": -1.0}, {"dense_units": 0}, {"batch_size": 1}],
    ids=str,
)
def test_upsampling_sgd_refuses_values_out_of_range(wrong):
    with pytest.raises(ValidationError):
        UpsamplingSgd(**wrong)


def test_same_padding_keeps_keras_shapes():
    kernel = Normal(0.0, 1.0)
    assert Convolution(8, 5, 2, "same", kernel).output_shape((7, 28, 1)) == (4, 14, 8)
    assert TransposedConvolution(8, 5, 2, "same", kernel).output_shape((7, 14, 1)) == (14, 28, 8)


def leaks_and_drops(recipe):
    """Return what follows each of the discriminator's convolutions, as the recipe states it."""
    count = 3 if recipe.name == "enhanced" else 2
    return [("leak", 0.0), ("drop", 0.25)] * count


@pytest.mark.torch
@pytest.mark.parametrize("name", ["baseline", "enhanced", "decay"])
def test_torch_drops_after_every_convolution_of_the_discriminator(name):
    torch = pytest.importorskip("torch")
    trainer_class = load_trainer(registered()[f"torch-{name}"])
    recipe = trainer_class.recipe_class(dropout=0.25, batch_size=4).smaller()
    trainer = trainer_class(recipe, *NO_DATA, device="cpu", planned_steps=1, seed=0)
    found = []
    for layer in trainer.discriminator:
        if isinstance(layer, torch.nn.LeakyReLU):
            found.append(("leak", 0.0))
        elif type(layer).__name__ == "Dropout":
            found.append(("drop", layer.dropped / 2**16))
    assert found == leaks_and_drops(recipe)


@pytest.mark.keras
@pytest.mark.process  # a framework's import may start one
@pytest.mark.parametrize("name", ["baseline", "enhanced", "decay"])
def test_keras_drops_after_every_convolution_of_the_discriminator(name):
    pytest.importorskip("tensorflow")
    trainer_class = load_trainer(registered()[f"keras-{name}"])
    recipe = trainer_class.recipe_class(dropout=0.25, batch_size=4).smaller()
    trainer = trainer_class(recipe, *NO_DATA, device="cpu", planned_steps=1, seed=0)
    found = []
    for layer in trainer.discriminator.layers:
        if type(layer).__name__ == "LeakyReLU":
            found.append(("leak", 0.0))
        elif type(layer).__name__ == "Dropout":
            found.append(("drop", layer.rate))
    assert found == leaks_and_drops(recipe)
    layers = trainer.discriminator.layers
    seeds = {layer.seed for layer in layers if type(layer).__name__ == "Dropout"}
    assert len(seeds) == len(found) // 2
