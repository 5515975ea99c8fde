"""The planted changes of the calibration study are changes, and no recipe value tells of them."""

import numpy as np
import pytest

from bench import ROOT
from gan_bench.plugins.loader import load_trainer, plugin_in

pytestmark = pytest.mark.torch

PLANTED = sorted((ROOT / "benchmarks" / "planted").glob("*/*.py"))
STEPS, BATCH = 3, 8


def losses_of(trainer_class):
    recipe = trainer_class.recipe_class(
        batch_size=BATCH, generator_channels=8, discriminator_channels=8
    )
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (32, 28, 28, 1), dtype=np.uint8)
    labels = np.zeros(32, dtype=np.int64)
    trainer = trainer_class(recipe, images, labels, device="cpu", planned_steps=STEPS, seed=0)
    trainer.set_weights(recipe.initial_weights(0))
    batches = random.integers(0, 32, (STEPS, 1, BATCH))
    latents = random.normal(size=(STEPS, 1, BATCH, recipe.latent_size)).astype(np.float32)
    return np.array(trainer.train(batches, {"latents": latents})["generator"])


@pytest.mark.parametrize("path", PLANTED, ids=lambda path: path.parent.name)
def test_a_planted_change_trains_otherwise_under_the_same_recipe(path):
    from gan_bench_torch.dcgan import Dcgan

    found = plugin_in(path, None)
    assert (found.name, found.recipe) == ("torch-dcgan", "dcgan")
    changed = load_trainer(found)
    assert changed.recipe_class().model_dump() == Dcgan.recipe_class().model_dump()
    assert np.array_equal(losses_of(Dcgan), losses_of(Dcgan))
    assert not np.array_equal(losses_of(changed), losses_of(Dcgan))
