"""The gate on records of real runs: baselines/ci.json, and what the calibration study trained."""

import pytest

from bench import ROOT, STORED_GATE
from gan_bench.gate import compare_stored
from gan_bench.gate.baseline import Baseline
from gan_bench.gate.verdict import exit_code

CAUGHT = ("generator_rate_tenth", "learning_rate_x100", "no_batch_norm")
"""Which changes make FID worse at the preset's budget, by baselines/calibration/table.md."""
BETTER = ("batch_norm_epsilon", "learning_rate_x10")
"""Which make it better there."""


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    return Baseline.read(ROOT / "baselines" / "ci.json")


def judged(baseline, change, metric="fid_lenet", without=()):
    """The rows of a folder's runs, against the baseline without some of its seeds."""
    names = {path.name.split("-mnist")[0] for path in (STORED_GATE / change / "runs").iterdir()}
    entries = [
        entry.model_copy(update={"seeds": tuple(s for s in entry.seeds if s.seed not in without)})
        for entry in baseline.entries
        if entry.implementation in names
    ]
    rows, left = compare_stored(entries, STORED_GATE / change, metric, 0.05)
    assert left == ()
    return rows


def test_it_passes_on_an_unchanged_tree(baseline):
    rows = judged(baseline, "unchanged")
    assert {row.label: row.verdict for row in rows} == {
        "keras-dcgan": "pass",
        "torch-dcgan": "pass",
    }
    assert exit_code(rows) == 0
    assert all(len(row.measured.candidate) == 3 for row in rows)


@pytest.mark.parametrize("change", CAUGHT)
def test_it_fails_on_a_planted_regression_that_the_study_says_it_catches(baseline, change):
    # The study trained its changes on seeds of the baseline, which then cannot stand in it.
    (row,) = judged(baseline, change, without=range(6))
    assert row.verdict == "regression" and exit_code([row]) == 1
    assert row.first.verdict == "regression"


@pytest.mark.parametrize("change", BETTER)
def test_what_learns_faster_than_the_recipe_is_no_regression_at_this_budget(baseline, change):
    (row,) = judged(baseline, change, without=range(6))
    assert row.verdict in ("improvement", "pass")
    assert row.measured.mean[1] < row.measured.mean[0]


def test_it_is_incomparable_when_the_budget_differs(baseline):
    (row, *_) = [row for row in judged(baseline, "unchanged") if row.label == "torch-dcgan"]
    shorter = row.baseline.model_copy(update={"budget_images": 6_400, "steps": 200})
    ((other,), _) = compare_stored([shorter], STORED_GATE / "unchanged", "fid_lenet", 0.05)
    assert other.verdict == "incomparable" and exit_code([other]) == 3
    assert "budget (6,400 images against 12,800 images)" in other.why


def test_the_same_seeds_of_an_unchanged_tree_are_seen_by_their_bits(baseline):
    (entry,) = [one for one in baseline.entries if one.implementation == "torch-dcgan"]
    rows, _ = compare_stored([entry], STORED_GATE / "unchanged", "fid_lenet", 0.05)
    (candidate,) = [row.candidate for row in rows]
    known = entry.model_copy(update={"seeds": (*entry.seeds, *candidate.seeds)})
    ((row,), _) = compare_stored([known], STORED_GATE / "unchanged", "fid_lenet", 0.05)
    assert row.verdict == "pass" and "bit-identical" in row.why
