"""A Keras trainer's step compiled by XLA, as on a GPU, computes what it does as it stands."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
pytest.importorskip("tensorflow", reason="TensorFlow is not installed (extra: keras)")

from gan_bench.data.draws import Inputs
from gan_bench_keras.base import KerasTrainer
from gan_bench_keras.decay import Decay
from gan_bench_keras.upsampling_sgd import UpsamplingSgd

pytestmark = pytest.mark.keras

STEPS = 4


def trained(trainer_class, recipe, compiled, monkeypatch):
    monkeypatch.setattr(KerasTrainer, "compiles", staticmethod(lambda device: compiled))
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1), dtype=np.uint8)
    labels = np.zeros(40, np.int64)
    trainer = trainer_class(recipe, images, labels, device="cpu", planned_steps=STEPS, seed=0)
    assert trainer._step.function_def.attr["_XlaMustCompile"].b is compiled
    trainer.set_weights(recipe.initial_weights(0))
    inputs = Inputs(recipe, 0, images, labels)
    return trainer.train(inputs.batches(0, STEPS), inputs.draws(0, STEPS)), trainer.weights()


@pytest.mark.long
@pytest.mark.parametrize("trainer_class", [Decay, UpsamplingSgd])
def test_it_makes_the_same_updates(trainer_class, monkeypatch):
    recipe = trainer_class.recipe_class(batch_size=8, dtype="float64").smaller().without_dropout()
    losses, weights = trained(trainer_class, recipe, False, monkeypatch)
    compiled_losses, compiled_weights = trained(trainer_class, recipe, True, monkeypatch)
    np.testing.assert_allclose(compiled_losses["generator"], losses["generator"], rtol=1e-12)
    for name, tensor in weights.items():
        np.testing.assert_allclose(compiled_weights[name], tensor, rtol=1e-9, atol=1e-13)


@pytest.mark.long
def test_it_draws_other_dropout_masks_in_every_step(monkeypatch):
    # A rate of 0 leaves the networks as they are: what differs between two steps is the masks.
    recipe = Decay.recipe_class(batch_size=8, generator_learning_rate=1e-30).smaller()
    recipe = recipe.model_copy(update={"discriminator_learning_rate": 1e-30})
    monkeypatch.setattr(KerasTrainer, "compiles", staticmethod(lambda device: True))
    images = np.full((8, 28, 28, 1), 99, np.uint8)
    labels = np.zeros(8, np.int64)
    trainer = Decay(recipe, images, labels, device="cpu", planned_steps=3, seed=0)
    trainer.set_weights(recipe.initial_weights(0))
    latents = np.repeat(Inputs(recipe, 0, images, labels).draws(0, 1)["latents"], 3, axis=0)
    d_real = trainer.train(np.zeros((3, 1, 8), np.int64), {"latents": latents})["d_real"]
    assert len(set(d_real.tolist())) == 3
