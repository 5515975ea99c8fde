"""Classes, bins and neighbours: what a missing digit, a copy and a collapse look like."""

import numpy as np
import pytest

from gan_bench import data
from gan_bench.data import Dataset, Split
from gan_bench.scoring.images import ImageSet, of_split
from gan_bench.scoring.metrics.modes import Classes, divergence, from_uniform, present, reached
from gan_bench.scoring.metrics.ndb import different_bins, make_bins
from gan_bench.scoring.metrics.nearest import MOST, nearest_training_images
from gan_bench.scoring.scorer import Options, Scorer


def shuffled(split, keep=slice(None), seed=0):
    order = np.random.default_rng(seed).permutation(len(split.labels))
    return split.images[order[keep[order]] if isinstance(keep, np.ndarray) else order]


def image_set(images, name="made"):
    def read(size):
        return (images[start : start + size] for start in range(0, len(images), size))

    return ImageSet(name, images.shape[1:], len(images), "0" * 64, "all", read)


@pytest.fixture(scope="module")
def mnist_5k():
    return data.load("mnist-5k")


@pytest.fixture(scope="module")
def score(mnist_5k):
    with Scorer(of_split(mnist_5k, "test"), 900, Options()) as scorer:

        def figures(images, metrics=("prdc", "modes")):
            return {one.metric: one for one in scorer.score(image_set(images), metrics)}

        yield figures


@pytest.fixture(scope="module")
def complete(score, mnist_5k):
    return score(shuffled(mnist_5k.train)[:900])


@pytest.mark.slow
def test_a_missing_digit_shows_in_the_classes_and_the_coverage(score, complete, mnist_5k):
    lacking = score(shuffled(mnist_5k.train, mnist_5k.train.labels != 4)[:900])
    assert complete["classes_present"].value == 10
    assert lacking["classes_present"].value == 9
    shares = lacking["classes_present"].details["shares"]
    assert shares[4] < 0.01
    assert sum(shares) == pytest.approx(1)
    # Without one class of ten, KL = -log 0.9.
    assert lacking["class_kl"].value == pytest.approx(-np.log(0.9), abs=0.03)
    assert complete["class_kl"].value < 0.02
    assert lacking["coverage_lenet"].value < complete["coverage_lenet"].value - 0.05


def test_a_missing_digit_shows_in_the_bins(mnist_5k):
    images, labels = mnist_5k.train.images, mnist_5k.train.labels
    order = np.random.default_rng(0).permutation(4000)
    real, rest = order[:2000], order[2000:]
    bins = make_bins(image_set(images[real]), seed=0)
    complete = different_bins(bins, image_set(images[rest]))
    assert complete.different <= 12
    for digit in (0, 1, 4, 7):
        lacking = different_bins(bins, image_set(images[rest[labels[rest] != digit]]))
        assert lacking.different >= complete.different + 5, digit
        assert lacking.divergence > 1.5 * complete.divergence, digit


