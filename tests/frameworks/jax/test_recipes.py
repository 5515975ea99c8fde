"""What a trainer in JAX promises beside the contract: executables, checkpoints, dropout."""

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed (extra: jax)")

from gan_bench.data.draws import Inputs  # noqa: E402
from gan_bench.errors import UsageError  # noqa: E402
from gan_bench.plan import LONGEST_CHUNK_STEPS  # noqa: E402
from gan_bench.trainer import Unsupported  # noqa: E402
from gan_bench_jax import base  # noqa: E402
from gan_bench_jax.decay import Decay  # noqa: E402
from gan_bench_jax.layers import Dropout  # noqa: E402

pytestmark = pytest.mark.jax

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)
PLANNED = 10


def recipe(trainer_class=Decay, **knobs):
    # Decay draws dropout masks, and its rates depend on the step.
    small = trainer_class.recipe_class(batch_size=4, latent_size=12).smaller()
    return trainer_class.recipe_class(**(small.model_dump() | knobs))


def trainer(trainer_class=Decay, seed=0, device="cpu", **knobs):
    made = trainer_class(
        recipe(trainer_class, **knobs),
        IMAGES,
        np.zeros(len(IMAGES), np.int64),
        device=device,
        planned_steps=PLANNED,
        seed=seed,
    )
    made.set_weights(made.recipe.initial_weights(0))
    return made


def inputs(of, steps):
    drawn = Inputs(of.recipe, 0, IMAGES, np.zeros(len(IMAGES), np.int64))
    return drawn.batches(0, steps), drawn.draws(0, steps)


def test_weights_of_another_recipe_are_refused_by_name():
    tested = trainer()
    weights = tested.weights()
    with pytest.raises(UsageError, match=r"discriminator\.9\.kernel"):
        tested.set_weights(weights | {"discriminator.9.kernel": np.zeros(1)})
    with pytest.raises(UsageError, match=r"generator\.0\.kernel has the shape"):
        tested.set_weights(weights | {"generator.0.kernel": np.zeros((12, 1))})


@pytest.mark.long
def test_one_executable_serves_chunks_of_any_length_and_equal_trainers():
    first = trainer()
    before = base._steps._cache_size()
    first.train(*inputs(first, 1))
    compiled = base._steps._cache_size()
    assert compiled <= before + 1
    for steps in (2, 3, base._STEPS, base._STEPS + 1):
        losses = first.train(*inputs(first, steps))
        assert losses["generator"].shape == (steps,)
    second = trainer(seed=1)
    second.train(*inputs(second, 2))
    assert base._steps._cache_size() == compiled


@pytest.mark.parametrize("longest", LONGEST_CHUNK_STEPS.values(), ids=LONGEST_CHUNK_STEPS)
def test_the_longest_chunk_of_a_run_is_not_padded(longest):
    assert longest % base._STEPS == 0


def test_a_checkpoint_is_one_file_of_plain_arrays(tmp_path):
    tested = trainer()
    tested.train(*inputs(tested, 1))
    tested.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]
    with np.load(tmp_path / "state.npz", allow_pickle=False) as state:
        assert all(state[name].dtype.kind in "fiu" for name in state.files)
        kernel = tested.weights()["generator.0.kernel"]
        assert any(np.array_equal(state[name], kernel) for name in state.files)


@pytest.mark.long
def test_dropout_has_other_masks_in_every_step_layer_and_seed():
    # Rates of almost 0 leave the networks as they are: what differs between steps is the masks.
    rates = {"generator_learning_rate": 1e-30, "discriminator_learning_rate": 1e-30}
    seen = []
    for seed in (0, 1):
        tested = trainer(seed=seed, **rates)
        draws = {"latents": np.repeat(inputs(tested, 1)[1]["latents"], 3, axis=0)}
        seen += tested.train(np.zeros((3, 1, 4), np.int64), draws)["d_real"].tolist()
    assert len(set(seen)) == 6
    dropouts = [layer for layer in tested.discriminator.layers if isinstance(layer, Dropout)]
    ones = np.ones((64, 14, 14, 16), np.float32)
    masks = [np.asarray(layer(ones)) for layer in dropouts]
    assert len(masks) == 2 and not np.array_equal(*masks)
    for mask in masks:
        assert np.unique(mask).tolist() == pytest.approx([0, 1 / 0.7], rel=1e-5)
        # Five standard deviations of the mean of 200,704 draws.
        assert abs((mask == 0).mean() - 0.3) < 5 * np.sqrt(0.21 / mask.size)


def test_the_images_are_the_trainers_own():
    images = IMAGES.copy()
    values = recipe()
    tested = Decay(
        values, images, np.zeros(50, np.int64), device="cpu", planned_steps=PLANNED, seed=0
    )
    images[...] = 0
    assert np.array_equal(np.asarray(tested.images), IMAGES)


@pytest.mark.parametrize("device", ["cuda:0", "cuda:99", "nonsense"])
def test_an_absent_device_is_unsupported(device):
    if device == "cuda:0" and jax.default_backend() == "gpu":
        pytest.skip("this machine has a GPU")
    with pytest.raises(Unsupported, match=f"the device {device} was asked for, and JAX has"):
        trainer(device=device)
