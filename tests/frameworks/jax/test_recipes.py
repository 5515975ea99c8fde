"""The recipes in JAX: their tensors, and what a JAX trainer promises of its bits."""

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed (extra: jax)")

from gan_bench.data.draws import Inputs  # noqa: E402
from gan_bench.errors import UsageError  # noqa: E402
from gan_bench.plan import LONGEST_CHUNK_STEPS  # noqa: E402
from gan_bench.trainer import Trainer, Unsupported  # noqa: E402
from gan_bench_jax import base  # noqa: E402
from gan_bench_jax.decay import Decay  # noqa: E402
from gan_bench_jax.layers import Dropout  # noqa: E402
from gan_bench_jax.upsampling_sgd import UpsamplingSgd  # noqa: E402
from new_process import in_a_new_process  # noqa: E402

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


def part(draws, start, stop=None):
    return {name: values[start:stop] for name, values in draws.items()}


def same(first, second):
    assert first.keys() == second.keys()
    return all(np.array_equal(first[name], second[name]) for name in first)


def test_is_a_trainer():
    assert isinstance(trainer(), Trainer)


@pytest.mark.long
def test_weights_are_copies():
    tested = trainer()
    before = tested.weights()
    tested.train(*inputs(tested, 1))
    assert not same(before, tested.weights())
    assert same(before, tested.recipe.initial_weights(0))


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


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_calls_of_1_2_and_1_steps_equal_one_and_a_saved_run_continues_bit_for_bit(dtype, tmp_path):
    whole = trainer(dtype=dtype)
    batches, draws = inputs(whole, 4)
    latents = draws["latents"]
    losses = whole.train(batches, draws)

    first = trainer(dtype=dtype)
    early = [first.train(batches[a:b], part(draws, a, b)) for a, b in ((0, 1), (1, 3))]
    first.save(tmp_path)
    first.sample(latents[0, 0])
    first.forward(latents[0, 0], np.zeros((3, 28, 28, 1), np.float32), training=True)
    late = first.train(batches[3:], part(draws, 3))
    pieces = [piece["generator"] for piece in (*early, late)]
    assert np.array_equal(np.concatenate(pieces), losses["generator"])
    assert same(first.weights(), whole.weights())

    resumed = trainer(dtype=dtype, seed=7)  # the random state is the checkpoint's
    resumed.load(tmp_path)
    resumed.train(batches[3:], part(draws, 3))
    assert same(resumed.weights(), whole.weights())


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
@pytest.mark.process
def test_a_saved_run_continues_bit_for_bit_in_a_new_process(tmp_path):
    first = trainer()
    batches, draws = inputs(first, 4)
    first.train(batches[:2], part(draws, 0, 2))
    first.save(tmp_path)
    first.train(batches[2:], part(draws, 2))
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from test_recipes import inputs, part, trainer\n"
        "folder = Path(sys.argv[1])\n"
        "made = trainer()\n"
        "made.load(folder)\n"
        "batches, draws = inputs(made, 4)\n"
        "made.train(batches[2:], part(draws, 2))\n"
        "np.savez(folder / 'weights.npz', **made.weights())\n"
    )
    in_a_new_process(__file__, script, tmp_path)
    with np.load(tmp_path / "weights.npz") as weights:
        assert same(dict(weights), first.weights())


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


@pytest.mark.long
@pytest.mark.parametrize("trainer_class", [Decay, UpsamplingSgd])
def test_a_sample_depends_on_its_own_latent_only(trainer_class):
    tested = trainer(trainer_class)
    tested.train(*inputs(tested, 3))
    latents = np.random.default_rng(2).standard_normal((150, 12), dtype=np.float32)
    whole = tested.sample(latents)
    assert (whole.shape, whole.dtype) == ((150, 28, 28, 1), np.uint8)
    assert len(np.unique(whole)) > 2
    for count in (1, 5, 127, 128, 129):
        assert np.array_equal(tested.sample(latents[:count]), whole[:count])
    assert np.array_equal(tested.sample(latents[::-1]), whole[::-1])


def test_samples_are_the_generator_in_inference_mode_as_bytes():
    tested = trainer()
    tested.train(*inputs(tested, 3))
    latents = np.random.default_rng(2).standard_normal((4, 12), dtype=np.float32)
    made, _ = tested.forward(latents, np.zeros((1, 28, 28, 1), np.float32), training=False)
    expected = np.clip(np.round(127.5 * (made.astype(np.float64) + 1)), 0, 255)
    assert np.abs(tested.sample(latents) - expected).max() <= 1


def test_forward_gives_logits_and_leaves_no_state_behind():
    tested = trainer()
    before = tested.weights()
    images = np.random.default_rng(3).uniform(-1, 1, (6, 28, 28, 1)).astype(np.float32)
    latents = np.random.default_rng(2).standard_normal((4, 12), dtype=np.float32)
    outputs = {mode: tested.forward(latents, images, training=mode) for mode in (False, True)}
    for made, logits in outputs.values():
        assert (made.shape, logits.shape) == ((4, 28, 28, 1), (6,))
    assert not np.allclose(outputs[False][0], outputs[True][0])
    assert same(before, tested.weights())


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
