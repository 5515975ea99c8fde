"""The global generators of libraries: seeded, saved as JSON, restored."""

import json
import random

import numpy as np
import pytest

from gan_bench.plugins.frameworks import GlobalState, seeded

pytestmark = pytest.mark.usefixtures("generators_kept")

SEEDS = [0, 7, 2**32, 2**64 - 1]


def numbers():
    normal = random.gauss(0, 1), np.random.standard_normal()  # both keep a second one
    return [*normal, random.random(), np.random.rand(), np.random.permutation(20).tolist()]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_determines_all_numbers(seed):
    found = []
    for number in (seed, seed ^ 1, seed):
        with seeded(number):
            found.append(numbers())
    assert found[0] == found[2]
    assert all(one != other for one, other in zip(found[0], found[1], strict=True))


def test_a_state_survives_json_in_the_middle_of_pairs():
    with seeded(1):
        numbers()
    text = json.dumps(GlobalState.now().values)
    expected = numbers()
    numbers()
    GlobalState(json.loads(text)).restore()
    assert numbers() == expected


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.Philox, np.random.SFC64])
def test_another_bit_generator_of_numpys_is_kept_too(kind):
    before = np.random.get_bit_generator()
    try:
        np.random.set_bit_generator(kind(3))
        text = json.dumps(GlobalState.now().values)
        expected = np.random.rand()
        GlobalState(json.loads(text)).restore()
        assert np.random.rand() == expected
    finally:
        np.random.set_bit_generator(before)