@pytest.mark.slow
def test_blends_of_two_digits_are_less_confident_than_digits(score, complete, mnist_5k):
    first, second = (shuffled(mnist_5k.train, seed=seed)[:900] for seed in (1, 2))
    blends = (first // 2 + second // 2).astype(np.uint8)
    assert complete["confident_share"].value > 0.95
    assert score(blends, ["modes"])["confident_share"].value < 0.8


@pytest.mark.slow
def test_unseen_digits_are_no_copies_and_training_images_are(score, complete, mnist_5k):
    unseen = score(mnist_5k.test.images[:900], ["modes"])
    copied = score(mnist_5k.train.images[::4][:900], ["modes"])
    assert unseen["copied_share"].value == pytest.approx(0.01, abs=0.005)
    assert unseen["nearest_train"].value == pytest.approx(
        unseen["nearest_train"].details["held_out"], rel=0.05
    )
    assert copied["copied_share"].value == 1.0
    assert copied["nearest_train"].value == 0.0
    assert copied["nearest_train"].details["nearest_index"][:3] == [0, 4, 8]


@pytest.mark.slow
def test_the_nearest_training_image_is_exact(mnist_5k):
    images = mnist_5k.test.images[:40]
    found = nearest_training_images(image_set(images), mnist_5k.train.images)
    flat = images.reshape(40, -1).astype(float) / 255
    for index in range(40):
        train = mnist_5k.train.images.reshape(4000, -1).astype(float) / 255
        distances = np.linalg.norm(train - flat[index], axis=1)
        assert found.distances[index] == pytest.approx(distances.min(), rel=1e-12)
        assert found.indices[index] == distances.argmin()


def test_of_many_images_in_the_order_of_their_classes_all_classes_are_compared(mnist_5k):
    split = mnist_5k.train
    order = np.argsort(split.labels, kind="stable")
    images = image_set(split.images[order])
    found = nearest_training_images(images, split.images, seed=0)
    assert len(found.indices) == MOST < images.count
    assert (found.distances == 0).all()
    assert np.bincount(split.labels[found.indices], minlength=10).min() > 150


@pytest.mark.slow
def test_bins_are_made_from_all_classes_of_many_images(mnist_5k):
    images = np.concatenate([mnist_5k.train.images, mnist_5k.test.images, mnist_5k.test.images])
    labels = np.concatenate([mnist_5k.train.labels, *2 * [mnist_5k.test.labels]])
    # The last class is beyond the 5,000 images that the bins are made from.
    real = image_set(images[np.argsort(labels, kind="stable")])
    bins = make_bins(real, seed=0)
    last = image_set(mnist_5k.train.images[mnist_5k.train.labels == 9])
    nines = different_bins(bins, last).shares
    # Nines have bins of their own, so that they do not share those of fours and sevens.
    shares = bins.counts / bins.counts.sum()
    own = (nines > 5 * shares).sum()
    assert own >= 5


def test_a_recipe_that_trained_on_the_test_split_has_no_held_out_images(mnist_5k):
    real = of_split(mnist_5k, "test", 300)
    with Scorer(real, 300, Options(), train_splits=("train", "test")) as scorer:
        figures = {f.metric: f for f in scorer.score(real, ["modes"])}
    assert figures["nearest_train"].value == 0.0
    assert figures["copied_share"].value is None
    assert "test split was trained on" in figures["copied_share"].reason


@pytest.mark.slow
def test_bins_of_one_distribution_differ_by_chance_alone(mnist_5k):
    split = mnist_5k.train
    images = shuffled(split)
    real, fake = image_set(images[:2000]), image_set(images[2000:])
    bins = make_bins(real, seed=0)
    found = different_bins(bins, fake)
    assert found.bins == 100
    # Five of a hundred at 0.05, so twelve or fewer nearly always.
    assert 0 <= found.different <= 12
    assert bins.counts.sum() == 2000
    assert found.shares.sum() == pytest.approx(1)
    np.testing.assert_array_equal(make_bins(real, seed=0).counts, bins.counts)
    black = different_bins(bins, image_set(np.zeros((2000, 28, 28, 1), np.uint8)))
    assert black.different > 40
    assert black.divergence > 5 * found.divergence


def test_few_or_equal_images_make_fewer_bins():
    same = np.zeros((50, 8, 8, 1), np.uint8)
    same[25:] = 255
    bins = make_bins(image_set(same), seed=0)
    assert sorted(bins.counts.tolist()) == [25, 25]


def test_divergence_and_presence_by_hand():
    real = Classes(np.array([50, 30, 20]), 1.0)
    fake = Classes(np.array([50, 47, 3]), 1.0)
    by_hand = 0.47 * np.log(0.47 / 0.3) + 0.03 * np.log(0.03 / 0.2)
    assert divergence(fake, real) == pytest.approx(by_hand)
    assert divergence(real, real) == pytest.approx(0)
    assert present(fake, real) == 3
    assert present(Classes(np.array([50, 49, 1]), 1.0), real) == 2
    assert np.isfinite(divergence(fake, Classes(np.array([50, 50, 0]), 1.0)))


@pytest.mark.parametrize(
    ("counts", "modes", "kl"),
    [
        ([5, 5, 5, 5], 4, 0.0),
        ([0, 0, 7, 0], 1, np.log(4)),
        ([3, 3, 0, 0], 2, np.log(2)),
        ([6, 1, 1, 0], 3, 0.75 * np.log(3) + 0.25 * np.log(0.5)),
    ],
)
def test_reached_modes_and_their_divergence_from_equal_shares_by_hand(counts, modes, kl):
    found = Classes(np.array(counts), 1.0)
    assert reached(found) == modes
    assert from_uniform(found) == pytest.approx(kl, abs=1e-12)


def test_images_without_a_classifier_have_no_classes_but_bins(tmp_path):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (40, 12, 12, 3), dtype=np.uint8)
    split = Split.from_arrays(images, np.zeros(40, dtype=np.int64))
    dataset = Dataset("pictures", split, split, classes=1)
    with Scorer(of_split(dataset, "test"), 40, Options()) as scorer:
        metrics = ("fid", "modes", "modes-reached")
        figures = {f.metric: f for f in scorer.score(of_split(dataset, "train"), metrics)}
    for name in (*("classes_present", "class_kl", "confident_share"), "modes_reached", "modes_kl"):
        assert figures[name].value is None
        assert "has only one class" in figures[name].reason
    assert figures["fid_lenet"].value is None
    assert "There is no lenet for pictures" in figures["fid_lenet"].reason
    assert figures["ndb"].value == 0
