"""Stacked digits: the same on every machine, with labels that say the digits of the channels."""

import numpy as np
import pytest

from gan_bench import data
from gan_bench.data import Dataset
from gan_bench.data.registry import MNIST, MNIST_5K, STACKED_MNIST
from gan_bench.data.stacked import StackedDataset


@pytest.fixture(scope="module")
def digits():
    return data.load("mnist-5k")


@pytest.fixture(scope="module")
def stacked():
    return StackedDataset("stacked", MNIST_5K, train=3_000, test=800).load()


def test_it_has_a_thousand_classes_and_images_of_three_channels(stacked):
    assert (stacked.name, stacked.classes) == ("stacked", 1000)
    assert stacked.train.images.shape == (3_000, 28, 28, 3)
    assert stacked.test.images.shape == (800, 28, 28, 3)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_channel_is_a_digit_of_the_same_split_and_the_label_says_which(digits, stacked, split):
    label_of = {
        image.tobytes(): label
        for image, label in zip(
            getattr(digits, split).images, getattr(digits, split).labels, strict=True
        )
    }
    made = getattr(stacked, split)
    for image, label in zip(made.images, made.labels, strict=True):
        channels = [label_of[image[..., [channel]].tobytes()] for channel in range(3)]
        assert label == 100 * channels[0] + 10 * channels[1] + channels[2]


def test_the_digits_of_an_image_are_independent_and_all_are_used(digits, stacked):
    labels = stacked.train.labels
    pairs = [labels // 100 * 10 + labels // 10 % 10, labels // 10 % 10 * 10 + labels % 10]
    for pair in pairs:
        counts = np.bincount(pair, minlength=100)
        # Chi-square with 99 degrees of freedom exceeds 160 with a probability of 1e-4.
        assert ((counts - 30) ** 2 / 30).sum() < 160
    different = {
        image[..., channel].tobytes() for image in stacked.train.images for channel in range(3)
    }
    # Of 9,000 draws of 4,000 digits, 4,000 e^(-9/4) are never drawn.
    assert len(different) == pytest.approx(4_000 * (1 - np.exp(-9 / 4)), abs=60)


@pytest.mark.slow
def test_its_sums_are_pinned():
    whole = data.load("stacked-mnist-5k")
    assert whole.train.images.shape == (60_000, 28, 28, 3)
    assert whole.test.images.shape == (10_000, 28, 28, 3)
    assert len(np.unique(whole.train.labels)) == 1_000
    assert whole.sha256 == "3f2f9d07c42c6167ced475a7f406499c51b76f781259bc2b52ea5ce120a89233"


def test_a_longer_one_begins_with_the_same_images(stacked):
    longer = StackedDataset("stacked", MNIST_5K, train=3_100, test=900).load()
    assert np.array_equal(longer.train.images[:3_000], stacked.train.images)
    assert np.array_equal(longer.test.labels[:800], stacked.test.labels)


def test_it_is_where_its_digits_are():
    assert data.describe("stacked-mnist-5k") == data.describe("mnist-5k")
    assert data.describe("stacked-mnist") == data.describe("mnist")
    assert STACKED_MNIST.source is MNIST


def test_padding_leaves_the_digits(stacked):
    class Made:
        def load(self) -> Dataset:
            return stacked

    padded = data.registry.PaddedDataset(Made(), (32, 32)).load()
    assert padded.train.image_shape == (32, 32, 3)
    assert np.array_equal(padded.test.images[:, 2:30, 2:30], stacked.test.images)
