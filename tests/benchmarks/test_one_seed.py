"""Runs of one seed are one measurement: the stored ones differ no more than seeds do."""

import pytest

import one_seed
from bench import ROOT
from report_folder import MACHINE, add_run, empty_results, run_spec, scores_of


def test_twins_of_one_seed_are_not_much_further_apart_than_seeds():
    stored = {
        "baseline": list(one_seed.of_baseline(ROOT / "baselines" / "ci.json")),
        "reference": list(one_seed.of_results(ROOT / "results" / "reference")),
    }
    for name, values in stored.items():
        twins, over_frameworks = one_seed.spread(values, one_seed.KINDS["frameworks"])
        _, over_seeds = one_seed.spread(values, one_seed.KINDS["seeds"])
        assert twins > 10
        # In the reference, two recipes whose twins differ as much as seeds decide the pooled value.
        assert over_frameworks < (1.5 if name == "reference" else 1) * over_seeds
    # The baseline has twelve seeds of both frameworks, after 400 steps.
    twelve = [value for value in stored["baseline"] if value.seed < 12]
    assert one_seed.spread(twelve, one_seed.KINDS["frameworks"])[1] < 0.01
    assert one_seed.spread(twelve, one_seed.KINDS["seeds"])[1] > 0.03


@pytest.mark.parametrize("recipe", ["dcgan-3g", "upsampling-sgd"])
def test_a_recipe_that_settles_differs_most_by_its_seeds(recipe):
    stored = one_seed.of_results(ROOT / "results" / "reference")
    values = [value for value in stored if value.recipe.partition(" ")[0] == recipe]
    _, of_one_seed = one_seed.spread(values, one_seed.KINDS["both"])
    assert of_one_seed < 0.5 * one_seed.spread(values, one_seed.KINDS["seeds"])[1]


def test_machines_of_one_seed_differ_less_than_seeds_in_the_stored_figures():
    """Ten runs of the baseline's seeds on another processor, with another number of threads."""
    values = [
        *one_seed.of_baseline(ROOT / "baselines" / "ci.json"),
        *one_seed.of_csv(ROOT / "baselines" / "calibration" / "other_machine.csv"),
    ]
    number, over_machines = one_seed.spread(values, one_seed.KINDS["machines"])
    assert number == 10
    assert over_machines < 0.01
    assert one_seed.spread(values, one_seed.KINDS["seeds"])[1] > 0.03


def test_runs_of_a_seed_on_two_machines_are_samples_of_one_measurement(tmp_path):
    results = empty_results(tmp_path / "results")
    other = {"circumstances": {"machine": MACHINE.model_copy(update={"cpu": "Model Y"})}}
    for seed, fid in enumerate((10.0, 20.0)):
        add_run(results, run_spec(seed=seed), scores=[scores_of({0: 150.0, 600: fid})])
        there = run_spec(seed=seed, threads=1)
        add_run(results, there, scores=[scores_of({0: 150.0, 600: fid * 1.1})], **other)
    values = list(one_seed.of_results(results))
    one_seed.to_csv(values, tmp_path / "values.csv")
    assert list(one_seed.of_csv(tmp_path / "values.csv")) == values
    # Of two values a factor f apart, the standard deviation of the logarithm is log(f) / sqrt(2).
    machines = one_seed.spread(values, one_seed.KINDS["machines"])
    assert machines == (2, pytest.approx(0.0953 / 2**0.5, rel=1e-3))
    seeds = one_seed.spread(values, one_seed.KINDS["seeds"])
    assert seeds == (2, pytest.approx(0.6931 / 2**0.5, rel=1e-3))
