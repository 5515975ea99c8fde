"""The scorer computes every metric that the table of metrics names, and no other."""

import pytest

from gan_bench import data
from gan_bench.metrics import METRICS, figure_names
from gan_bench.scoring.images import of_split
from gan_bench.scoring.scorer import Options, Scorer


@pytest.fixture(scope="module")
def scorer():
    with Scorer(of_split(data.load("mnist-5k"), "test", 50), 50, Options()) as scorer:
        yield scorer


@pytest.mark.parametrize("metric", METRICS)
def test_a_metrics_families_have_the_names_of_the_table(scorer, metric):
    names = [row.metric for row in scorer.missing([metric], 50, "not computed")]
    assert sorted(names) == sorted(figure_names(metric, "lenet"))


def test_the_floor_has_every_metric_but_the_nearest_training_images(scorer):
    floor = scorer.floor(["modes"])
    assert set(floor.values) == set(figure_names("modes", "lenet")) - {
        *("nearest_train", "copied_share")
    }
