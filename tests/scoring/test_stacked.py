"""Stacked digits: the modes that samples reach, by the lenet for digits on each channel."""

import numpy as np
import pytest

from gan_bench import data
from gan_bench.data.registry import MNIST_5K
from gan_bench.data.stacked import StackedDataset
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.scoring.features.by_name import load_features, model_sha256, train_classifier
from gan_bench.scoring.features.channelwise import ChannelwiseModel
from gan_bench.scoring.images import Conversion, ImageSet, of_split
from gan_bench.scoring.metrics.modes import Classes, from_uniform, reached
from gan_bench.scoring.scorer import Options, Scorer
from image_folder import any_size

pytestmark = pytest.mark.slow

REACHED = ("modes-reached",)


@pytest.fixture(scope="module")
def stacked():
    """Fewer images than the data set of this name has."""
    return StackedDataset("stacked-mnist-5k", MNIST_5K, train=1_000, test=5_000).load()


@pytest.fixture(scope="module")
def model(stacked):
    return load_features("lenet", dataset=stacked)


@pytest.fixture(scope="module")
def scorer(stacked):
    with Scorer(of_split(stacked, "test", 500), 500, Options()) as scorer:
        yield scorer


def image_set(images):
    def read(size):
        return (images[start : start + size] for start in range(0, len(images), size))

    return ImageSet("made", images.shape[1:], len(images), "0" * 64, "all", read)


def figures(scorer, images, metrics=REACHED):
    return {row.metric: row for row in scorer.score(image_set(images), metrics)}


def test_features_and_classes_are_those_of_each_channel(stacked, model):
    images = stacked.test.images[:20]
    digits = load_features("lenet", dataset=data.load("mnist-5k"))
    each = [np.ascontiguousarray(images[..., [channel]]) for channel in range(3)]
    assert isinstance(model, ChannelwiseModel)
    assert (model.sha256, model.dimensions) == (digits.sha256, 3 * digits.dimensions)
    expected = np.concatenate([digits.features(one) for one in each], axis=1)
    np.testing.assert_allclose(model.features(images), expected, atol=1e-5)
    logits = model.features(images, output="logits")
    assert logits.shape == (20, 1000)
    red, green, blue = (digits.features(one, output="logits") for one in each)
    for label in (0, 7, 40, 123, 999):
        by_hand = red[:, label // 100] + green[:, label // 10 % 10] + blue[:, label % 10]
        np.testing.assert_allclose(logits[:, label], by_hand, atol=1e-4)


@pytest.mark.slow
def test_real_images_reach_nearly_all_modes_and_lenet_reads_their_digits(stacked, model):
    classes = model.features(stacked.test.images, output="logits").argmax(axis=1)
    labels = stacked.test.labels
    for place in (100, 10, 1):
        assert (classes // place % 10 == labels // place % 10).mean() > 0.99
    found = Classes(np.bincount(classes, minlength=1_000), 1.0)
    assert reached(found) > 980  # 1,000 (1 - e^-5) if all modes are equally likely
    assert from_uniform(found) == pytest.approx(999 / 10_000, rel=0.2)  # 999 / (2 n)


def test_collapsed_samples_reach_few_modes(stacked, scorer):
    one = figures(scorer, np.repeat(stacked.test.images[:1], 500, axis=0))
    assert one["modes_reached"].value == 1
    assert one["modes_kl"].value == pytest.approx(np.log(1_000))
    # As grey images have: one digit in all channels.
    grey = figures(scorer, np.repeat(stacked.test.images[:500, ..., [0]], 3, axis=3))
    assert grey["modes_reached"].value == 10
    assert grey["modes_kl"].value == pytest.approx(np.log(100), abs=0.05)


def test_the_protocol_says_how_the_channels_are_taken(stacked, scorer):
    assert "each one by itself" in scorer.protocol.channels
    assert scorer.protocol.features_sha256 == model_sha256(
        "lenet", dataset="stacked-mnist-5k", data_sha256="", weights=None
    )
    with Scorer(of_split(data.load("mnist-5k"), "test", 50), 50, Options()) as digits:
        assert digits.protocol.channels == "none"


@pytest.mark.slow
def test_every_metric_has_a_value_and_the_floor_is_that_of_training_images(stacked):
    metrics = ("fid", "prdc", "modes", *REACHED)
    with Scorer(of_split(stacked, "test", 250), 250, Options()) as scorer:
        found = figures(scorer, stacked.train.images[:250], metrics)
        floor = scorer.floor(REACHED)
    assert [row.metric for row in found.values() if row.value is None] == []
    assert found["fid_lenet"].rank_real == 192
    assert found["modes_reached"].details["classes"] == 1_000
    assert floor.reason is None
    assert 200 < floor.values["modes_reached"] < 242  # 1,000 (1 - e^-0.25) is 221


def test_other_images_are_refused(scorer, model):
    with pytest.raises(GanBenchError, match=r"each of 3 channels by itself here, .* have 1"):
        model.check((28, 28, 1))
    with pytest.raises(GanBenchError, match="needs images of 28 x 28 x 1"):
        model.check((32, 32, 3))
    with pytest.raises(UsageError, match="Both sides must have the same size"):
        figures(scorer, np.zeros((50, 28, 28, 1), np.uint8))


def test_converted_images_have_no_classifier_for_that_reason(stacked, tmp_path):
    grey = of_split(stacked, "test", 60).converted(Conversion(channels=1))
    any_size(tmp_path, channels=1)
    with Scorer(grey, 60, Options(features=str(tmp_path / "means.onnx"))) as scorer:
        (row, _) = scorer.score(grey, REACHED)
    assert row.value is None
    said = "The classifier for stacked-mnist-5k needs images of 28 x 28 x 3, these are 28 x 28 x 1"
    assert row.reason.startswith(said)


def test_there_is_nothing_to_train():
    with pytest.raises(UsageError, match="lenet of stacked-mnist-5k comes with gan-bench"):
        train_classifier("stacked-mnist-5k", epochs=1, seed=0, threads=1, say=print)
