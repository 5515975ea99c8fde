"""Entries of a results folder: which runs count, and why the others do not."""

import pytest

from gan_bench.gate.entries import entries, not_compared
from gate_folder import results_of


@pytest.fixture
def entry(tmp_path):
    """The entry of three runs."""
    return entries(results_of(tmp_path / "r", {0: 20.0, 1: 21.0, 2: 22.0})).entries[0]


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({"steps": 7}, "differences in steps"),
        (
            {"evaluation_steps": (0, 7), "recipe_values": {}},
            "differences in evaluation steps and recipe values",
        ),
        ({}, "differences in other fields"),
    ],
)
def test_runs_planned_earlier_say_what_differs(entry, changes, how):
    seeds = tuple(run.model_copy(update={"seed": run.seed + 9}) for run in entry.seeds)
    other = entry.model_copy(update={"seeds": seeds, **changes})
    assert not_compared(entry, other) == f"3 runs planned earlier not counted: {how}"
    one = other.model_copy(update={"seeds": seeds[:1]})
    assert not_compared(entry, one) == f"1 run planned earlier not counted: {how}"


def test_runs_with_the_same_seeds_on_another_device_are_repeated(entry):
    other = entry.model_copy(update={"device": "cuda"})
    assert not_compared(entry, other) == (
        "3 runs with repeated seeds not counted: on another device, or with the data under "
        "another name"
    )
