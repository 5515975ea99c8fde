"""Several updates in one step compute the same in every trainer that is built."""

import numpy as np
import pytest

from gan_bench import data
from gan_bench.data.draws import Inputs
from gan_bench.plugins.loader import load_trainer
from gan_bench.plugins.registry import registered
from new_process import in_a_new_process

pytestmark = [pytest.mark.keras, pytest.mark.process]
SEVERAL_UPDATES = {
    "discriminator_steps": 4,
    "generator_channels": 8,
    "discriminator_channels": 8,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "wgan-gp",
        *(
            pytest.param(one, marks=pytest.mark.long)
            for one in ("dcgan-3g", "r3gan", "resnet", "sngan")
        ),
    ],
)
def test_equal_trainers_make_equal_steps(name):
    # As in a run, whose process has used TensorFlow for nothing before it imports the trainer.
    script = "import sys, test_alternating; test_alternating.compare(sys.argv[1])"
    in_a_new_process(__file__, script, name)


def compare(name):
    """Compare the weights of equal trainers after a step.

    How a graph is optimised depends on the numbers in its names, so on what was built before. Where
    sngan's graphs are optimised, its second trainer differs if there are four updates, not two.
    """
    split = data.load("mnist-5k").train
    trainer_class = load_trainer(registered()[f"keras-{name}"])
    found = []
    for _ in range(3):
        recipe = trainer_class.recipe_class(batch_size=8, **SEVERAL_UPDATES)
        trainer = trainer_class(
            recipe, split.images, split.labels, device="cpu", planned_steps=10, seed=0
        )
        trainer.set_weights(recipe.for_images((28, 28, 1)).initial_weights(0))
        inputs = Inputs(recipe, 0, split.images, split.labels)
        trainer.train(inputs.batches(0, 1), inputs.draws(0, 1))
        found.append(trainer.weights())
    for tensor, values in found[0].items():
        for other in found[1:]:
            np.testing.assert_array_equal(other[tensor], values, err_msg=tensor)
