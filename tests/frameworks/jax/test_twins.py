"""The recipes in JAX against those in PyTorch, in float64."""

import numpy as np
import pytest

pytest.importorskip("jax", reason="JAX is not installed (extra: jax)")
pytest.importorskip("torch", reason="PyTorch is not installed (extra: torch)")

from gan_bench.data.draws import Inputs
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import registered

pytestmark = [pytest.mark.jax, pytest.mark.torch]

RECIPES = [
    *("dcgan", "upsampling-sgd"),
    *(
        pytest.param(name, marks=pytest.mark.long)
        for name in ("dcgan-3g", "baseline", "enhanced", "decay")
    ),
]
STEPS = 3


@pytest.mark.long_after(1)
@pytest.mark.parametrize("name", RECIPES)
def test_three_steps_are_pytorchs(name):
    images = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)
    found, expected = (
        trained(load_trainer(registered()[f"{framework}-{name}"]), images)
        for framework in ("jax", "torch")
    )
    for loss in ("generator", "discriminator", "d_real", "d_fake"):
        np.testing.assert_allclose(found[0][loss], expected[0][loss], rtol=1e-9, err_msg=loss)
    assert found[1].keys() == expected[1].keys()
    for tensor, values in found[1].items():
        np.testing.assert_allclose(
            values, expected[1][tensor], rtol=1e-8, atol=1e-11, err_msg=tensor
        )


def trained(trainer_class, images):
    """Return the losses and the weights after three steps without dropout."""
    recipe = trainer_class.recipe_class(batch_size=4, latent_size=12, dtype="float64")
    recipe = recipe.smaller().without_dropout()
    trainer = trainer_class(
        recipe, images, np.zeros(50, np.int64), device="cpu", planned_steps=STEPS, seed=0
    )
    trainer.set_weights(recipe.initial_weights(0))
    inputs = Inputs(recipe, 0, images, np.zeros(50, np.int64))
    return trainer.train(inputs.batches(0, STEPS), inputs.draws(0, STEPS)), trainer.weights()
