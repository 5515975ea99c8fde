"""Each metric has one name, label, direction and scale."""

import pytest

from gan_bench.metrics import (
    BY_CLASSIFIER,
    FAMILIES,
    METRICS,
    SPEED,
    figure_names,
    metric,
    of_conditional,
)


@pytest.mark.parametrize("family", METRICS)
def test_all_that_the_scorer_computes_is_known(family):
    assert not set(figure_names(family, "lenet")) & set(of_conditional("lenet"))
    for name in figure_names(family, "lenet"):
        found = metric(name)
        assert found.name == name and found.label != name
        assert name.removesuffix("_lenet") in FAMILIES
        assert found.features == (None if family in BY_CLASSIFIER else "lenet")


@pytest.mark.parametrize(
    ("name", "higher_is_better", "scale", "is_fid"),
    [
        ("fid_lenet", False, "ratio", True),
        ("fid_infinity_lenet", False, "ratio", False),
        ("kid_inception", False, "difference", False),
        ("recall_my_model", True, "difference", False),
        ("ndb_js", False, "difference", False),
        ("class_accuracy", True, "difference", False),
        ("intra_fid_lenet", False, "ratio", False),
        ("modes_reached", True, "difference", False),
        ("modes_kl", False, "difference", False),
        ("nearest_train", True, "difference", False),
        (SPEED, True, "ratio", False),
        ("something_new", False, "difference", False),
    ],
)
def test_direction_and_scale(name, higher_is_better, scale, is_fid):
    found = metric(name)
    assert (found.higher_is_better, found.scale, found.is_fid) == (higher_is_better, scale, is_fid)
    assert found.sign == (-1 if higher_is_better else 1)
