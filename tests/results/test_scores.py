"""Protocols: what changes a fingerprint, and how two are compared."""

import pytest
from pydantic import ValidationError

from gan_bench.results.scores import Protocol, differences


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
