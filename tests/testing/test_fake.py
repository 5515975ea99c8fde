"""The fake trainer is a real GAN: its gradients are right, it learns, and its recipe adds up."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from gan_bench.recipe import Recipe
from gan_bench.streams import Stream, generator
from gan_bench.testing import FakeRecipe, FakeTrainer
from gan_bench.testing.fake import (
    area_matrix,
    cross_entropy,
    discriminate,
    discriminator_gradients,
    generate,
    generator_gradients,
)
from gan_bench.trainer import Unsupported

RECIPE = FakeRecipe(dtype="float64", hidden=5, resolution=3, latent_size=4, batch_size=6)
NUMBERS = np.random.default_rng(0)
LATENTS = NUMBERS.standard_normal((6, 4))
PICTURES = NUMBERS.uniform(-1, 1, (6, 9))
MASK = (NUMBERS.random((6, 5)) > 0.3) / 0.7


def tensors():
    """Return tensors none of which is zero or one."""
    return {name: NUMBERS.normal(0.5, 0.5, shape) for name, shape in RECIPE.shapes().items()}


def generator_loss(values):
    way = generate(values, LATENTS, training=True, slope=0.2, epsilon=1e-3)
    judged = discriminate(values, way.pictures, slope=0.2, mask=MASK)
    return way, judged, *cross_entropy(judged.logits, True)


def discriminator_loss(values, real):
    judged = discriminate(values, PICTURES, slope=0.2, mask=MASK)
    return judged, *cross_entropy(judged.logits, real)


def finite_differences(loss, values, name, step=1e-6):
    gradient = np.zeros_like(values[name])
    for index in np.ndindex(gradient.shape):
        nudge = np.zeros_like(gradient)
        nudge[index] = step
        above = loss(values | {name: values[name] + nudge})
        below = loss(values | {name: values[name] - nudge})
        gradient[index] = (above - below) / (2 * step)
    return gradient


def blobs(count, height=28, width=28):
    numbers = generator(1, Stream.CONFORMANCE)
    rows, columns = np.mgrid[:height, :width]
    down, right = numbers.uniform(0.3, 0.7, (2, count, 1, 1))
    distances = (rows / height - down) ** 2 + (columns / width - right) ** 2
    return (255 * np.exp(-distances / 0.03)).astype(np.uint8)[..., None]


def trainer(recipe, images, planned_steps=1000):
    labels = np.zeros(len(images), dtype=np.int64)
    return FakeTrainer(recipe, images, labels, device="cpu", planned_steps=planned_steps, seed=0)


def draws(recipe, steps, images):
    numbers = generator(0, Stream.CONFORMANCE)
    size = recipe.batch_size
    batches = numbers.integers(images, size=(steps, recipe.real_batches_per_step, size))
    shape = (steps, recipe.latent_batches_per_step, size, recipe.latent_size)
    return batches, {"latents": numbers.standard_normal(shape, dtype=np.float32)}


def test_the_generators_gradients_are_those_of_finite_differences():
    values = tensors()
    way, judged, _, upstream = generator_loss(values)
    _, towards_pictures = discriminator_gradients(values, judged, upstream)
    for name, gradient in generator_gradients(values, way, towards_pictures).items():
        numeric = finite_differences(lambda changed: generator_loss(changed)[2], values, name)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("real", [True, False])
def test_the_discriminators_gradients_are_those_of_finite_differences(real):
    values = tensors()
    judged, _, upstream = discriminator_loss(values, real)
    for name, gradient in discriminator_gradients(values, judged, upstream)[0].items():
        numeric = finite_differences(lambda new: discriminator_loss(new, real)[1], values, name)
        np.testing.assert_allclose(gradient, numeric, rtol=1e-6, atol=1e-9, err_msg=name)


def test_every_trainable_tensor_has_a_gradient():
    values = tensors()
    way, judged, _, upstream = generator_loss(values)
    own, towards_pictures = discriminator_gradients(values, judged, upstream)
    named = own.keys() | generator_gradients(values, way, towards_pictures).keys()
    assert named == {name for name in RECIPE.shapes() if "moving" not in name}


def test_learning_moves_losses_and_samples_towards_the_data():
    recipe, images, steps = FakeRecipe(), blobs(200), 600
    fake = trainer(recipe, images, steps)
    latents = generator(0, Stream.EVALUATION_LATENTS).standard_normal((200, 8), dtype=np.float32)

    def distance():
        return np.abs(fake.sample(latents).mean(axis=0) - images.mean(axis=0)).mean()

    untrained = distance()
    losses = fake.train(*draws(recipe, steps, len(images)))
    # The discriminator wins first, then the generator catches up.
    assert losses["discriminator"][20:70].mean() < losses["discriminator"][0] / 2
    assert losses["d_real"][20:70].mean() > 0.8 > 0.4 > losses["d_fake"][20:70].mean()
    assert losses["discriminator"][-50:].mean() > 1.3 * losses["discriminator"][20:70].mean()
    assert distance() < untrained / 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (5, 7, 2), (64, 48, 4)])
def test_it_makes_images_of_any_shape(shape, dtype):
    images = np.random.default_rng(0).integers(0, 256, (12, *shape), dtype=np.uint8)
    recipe = FakeRecipe(dtype=dtype)
    fake = trainer(recipe, images)
    fake.train(*draws(recipe, 2, len(images)))
    samples = fake.sample(np.zeros((3, 8), np.float32))
    assert samples.shape == (3, *shape)
    assert {tensor.dtype for tensor in fake.weights().values()} == {np.dtype(dtype)}


def test_the_rate_falls_linearly_to_what_decay_leaves():
    fake = trainer(FakeRecipe(learning_rate=0.1, decay=0.5, momentum=0), blobs(16), 4)
    rates = []
    for _ in range(6):
        rates.append(fake._learning_rate())
        fake.train(*draws(fake.recipe, 1, 16))
    np.testing.assert_allclose(rates, [0.1, 0.0875, 0.075, 0.0625, 0.05, 0.05])


def test_it_refuses_other_devices_and_other_tensors():
    with pytest.raises(Unsupported, match="cuda:0"):
        FakeTrainer(RECIPE, blobs(2), np.zeros(2), device="cuda:0", planned_steps=1, seed=0)
    fake = trainer(RECIPE, blobs(2))
    weights = fake.weights()
    weights.pop("generator.2.bias")
    with pytest.raises(ValueError, match="names or shapes differ"):
        fake.set_weights(weights)


def test_a_recipe_of_another_class_is_unsupported():
    with pytest.raises(Unsupported, match="Recipe"):
        trainer(Recipe(batch_size=2, epochs=1), blobs(2))


def test_the_recipe_counts_its_own_tensors():
    weights = RECIPE.initial_weights(0)
    sizes = {"generator": 0, "discriminator": 0}
    for name, tensor in weights.items():
        if "moving" not in name:
            sizes[name.split(".")[0]] += tensor.size
    assert RECIPE.parameter_counts() == sizes == {"generator": 84, "discriminator": 56}


def test_the_recipe_counts_the_multiply_adds_of_its_products():
    z, hidden, pixels = 4, 5, 9
    generator_forward, discriminator_forward = z * hidden + hidden * pixels, (pixels + 1) * hidden
    generator_backward = hidden * pixels * 2 + z * hidden
    discriminator_backward = hidden * 2 + pixels * hidden
    towards_pictures = hidden + hidden * pixels
    recipe = RECIPE.model_copy(update={"discriminator_steps": 1, "generator_steps": 1})
    update_of_d = generator_forward + 2 * (discriminator_forward + discriminator_backward)
    update_of_g = generator_forward + discriminator_forward + towards_pictures + generator_backward
    assert recipe.multiply_adds_per_step() == 6 * (update_of_d + update_of_g)


@pytest.mark.parametrize(("target", "origin"), [(14, 28), (28, 14), (5, 7), (7, 5), (3, 3), (1, 9)])
def test_resizing_keeps_the_mean_and_constant_lines(target, origin):
    matrix = area_matrix(target, origin)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    np.testing.assert_allclose(matrix.sum(axis=0), target / origin)


def test_dropout_goes_on_where_it_stopped(tmp_path):
    recipe, images = FakeRecipe(dropout=0.5), blobs(16)
    first, second = trainer(recipe, images), trainer(recipe, images)
    batches, random = draws(recipe, 6, 16)
    latents = random["latents"]
    for start, end in pairwise((0, 1, 3)):
        first.train(batches[start:end], {"latents": latents[start:end]})
    first.save(tmp_path)
    second.load(tmp_path)
    rest = {"latents": latents[3:]}
    one, other = (fake.train(batches[3:], rest) for fake in (first, second))
    np.testing.assert_array_equal(one["generator"], other["generator"])


@pytest.mark.process
def test_it_needs_no_framework():
    code = (
        "import sys, gan_bench.testing; "
        "sys.exit(bool({'torch', 'tensorflow', 'keras', 'jax'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0
