"""Samples that were asked for by class: what follows if they show another."""

import numpy as np
import pytest

from gan_bench import data
from gan_bench.data import Dataset, Split
from gan_bench.scoring.features.by_name import load_features
from gan_bench.scoring.images import ImageSet, of_split
from gan_bench.scoring.metrics.frechet import GaussianStatistics, frechet_distance
from gan_bench.scoring.scorer import Options, Scorer

pytestmark = pytest.mark.slow

NAMES = {"class_accuracy", "intra_fid_lenet"}


def image_set(images):
    def read(size):
        return (images[start : start + size] for start in range(0, len(images), size))

    return ImageSet("made", images.shape[1:], len(images), "0" * 64, "all", read)


@pytest.fixture(scope="module")
def mnist_5k():
    return data.load("mnist-5k")


@pytest.fixture(scope="module")
def in_turn(mnist_5k):
    """Training images of the classes 0 to 9 in turn, 30 of each."""
    of_classes = [np.flatnonzero(mnist_5k.train.labels == label)[:30] for label in range(10)]
    return mnist_5k.train.images[np.stack(of_classes, 1).ravel()]


@pytest.fixture(scope="module")
def score(mnist_5k):
    with Scorer(of_split(mnist_5k, "test"), 300, Options(), asked_classes=10) as scorer:

        def figures(images):
            return {one.metric: one for one in scorer.score(image_set(images), ["modes"])}

        yield figures


@pytest.fixture(scope="module")
def right(score, in_turn):
    return score(in_turn)


def test_images_of_the_class_that_was_asked_for(right):
    assert right["class_accuracy"].value > 0.95
    shares = right["class_accuracy"].details["by_class"]
    assert np.mean(shares) == pytest.approx(right["class_accuracy"].value)
    assert min(shares) > 0.8


def test_two_classes_exchanged_lack_in_the_accuracy_and_in_the_fid_of_both(score, right, in_turn):
    exchanged = in_turn.copy()
    exchanged[3::10], exchanged[5::10] = in_turn[5::10], in_turn[3::10]
    found = score(exchanged)
    assert found["classes_present"].value == right["classes_present"].value == 10
    shares, before = (of["class_accuracy"].details["by_class"] for of in (found, right))
    assert max(shares[3], shares[5]) < 0.1
    others = [label for label in range(10) if label not in (3, 5)]
    assert [shares[label] for label in others] == [before[label] for label in others]
    distances, before = (of["intra_fid_lenet"].details["by_class"] for of in (found, right))
    assert min(distances[3] / before[3], distances[5] / before[5]) > 5
    assert [distances[label] for label in others] == [before[label] for label in others]
    assert found["intra_fid_lenet"].value == pytest.approx(np.mean(distances))


def test_the_fid_of_a_class_is_that_of_its_images(right, mnist_5k, in_turn):
    model = load_features("lenet", threads=1, dataset=mnist_5k)

    def statistics(images):
        found = GaussianStatistics(model.dimensions)
        for features in model.batches([images], output="features"):
            found.update(features)
        return found

    real = mnist_5k.test.images[mnist_5k.test.labels == 4]
    expected = frechet_distance(statistics(real), statistics(in_turn[4::10])).value
    assert right["intra_fid_lenet"].details["by_class"][4] == pytest.approx(expected, rel=1e-6)


def test_only_samples_that_were_asked_for_have_these_values(mnist_5k, in_turn):
    with Scorer(of_split(mnist_5k, "test"), 300, Options()) as scorer:
        rows = scorer.score(image_set(in_turn), ["modes"])
    assert not NAMES & {row.metric for row in rows}


def test_a_class_without_enough_real_images_has_no_fid(mnist_5k, in_turn):
    kept = (mnist_5k.test.labels != 8) | (np.cumsum(mnist_5k.test.labels == 8) <= 2)
    few = Split.from_arrays(mnist_5k.test.images[kept], mnist_5k.test.labels[kept])
    dataset = Dataset("mnist-5k", mnist_5k.train, few, 10)
    with Scorer(of_split(dataset, "test"), 300, Options(), asked_classes=10) as scorer:
        rows = {row.metric: row for row in scorer.score(image_set(in_turn), ["modes"])}
    assert rows["intra_fid_lenet"].value is None
    assert rows["intra_fid_lenet"].reason == (
        "The FID by class needs 3 images of each class on both sides; class 8 has 2."
    )
    assert rows["class_accuracy"].value > 0.95


def test_a_drawn_reference_has_no_fid_by_class(mnist_5k, in_turn):
    with Scorer(of_split(mnist_5k, "test", 500), 300, Options(), asked_classes=10) as scorer:
        rows = {row.metric: row for row in scorer.score(image_set(in_turn), ["modes"])}
    assert "needs all images of a split as reference" in rows["intra_fid_lenet"].reason
