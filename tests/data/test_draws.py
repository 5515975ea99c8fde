"""Batch order and latents: pure functions of seed and step, whatever window is asked for."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_bench.data import batches, evaluation_latents, step_draws
from gan_bench.recipe import Draw
from gan_bench.streams import Stream, generator

SEEDS = st.integers(0, 2**64 - 1)
DISTRIBUTIONS = st.sampled_from(["normal", "uniform"])


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def order(seed=0, first_step=0, steps=1, real_batches_per_step=1, batch_size=4, images=10):
    return batches(
        seed=seed,
        first_step=first_step,
        steps=steps,
        real_batches_per_step=real_batches_per_step,
        batch_size=batch_size,
        images=images,
    )


def noise(
    seed=0, first_step=0, steps=1, draws=1, batch_size=2, latent_size=3, distribution="normal"
):
    return step_draws(
        "latents",
        Draw((latent_size,), draws, distribution),
        seed=seed,
        first_step=first_step,
        steps=steps,
        batch_size=batch_size,
        classes=1,
    )


class TestBatches:
    @given(
        seed=SEEDS,
        first_step=st.integers(0, 30),
        steps=st.integers(0, 20),
        after=st.integers(0, 5),
        real_batches_per_step=st.integers(1, 4),
        batch_size=st.integers(1, 12),
        images=st.integers(1, 40),
    )
    def test_any_window_is_that_of_a_longer_call(
        self, seed, first_step, steps, after, real_batches_per_step, batch_size, images
    ):
        shape = dict(
            seed=seed,
            real_batches_per_step=real_batches_per_step,
            batch_size=batch_size,
            images=images,
        )
        window = order(first_step=first_step, steps=steps, **shape)
        whole = order(steps=first_step + steps + after, **shape)
        np.testing.assert_array_equal(window, whole[first_step : first_step + steps])
        assert window.shape == (steps, real_batches_per_step, batch_size)
        assert window.dtype == np.int64

    @given(seed=SEEDS, batch_size=st.integers(1, 50), images=st.integers(1, 20))
    def test_the_stream_is_one_permutation_after_another(self, seed, batch_size, images):
        steps = 3 * images
        stream = order(seed=seed, steps=steps, batch_size=batch_size, images=images).ravel()
        epochs = stream[: 3 * images].reshape(3, images)
        for epoch, permutation in enumerate(epochs):
            np.testing.assert_array_equal(
                permutation, generator(seed, Stream.BATCHES, epoch).permutation(images)
            )
            assert sorted(permutation) == list(range(images))

    def test_a_batch_can_be_larger_than_the_data(self):
        batch = order(batch_size=25, images=10).ravel()
        assert np.bincount(batch, minlength=10).min() >= 2
        assert len(batch) == 25

    def test_a_late_window_does_not_walk_the_epochs_before_it(self):
        step = 2**40
        window = order(first_step=step, steps=2, batch_size=64, images=60_000)
        epoch, offset = divmod(step * 64, 60_000)
        expected = generator(0, Stream.BATCHES, epoch).permutation(60_000)[offset : offset + 128]
        np.testing.assert_array_equal(window.ravel(), expected)

    def test_a_step_with_five_batches_takes_five_of_the_same_stream(self):
        five = order(steps=3, real_batches_per_step=5, batch_size=4, images=70)
        one = order(steps=15, batch_size=4, images=70)
        np.testing.assert_array_equal(five.reshape(15, 4), one[:, 0])

    def test_seeds_differ_and_epochs_differ(self):
        first, second = order(steps=2, batch_size=100, images=100)
        assert not np.array_equal(first, second)
        assert not np.array_equal(first, order(seed=1, batch_size=100, images=100)[0])

    def test_the_first_batches_of_seed_0_are_pinned(self):
        window = order(steps=1000, batch_size=64, images=60_000)
        assert window[0, 0, :4].tolist() == [15916, 22133, 32007, 42452]
        assert (
            digest(window.astype("<i8"))
            == "955130fe6413ccb744c0956348224e9972ac0b73f7b3d6f1bb975bc838998c10"
        )


class TestTrainingLatents:
    @given(
        seed=SEEDS,
        first_step=st.integers(0, 2**63),
        skipped=st.integers(0, 10),
        steps=st.integers(0, 6),
        draws=st.integers(1, 5),
        distribution=DISTRIBUTIONS,
    )
    def test_any_window_is_that_of_a_longer_call(
        self, seed, first_step, skipped, steps, draws, distribution
    ):
        shape = dict(seed=seed, draws=draws, distribution=distribution)
        whole = noise(first_step=first_step, steps=skipped + steps + 1, **shape)
        window = noise(first_step=first_step + skipped, steps=steps, **shape)
        np.testing.assert_array_equal(window, whole[skipped : skipped + steps])
        assert window.shape == (steps, draws, 2, 3)
        assert window.dtype == np.float32

    def test_the_last_step_that_there_is_has_latents(self):
        assert np.isfinite(noise(first_step=2**64 - 1)).all()

    def test_normal_latents_are_normal(self):
        latents = noise(steps=100, batch_size=100, latent_size=100)
        assert abs(latents.mean()) < 5e-3
        assert abs(latents.std() - 1) < 5e-3
        assert abs((np.abs(latents) < 1).mean() - 0.6827) < 5e-3

    def test_uniform_latents_fill_the_interval_and_stay_below_one(self):
        latents = noise(steps=100, batch_size=100, latent_size=100, distribution="uniform")
        assert latents.min() >= -1
        assert latents.max() < 1
        counts, _ = np.histogram(latents, bins=10, range=(-1, 1))
        assert np.allclose(counts / latents.size, 0.1, atol=2e-3)

    def test_steps_seeds_and_draws_differ(self):
        latents = noise(steps=20, draws=5)
        assert len({draw.tobytes() for step in latents for draw in step}) == 100
        assert not np.array_equal(latents, noise(seed=1, steps=20, draws=5))

    @pytest.mark.parametrize(
        ("distribution", "expected"),
        [
            ("normal", "f789fdf6c4c6f57f446fc1ae1abcd63ccf9292cd4bcda37193edb02c81ceac21"),
            ("uniform", "6aff30a2bdc596ae184f06aa7c7580832bbfdaa30f79176b075d2f36746e8a5d"),
        ],
    )
    def test_the_first_latents_of_seed_0_are_pinned(self, distribution, expected):
        latents = noise(
            steps=20, draws=2, batch_size=64, latent_size=100, distribution=distribution
        )
        assert digest(latents.astype("<f4")) == expected


class TestEvaluationLatents:
    @given(
        seed=SEEDS,
        few=st.integers(0, 40),
        more=st.integers(0, 40),
        latent_size=st.integers(1, 7),
        distribution=DISTRIBUTIONS,
    )
    def test_fewer_are_the_first_of_more(self, seed, few, more, latent_size, distribution):
        shape = dict(seed=seed, latent_size=latent_size, distribution=distribution)
        first = evaluation_latents(count=few, **shape)
        both = evaluation_latents(count=few + more, **shape)
        np.testing.assert_array_equal(first, both[:few])
        assert first.shape == (few, latent_size)
        assert first.dtype == np.float32

    def test_they_are_not_those_of_training(self):
        evaluation = evaluation_latents(seed=0, count=2, latent_size=3, distribution="normal")
        assert not np.array_equal(evaluation, noise()[0, 0])

    @pytest.mark.parametrize(
        ("distribution", "expected"),
        [
            ("normal", "09ad4b99fe10e9d62f2277ae390e31845c348a4db3ec8caa4f89514557ab5675"),
            ("uniform", "21472d59507ae13266adb3c2bec0858f255ff605e0919ab24a0890d5877fdd20"),
        ],
    )
    def test_those_of_seed_0_are_pinned(self, distribution, expected):
        latents = evaluation_latents(seed=0, count=1000, latent_size=100, distribution=distribution)
        assert digest(latents.astype("<f4")) == expected
