"""Splits and data sets: their arrays, their identity, and what a run trains on."""

import hashlib

import numpy as np
import pytest

from gan_bench.data import Dataset, Split


def test_a_splits_arrays_are_contiguous_and_read_only_and_the_callers_are_not():
    images = np.zeros((4, 6, 5, 1), np.uint8)[:, ::2]
    labels = np.zeros(4, np.int64)
    split = Split.from_arrays(images, labels)
    assert split.images.flags.c_contiguous
    assert not split.images.flags.writeable
    assert not split.labels.flags.writeable
    assert labels.flags.writeable


def test_a_splits_sum_is_of_the_documented_encoding():
    images = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    split = Split.from_arrays(images, np.array([7]))
    expected = b"images |u1 (1, 2, 2, 3)\n" + bytes(range(12)) + b"labels <i8 (1,)\n\x07" + bytes(7)
    assert split.sha256 == hashlib.sha256(expected).hexdigest()


def test_shape_pixels_and_labels_are_part_of_a_splits_identity():
    images = np.arange(8, dtype=np.uint8).reshape(2, 2, 2, 1)
    labels = np.array([0, 1])
    splits = [
        Split.from_arrays(images, labels),
        Split.from_arrays(images.reshape(2, 4, 1, 1), labels),
        Split.from_arrays(images[::-1], labels),
        Split.from_arrays(images, labels[::-1]),
    ]
    assert len({split.sha256 for split in splits}) == len(set(splits)) == 4
    assert splits[0] == Split.from_arrays(images.copy(), labels.copy())


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((2, 4, 4), np.uint8), np.zeros(2, np.int64)),
        (np.zeros((2, 4, 4, 1), np.float32), np.zeros(2, np.int64)),
        (np.zeros((2, 4, 4, 1), np.uint8), np.zeros(3, np.int64)),
        (np.zeros((2, 4, 4, 1), np.uint8), np.zeros(2, np.int32)),
    ],
)
def test_other_arrays_are_a_programming_error(images, labels):
    with pytest.raises(ValueError, match="must be"):
        Split.from_arrays(images, labels)


def dataset(name="tiny"):
    random = np.random.default_rng(0)
    splits = [
        Split.from_arrays(
            random.integers(0, 256, (count, 4, 4, 1), np.uint8), random.integers(0, 3, count)
        )
        for count in (5, 2)
    ]
    return Dataset(name, *splits, classes=3)


def test_one_split_to_train_on_is_that_split():
    tiny = dataset()
    assert tiny.training(["train"]) is tiny.train
    assert tiny.training(["test"]) is tiny.test


def test_both_splits_to_train_on_are_one_after_the_other():
    tiny = dataset()
    both = tiny.training(["train", "test"])
    np.testing.assert_array_equal(both.images, [*tiny.train.images, *tiny.test.images])
    np.testing.assert_array_equal(both.labels, [*tiny.train.labels, *tiny.test.labels])
    assert tiny.images_in(["train", "test"]) == len(both.images) == 7
    assert tiny.images_in(["test"]) == 2


def test_a_data_sets_identity_is_its_content_and_which_split_it_is_in():
    tiny = dataset()
    assert dataset("other").sha256 == tiny.sha256
    assert Dataset("tiny", tiny.test, tiny.train, 3).sha256 != tiny.sha256
