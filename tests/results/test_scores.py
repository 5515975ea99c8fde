"""Protocols: what changes a fingerprint, and how two are compared."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from gan_bench.results.scores import MetricValue, Protocol, Score, differences


def protocol(**changes):
    values = {
        "features": "lenet",
        "features_sha256": "a" * 64,
        "dataset": "mnist",
        "reference_sha256": "b" * 64,
        "n_real": 10_000,
        "n_fake": 10_000,
    }
    return Protocol(**(values | changes))


CHANGES = {
    "features": "other",
    "features_sha256": "c" * 64,
    "resize": "bilinear",
    "channels": "grey repeated to three",
    "dataset": "mnist-5k",
    "split": "train",
    "reference_sha256": "c" * 64,
    "n_real": 1_000,
    "n_fake": 1_000,
    "seed": 1,
    "formula_version": 99,
    "selection": "drawn",
    "conversion": "grey",
}


def test_the_fingerprint_is_the_same_in_every_process_and_version():
    assert protocol().fingerprint == protocol().fingerprint == "bb521042c351"


@pytest.mark.parametrize(("field", "value"), CHANGES.items())
def test_every_field_changes_the_fingerprint_and_is_named_as_the_difference(field, value):
    changed = protocol(**{field: value})
    assert changed.fingerprint != protocol().fingerprint
    # Equal reference images under another name are the same reference.
    assert differences(protocol(), changed) == ([] if field == "dataset" else [field])


def test_another_name_of_other_reference_images_is_a_difference():
    changed = protocol(dataset="mnist-5k", reference_sha256="e" * 64)
    assert differences(protocol(), changed) == ["dataset", "reference_sha256"]


def test_equal_protocols_have_no_differences():
    assert differences(protocol(), protocol()) == []


def test_a_protocol_survives_json_and_cannot_be_changed():
    original = protocol()
    assert Protocol.model_validate_json(original.model_dump_json()) == original
    with pytest.raises(ValidationError):
        original.n_fake = 5


@pytest.mark.parametrize(
    "wrong", [{"n_fake": 1}, {"features_sha256": "short"}, {"split": "validation"}, {"extra": 1}]
)
def test_a_protocol_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        protocol(**wrong)


def row(**changes):
    values = {"metric": "fid_lenet", "features": "lenet", "n_real": 100, "n_fake": 100, "step": 5}
    return {**values, **changes}


def test_an_interval_contains_the_value_beside_it():
    random = np.random.default_rng(0)
    for value, *ends in random.gamma(1, 10, size=(500, 3)):
        low, high = sorted(ends)
        found = Score(**row(value=value, low=low, high=high))
        assert found.value == value
        assert (found.low, found.high) == (min(low, value), max(high, value))


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (23.5, 23.8, 24.6, (23.5, 24.6)),
        (389, 287, 367, (287, 389)),
        (2.42, 0.0, 1.73, (0, 2.42)),
        (2.42, 0.0, 3.5, (0, 3.5)),
        (2.42, None, None, (None, None)),
        (None, None, None, (None, None)),
    ],
)
def test_intervals_of_earlier_versions_are_read_with_the_value(value, low, high, shown):
    stored = json.dumps(row(value=value, low=low, high=high))
    found = Score.model_validate_json(stored)
    assert (found.low, found.high) == shown
    assert MetricValue(**found.model_dump(exclude={"step", "all_equal"})).low == shown[0]
