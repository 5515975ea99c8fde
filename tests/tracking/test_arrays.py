"""Losses and samples of any framework become NumPy arrays."""

import numpy as np
import pytest

from gan_bench.contract import to_array
from gan_bench.errors import UsageError
from gan_bench.tracking.arrays import samples_of, scalar

LEVELS = np.random.default_rng(0).integers(0, 256, (5, 6, 4, 3), dtype=np.uint8)
FLOATS = LEVELS / 127.5 - 1


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("first", [False, True])
def test_floats_become_the_grey_levels_that_they_came_from(dtype, first):
    given = FLOATS.astype(dtype)
    given = np.moveaxis(given, -1, 1) if first else given
    assert np.array_equal(samples_of(given, 5, (6, 4, 3)), LEVELS)
    assert np.array_equal(samples_of(given, 2, (6, 4, 3)), LEVELS[:2])


def test_grey_images_need_no_channels():
    grey = LEVELS[..., 0]
    assert np.array_equal(samples_of(grey, 5, (6, 4, 1)), grey[..., None])
    with pytest.raises(UsageError, match=r"got an array of \(5, 6, 4\)"):
        samples_of(grey, 5, (6, 4, 3))


def test_what_rounding_adds_is_cut_off():
    assert samples_of(np.full((1, 2, 2, 1), 1.0005), 1, (2, 2, 1)).max() == 255
    with pytest.raises(UsageError, match=r"floats from 1\.01 to 1\.01"):
        samples_of(np.full((1, 2, 2, 1), 1.01), 1, (2, 2, 1))


def test_a_loss_of_several_elements_counts_by_its_mean():
    assert scalar("g", np.array([1.0, 2.0])) == 1.5
    assert scalar("g", 3) == 3.0 and scalar("g", np.float32(0.5)) == 0.5
    for wrong in (np.array([]), None, "a", object()):
        with pytest.raises(UsageError, match="The loss g is"):
            scalar("g", wrong)


@pytest.mark.torch
def test_tensors_of_torch():
    import torch

    tensor = torch.tensor(FLOATS, dtype=torch.float32, requires_grad=True)
    assert np.array_equal(samples_of(tensor, 5, (6, 4, 3)), LEVELS)
    half = torch.tensor([1.0, 2.0], dtype=torch.bfloat16)
    assert to_array(half).tolist() == [1.0, 2.0] and scalar("g", half) == 1.5


@pytest.mark.jax
def test_arrays_of_jax():
    import jax.numpy as jnp

    assert np.array_equal(samples_of(jnp.asarray(FLOATS), 5, (6, 4, 3)), LEVELS)
    assert scalar("g", jnp.asarray([1.0, 2.0], jnp.bfloat16)) == 1.5


@pytest.mark.long
@pytest.mark.keras
def test_tensors_of_tensorflow():
    import tensorflow as tf

    assert np.array_equal(samples_of(tf.constant(FLOATS), 5, (6, 4, 3)), LEVELS)
    assert scalar("g", tf.constant([1.0, 2.0], tf.bfloat16)) == 1.5
