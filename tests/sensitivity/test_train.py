"""Which trials are trained: each once, and again only if its run is not there."""

import importlib.util
import shutil

import pytest

from gan_bench.errors import UsageError

pytest.importorskip("optuna", reason="optuna is not installed")

from gan_bench.plan.request import request as plan_request
from gan_bench.scoring.features import FeatureChoice
from gan_bench.sensitivity.train import Wanted, subjects
from study_trials import UNTRAINED, Trials

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="torch is not installed"
)


def fid(values):
    return 20.0 + 1e4 * values["learning_rate"] + values["batch_size"] / 32


def test_trials_are_runs_with_the_values_that_were_drawn(tmp_path):
    trials = Trials(tmp_path, fid)
    study = trials(4)
    assert trials.trained == [trial.run_id for trial in study.trials]
    assert [trial.number for trial in study.trials] == [1, 2, 3, 4]
    for trial in study.trials:
        assert (
            trial.values.keys()
            == study.ranges.keys()
            == {*("learning_rate", "batch_size", "beta1", "beta2")}
        )
        assert trial.fid == pytest.approx(fid(trial.values))
        assert (trial.outcome, trial.untrained_fid) == ("ok", UNTRAINED)
    assert trials.said[0].startswith("torch-dcgan, trial 1 of 4: ")


def test_the_same_command_again_trains_nothing(tmp_path):
    trials = Trials(tmp_path, fid)
    study = trials(3)
    assert trials(3) == study and trials.trained == []


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "count"), [("random", 4), ("tpe", 12)])  # TPE learns from 10
def test_an_interrupted_study_continues_and_trains_nothing_twice(tmp_path, sampler, count):
    calm, disturbed = Trials(tmp_path / "calm", fid), Trials(tmp_path / "disturbed", fid)
    expected = calm(count, sampler=sampler)
    trained = []
    for stop_at in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            disturbed(count, sampler=sampler, stop_at=stop_at)
        trained += disturbed.trained
    assert disturbed(count, sampler=sampler) == expected
    trained += disturbed.trained
    assert trained == [trial.run_id for trial in expected.trials]


@pytest.mark.slow
def test_a_study_without_its_journal_finds_its_runs(tmp_path):
    trials = Trials(tmp_path, fid)
    study = trials(12, sampler="tpe")
    shutil.rmtree(trials.results.sensitivity)
    assert trials(12, sampler="tpe") == study and trials.trained == []


def test_a_run_that_was_removed_is_trained_again_and_no_other(tmp_path):
    trials = Trials(tmp_path, fid)
    study = trials(3)
    gone = study.trials[1].run_id
    shutil.rmtree(trials.results.run(gone).path)
    assert trials(3) == study and trials.trained == [gone]


@pytest.mark.slow
def test_more_trials_continue_the_study_and_fewer_are_its_first(tmp_path):
    trials = Trials(tmp_path, fid)
    few = trials(2)
    more = trials(4)
    assert more.trials[:2] == few.trials and len(trials.trained) == 2
    assert trials(2) == few and trials.trained == []


@pytest.mark.slow
def test_a_trial_that_diverged_has_ended_and_one_that_failed_is_tried_again(tmp_path):
    outcomes = {"steps": 0}

    def outcome_of(values):
        outcomes["steps"] += 1
        return {1: "diverged", 2: "killed", 3: "error"}.get(outcomes["steps"], 25.0)

    trials = Trials(tmp_path, outcome_of)
    study = trials(4)
    assert [trial.outcome for trial in study.trials] == ["diverged", "killed", "error", "ok"]
    assert [trial.counts for trial in study.trials] == [True, False, False, True]
    assert study.trials[1].reason == "it ended as killed"
    assert study.fids == (UNTRAINED, 25.0)
    again = trials(4)
    assert trials.trained == [trial.run_id for trial in study.trials[1:3]]
    assert [trial.outcome for trial in again.trials] == ["diverged", "ok", "ok", "ok"]
    assert [trial.values for trial in again.trials] == [trial.values for trial in study.trials]


@pytest.mark.slow
def test_a_study_of_another_fid_scores_the_same_runs(tmp_path):
    trials = Trials(tmp_path, fid)
    of_lenet = trials(1)
    of_inception = trials(1, features="inception")
    assert of_inception.id != of_lenet.id and of_inception.features == "inception"
    assert trials.trained == [trial.run_id for trial in of_lenet.trials]
    assert [trial.fid for trial in of_inception.trials] == [of_lenet.trials[0].fid]


@pytest.mark.slow
def test_other_budgets_seeds_samplers_and_fixed_values_are_other_studies(tmp_path):
    trials = Trials(tmp_path, fid)
    ids = {
        trials(1).id,
        trials(1, images=12_801).id,  # as many steps as 12,800, with most batch sizes
        trials(1, seeds=(1,)).id,
        trials(1, sampler="tpe").id,
        trials(1, set={"*": {"beta1": 0.5}}).id,
    }
    assert len(ids) == 5
    assert len(list(trials.results.sensitivity.iterdir())) == 5


def test_a_fixed_field_is_not_drawn(tmp_path):
    study = Trials(tmp_path, fid, set={"*": {"batch_size": "48"}})(2)
    assert "batch_size" not in study.ranges and study.spec.recipe_values["batch_size"] == 48
    assert [trial.fid for trial in study.trials] == [
        pytest.approx(fid({**trial.values, "batch_size": 48})) for trial in study.trials
    ]


def test_a_value_for_one_target_alone_leaves_the_others(tmp_path):
    trials = Trials(
        tmp_path, fid, set={"*": {"average_decay": 0.9}}, targets=("torch-dcgan", "torch-cosine")
    )
    features = FeatureChoice("lenet")
    found = subjects(Wanted(plan_request(trials.options), 1, "random", features, "gan-bench"))
    assert [dict(subject.fixed) for subject in found] == [{}, {"average_decay": 0.9}]


@pytest.mark.slow
def test_twins_draw_the_same_values(tmp_path):
    for framework in ("torch", "keras", "jax"):
        if importlib.util.find_spec({"keras": "tensorflow"}.get(framework, framework)) is None:
            pytest.skip(f"{framework} is not installed")
    drawn = [
        [trial.values for trial in Trials(tmp_path, fid, targets=(f"{name}-dcgan",))(3).trials]
        for name in ("torch", "keras", "jax")
    ]
    assert drawn[0] == drawn[1] == drawn[2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"set": {"*": {"beta1": [0.1, 0.5]}}}, "A study takes one value of each field that --set"),
        (
            {"set": {"*": {"learning_rate": 1e-3, "batch_size": 8, "beta1": 0.5, "beta2": 0.9}}},
            "--set fixes every field of torch-dcgan that has a range (batch_size, beta2, ",
        ),
        ({"set": {"*": {"depth": 3}}}, "No implementation to run has the field 'depth'"),
    ],
)
def test_a_request_with_nothing_to_draw_is_refused(tmp_path, options, said):
    with pytest.raises(UsageError) as refused:
        Trials(tmp_path, fid)(1, **options)
    assert said in str(refused.value)
    assert not list(tmp_path.glob("runs/*"))
