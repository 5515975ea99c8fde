"""Several updates in one step compute the same in every trainer that is built."""

import numpy as np
import pytest

from gan_bench import data
from gan_bench.data.draws import Inputs
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import registered

pytestmark = [pytest.mark.keras, pytest.mark.process]
NARROW = {"generator_channels": 8, "discriminator_channels": 8, "dtype": "float64"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["wgan-gp", *(pytest.param(one, marks=pytest.mark.long) for one in ("r3gan", "sngan"))],
)
def test_equal_trainers_make_equal_steps(name):
    # How a graph is optimised depends on the numbers in its names, and so on what was built before.
    split = data.load("mnist-5k").train
    images, labels = split.images, split.labels
    trainer_class = load_trainer(registered()[f"keras-{name}"])
    found = []
    for _ in range(4):
        recipe = trainer_class.recipe_class(batch_size=8, **NARROW)
        trainer = trainer_class(recipe, images, labels, device="cpu", planned_steps=10, seed=0)
        trainer.set_weights(recipe.for_images((28, 28, 1)).initial_weights(0))
        inputs = Inputs(recipe, 0, images, labels)
        trainer.train(inputs.batches(0, 1), inputs.draws(0, 1))
        found.append(trainer.weights())
    for tensor, values in found[0].items():
        for other in found[1:]:
            np.testing.assert_allclose(other[tensor], values, rtol=0, atol=1e-12, err_msg=tensor)
