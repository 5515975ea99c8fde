"""Which fields of a run's specification say what it is, where it ran, and which are only noted."""

import json

import pytest

from gan_bench.analysis.identity import (
    blocks,
    identity,
    same_run,
    seeds_of_one_thing,
    setting_of,
)
from gan_bench.analysis.runs import collect_runs
from gan_bench.plan import IDENTITY, NOTED, SETTING, TRAINING_STEP, Budget, RunSpec
from gan_bench.results.load import load_results
from report_folder import add_plan, empty_results, run_spec

CHANGES = {
    "source_sha256": "6" * 64,
    "steps": 601,
    "images_per_step": 99,
    "deterministic": True,
    "on_divergence": "continue",
    "own_loop": True,
    "evaluation_steps": (0, 600),
    "samples": 1_001,
    "versions": {"python": "3.12.0"},
    "recipe_values": {"batch_size": 101},
    "data_sha256": "f" * 64,
    "train_splits": ("train", "test"),
    "budget": Budget(unit="images", amount=61_000),
    "device": "cuda:0",
    "gpu": "GPU A, 80 GiB",
    "threads": 3,
    "precision": "tf32",
}


def test_every_field_of_a_specification_is_identity_setting_or_noted():
    classified = [*IDENTITY, *SETTING, *NOTED]
    assert sorted(classified) == sorted(RunSpec.model_fields)
    assert set(TRAINING_STEP) - {"image_shape"} <= {*IDENTITY, *SETTING}
    assert {*CHANGES, "implementation"} == {*IDENTITY, *SETTING}


@pytest.fixture
def runs(tmp_path):
    """Return the runs of a results folder with these specifications planned."""

    def read(*specs):
        path = empty_results(tmp_path / "results")
        add_plan(path, specs)
        return collect_runs(path, load_results(path))

    return read


@pytest.mark.parametrize("name", CHANGES)
def test_another_value_of_identity_or_setting_makes_runs_no_seeds_of_one_thing(runs, name):
    first, second = runs(run_spec(), run_spec(seed=1, **{name: CHANGES[name]}))
    assert same_run(first) != same_run(second)
    assert len(seeds_of_one_thing([first, second])) == 2
    assert (identity(first.spec) == identity(second.spec)) == (name in SETTING)


MACHINE = {"device", "gpu", "threads"}
"""Fields that only say on what a run trained: its quality compares with that of the others."""


@pytest.mark.parametrize("name", CHANGES)
def test_quality_is_of_one_block_wherever_a_run_ran(runs, name):
    both = runs(run_spec(), run_spec(seed=1, **{name: CHANGES[name]}))
    assert blocks(both) == ([both] if name in MACHINE else [[run] for run in both])


def test_the_build_of_a_package_is_a_part_of_the_machine(runs):
    versions = [{"python": "3.11.2", "torch": f"2.1.0{build}"} for build in ("+cpu", "+cu128", "")]
    every = runs(*(run_spec(seed=seed, versions=one) for seed, one in enumerate(versions)))
    assert blocks(every) == [every]
    assert len(seeds_of_one_thing(every)) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"chunk_steps": 51},
        {"preset": None, "conventions": {"batch norm": "otherwise"}, "parameters": None},
        {"dataset": "fashion-mnist", "python": "/opt/python"},
        {"budget": Budget(unit="epochs", amount=1)},
    ],
)
def test_what_is_only_noted_makes_no_difference(runs, changes):
    both = runs(run_spec(), run_spec(seed=1, **changes))
    assert seeds_of_one_thing(both) == [both]


def test_of_a_gpu_only_its_kind_counts(runs):
    both = runs(run_spec(device="cuda:0"), run_spec(seed=1, device="cuda:1"))
    assert seeds_of_one_thing(both) == [both]
    assert setting_of(both).device == "GPU"
    assert json.loads(same_run(both[0])) == json.loads(same_run(both[1]))
