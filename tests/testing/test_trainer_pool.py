"""Trainers that conformance checks share, and that one check cannot spoil for another."""

import numpy as np
import pytest

from gan_bench.testing import FakeRecipe, FakeTrainer
from gan_bench.testing.trainer_pool import SECOND, TrainerPool, difference, part, weights_of
from gan_bench.trainer import Unsupported

IMAGES = np.random.default_rng(0).integers(0, 256, (16, 28, 28, 1), dtype=np.uint8)


@pytest.fixture
def pool_of(tmp_path):
    def make(trainer_class):
        recipe = FakeRecipe(batch_size=4)
        return TrainerPool(trainer_class, recipe, IMAGES, np.arange(16) % 10, "cpu", 0, tmp_path)

    return make


class FailsToLoad(FakeTrainer):
    def load(self, path):
        raise ValueError("it cannot load")


class KnowsFloat32Only(FakeTrainer):
    def __init__(self, recipe, *args, **kwargs):
        if recipe.dtype != "float32":
            raise Unsupported("it knows float32 only")
        super().__init__(recipe, *args, **kwargs)


@pytest.mark.parametrize("trainer_class", [FakeTrainer, FailsToLoad])
def test_a_trainer_halfway_goes_on_to_the_reference_whatever_was_done_to_it_before(
    pool_of, trainer_class
):
    pool = pool_of(trainer_class)
    assert pool.reloads == (trainer_class is FakeTrainer)
    for _ in range(2):
        trainer, first = pool.halfway()
        second = trainer.train(pool.batches()[SECOND], part(pool.draws(), SECOND))
        assert difference(pool.reference, pool.observe(trainer, first, second)) is None
        trainer.set_weights({name: 0 * tensor for name, tensor in weights_of(trainer).items()})


def test_a_used_trainer_is_not_the_one_of_the_first_run(pool_of):
    pool = pool_of(FakeTrainer)
    trainer = pool.used()
    assert trainer is not pool.first_run.trainer
    trainer.train(pool.batches(), pool.draws())
    assert difference(pool.reference, pool.repeat.reference) is None
    again = pool.observe(pool.first_run.trainer, pool.first_run.losses)
    assert difference(pool.reference, again) is None


def test_the_untrained_trainer_takes_the_starting_weights_back(pool_of):
    pool = pool_of(FakeTrainer)
    start = weights_of(pool.with_weights())
    pool.with_weights({name: tensor + 1 for name, tensor in start.items()})
    assert difference(start, weights_of(pool.with_weights())) is None


@pytest.mark.parametrize(
    ("trainer_class", "dtype"), [(FakeTrainer, "float64"), (KnowsFloat32Only, "float32")]
)
def test_the_small_pool_is_in_float64_where_the_trainer_can_train_in_it(
    pool_of, trainer_class, dtype
):
    small = pool_of(trainer_class).small
    assert small.recipe.dtype == dtype and small.reference
