"""Which scores of a run are missing, and what remains of its snapshots once it has them."""

import json

import numpy as np
import pytest

from bench import STORED_GATE, scored_here
from damaged_snapshots import DAMAGES, cut_end
from gan_bench import data
from gan_bench.errors import UsageError
from gan_bench.launch.score import (
    has_value,
    is_scored,
    missing,
    planned_tasks,
    repeated_tasks,
    rescore,
    score_missing,
    was_tried,
)
from gan_bench.plan import RunSpec
from gan_bench.results.layout import RunFolder, open_results
from gan_bench.results.scores import Score, Scores
from gan_bench.scoring.features import FeatureChoice, Scoring

# Each scores several snapshots.
pytestmark = pytest.mark.slow

SAMPLES = 500
LENET, OTHER = FeatureChoice("lenet"), FeatureChoice("inception", 250)
FID = Scoring(metrics=("fid",), cache=False)


def tasks_of(tasks):
    return [(task.features.name, task.metrics, task.steps) for task in tasks]


def row(step, metric, value=1.0, *, all_equal=False, **more):
    return Score(
        step=step,
        metric=metric,
        features="x",
        value=value,
        n_real=9,
        n_fake=9,
        all_equal=all_equal,
        **more,
    )


def index(*rows):
    return {LENET: {one.key: one for one in rows}}


def test_the_first_features_score_every_snapshot_and_the_others_the_ends():
    scoring = Scoring((LENET, OTHER), ("kid", "modes", "modes-reached"))
    tasks = missing(planned_tasks(scoring, [0, 5, 9], last_step=9), {}, was_tried)
    # FID of the first is always there, as snapshots are deleted; classes and pixels count once.
    assert tasks_of(tasks) == [
        ("lenet", ("fid",), (0, 5)),
        ("lenet", ("fid", "kid", "modes", "modes-reached"), (9,)),
        ("inception", ("kid",), (9,)),
    ]
    scoring = Scoring((LENET, OTHER), ("fid", "kid"))
    tasks = missing(planned_tasks(scoring, [0, 5, 9], last_step=9), {}, was_tried)
    assert tasks_of(tasks)[2:] == [
        ("inception", ("fid",), (0,)),
        ("inception", ("fid", "kid"), (9,)),
    ]


def test_an_unfinished_run_has_its_untrained_generator_scored_before_that_snapshot_goes():
    scoring = Scoring((LENET, OTHER), ("fid", "kid"))
    tasks = planned_tasks(scoring, [0, 5], last_step=9)
    assert tasks_of(missing(tasks, {}, was_tried)) == [
        ("lenet", ("fid",), (0, 5)),
        ("inception", ("fid",), (0,)),
    ]


KID = Scoring(metrics=("fid", "kid"))


@pytest.mark.parametrize(
    ("rows", "left"),
    [
        ([row(9, "fid_lenet"), row(9, "kid_lenet")], []),
        # There is no value for good: the snapshot and its features were fine.
        ([row(9, "fid_lenet"), row(9, "kid_lenet", None)], []),
        ([row(9, "fid_lenet")], [("lenet", ("kid",), (9,))]),
        # The snapshot was damaged, the features failed, or both.
        (
            [row(9, "fid_lenet"), row(9, "kid_lenet", None, all_equal=None)],
            [("lenet", ("kid",), (9,))],
        ),
        (
            [row(9, "fid_lenet", None), row(9, "kid_lenet", None)],
            [("lenet", ("fid", "kid"), (9,))],
        ),
        ([row(9, "fid_lenet", None), row(9, "kid_lenet")], [("lenet", ("fid",), (9,))]),
    ],
)
def test_a_run_tries_each_metric_until_its_snapshot_and_features_could_be_read(rows, left):
    tasks = planned_tasks(KID, [9], last_step=9)
    assert tasks_of(missing(tasks, index(*rows), was_tried)) == left


def test_scoring_again_tries_what_has_no_value_at_the_last_or_at_all_points():
    rows = index(row(5, "fid_lenet"), row(9, "fid_lenet"), row(9, "kid_lenet", None))
    last, every = (
        missing(repeated_tasks(KID, [5, 9], points), rows, has_value(None))
        for points in ("final", "all")
    )
    assert tasks_of(last) == [("lenet", ("kid",), (9,))]
    assert tasks_of(every) == [("lenet", ("kid",), (5, 9))]


MODES = (*("class_kl", "confident_share", "nearest_train", "copied_share", "ndb", "ndb_js"),)


@pytest.mark.parametrize(
    ("now", "stored", "again"),
    [
        ("a", {"value": 9.0, "details": {"classifier_sha256": "a"}}, False),
        ("b", {"value": 9.0, "details": {"classifier_sha256": "a"}}, True),
        ("a", {"value": None}, True),
        (None, {"value": None}, False),
    ],
)
@pytest.mark.parametrize(
    ("metric", "first", "others"),
    [("modes", "classes_present", MODES), ("modes-reached", "modes_reached", ("modes_kl",))],
)
def test_classes_are_scored_again_with_another_classifier(
    now, stored, again, metric, first, others
):
    rows = index(row(9, first, **stored), *(row(9, name) for name in others))
    tasks = repeated_tasks(Scoring(metrics=(metric,)), [9], "final")
    assert bool(missing(tasks, rows, has_value(now))) is again


@pytest.fixture
def spec():
    """A specification with the fields that scoring reads."""
    return RunSpec.model_construct(
        dataset="mnist-5k",
        data_sha256=data.load("mnist-5k").sha256,
        train_splits=("train",),
        samples=SAMPLES,
        steps=100,
        threads=1,
    )


@pytest.fixture
def folder(tmp_path):
    digits = data.load("mnist-5k").train.images[:SAMPLES]
    folder = RunFolder(tmp_path / "run")
    folder.snapshots.mkdir(parents=True)
    for step in (0, 50, 100):
        np.savez(folder.snapshot(step), images=np.roll(digits, step, axis=0))
    return folder


@pytest.fixture
def here():
    """Score in this process, which costs less, where the test is not about the scorer's process."""
    with scored_here():
        yield


def kept(folder):
    return sorted(int(path.stem) for path in folder.snapshots.glob("0*.npz"))


def fids(folder):
    (path,) = folder.scores.iterdir()
    return {score.step: score.value for score in Scores.read(path).scores}


@pytest.mark.process
def test_a_grid_of_every_snapshot_and_the_whole_last_one_stay(folder, spec):
    with np.load(folder.snapshot(100)) as archive:
        last = archive["images"]
    assert not is_scored(folder, spec, FID)
    assert score_missing(folder, spec, FID, keep_samples=False) is None
    assert is_scored(folder, spec, FID)
    assert kept(folder) == [100]
    with np.load(folder.snapshot(100)) as archive:
        np.testing.assert_array_equal(archive["images"], last)
    grids = sorted(path.name for path in folder.grids.iterdir())
    assert grids == ["00000000.png", "00000050.png", "00000100.png"]
    first = fids(folder)
    assert sorted(first) == [0, 50, 100]
    # The same again changes nothing, and a resumed run adds its later snapshots.
    assert score_missing(folder, spec, FID, keep_samples=False) is None
    assert fids(folder) == first
    np.savez(folder.snapshot(150), images=last)
    assert score_missing(folder, spec, FID, keep_samples=False) is None
    assert fids(folder) == {**first, 150: first[100]}
    assert kept(folder) == [150]


@pytest.mark.usefixtures("here")
def test_all_snapshots_stay_if_asked_and_also_when_other_features_are_added(folder, spec, tmp_path):
    assert score_missing(folder, spec, FID, keep_samples=True) is None
    assert kept(folder) == [0, 50, 100]
    assert len(list(folder.grids.iterdir())) == 3
    more = Scoring((LENET, FeatureChoice("lenet", 250)), ("fid",), cache=False)
    assert score_missing(folder, spec, more, keep_samples=False) is None
    assert kept(folder) == [0, 50, 100]


@pytest.mark.usefixtures("here")
def test_half_written_snapshots_are_ignored(folder, spec):
    (folder.snapshots / ".00000150.npz.abc.tmp").write_bytes(b"half")
    (folder.snapshots / ".00000150.npz").write_bytes(b"half")
    assert score_missing(folder, spec, FID, keep_samples=False) is None
    assert sorted(fids(folder)) == [0, 50, 100]


@pytest.mark.usefixtures("here")
def test_nothing_is_deleted_before_the_scores_are_on_the_disk(folder, spec):
    # A file in the way of the folder: a mode would not stop root.
    folder.scores.write_text("in the way")
    assert "is not a folder" in score_missing(folder, spec, FID, keep_samples=False)
    assert kept(folder) == [0, 50, 100]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.usefixtures("here")
def test_a_damaged_snapshot_is_a_problem_and_nothing_is_deleted(folder, spec, damage):
    damage(folder.snapshot(50))
    assert "00000050.npz" in score_missing(folder, spec, FID, keep_samples=False)
    assert not is_scored(folder, spec, FID)
    assert kept(folder) == [0, 50, 100]


@pytest.mark.usefixtures("here")
def test_a_repaired_snapshot_is_scored_and_the_earlier_ones_are_deleted(folder, spec):
    content = folder.snapshot(50).read_bytes()
    cut_end(folder.snapshot(50))
    problem = score_missing(folder, spec, FID, keep_samples=False)
    assert "00000050.npz is damaged" in problem
    folder.snapshot(50).write_bytes(content)
    assert score_missing(folder, spec, FID, keep_samples=False) is None
    assert kept(folder) == [100]


@pytest.mark.usefixtures("here")
def test_snapshots_that_other_features_still_need_stay(folder, spec, tmp_path):
    broken = FeatureChoice(str(tmp_path / "broken.onnx"))
    scoring = Scoring((LENET, broken), ("fid",), cache=False)
    problem = score_missing(folder, spec, scoring, keep_samples=False)
    assert "broken.onnx cannot be read" in problem
    assert kept(folder) == [0, 100]


@pytest.mark.usefixtures("here")
def test_samples_without_any_score_get_a_grid_and_stay(folder, spec, tmp_path):
    scoring = Scoring((FeatureChoice(str(tmp_path / "none.onnx")),), ("fid",), cache=False)
    assert "cannot be read" in score_missing(folder, spec, scoring, keep_samples=False)
    assert kept(folder) == [0, 50, 100]
    assert len(list(folder.grids.glob("*.png"))) == 3


@pytest.mark.usefixtures("here")
def test_grids_that_a_killed_process_left_out_are_made(folder, spec):
    assert score_missing(folder, spec, FID, keep_samples=True) is None
    folder.grid(50).unlink()
    assert not is_scored(folder, spec, FID)
    assert score_missing(folder, spec, FID, keep_samples=False) is None
    assert folder.grid(50).exists()
    assert kept(folder) == [100]


def test_a_run_without_a_snapshot_has_nothing_to_score(tmp_path, spec):
    folder = RunFolder(tmp_path)
    assert score_missing(folder, spec, FID, keep_samples=False) is None
    assert is_scored(folder, spec, FID)
    assert list(tmp_path.iterdir()) == []


def again(results):
    return rescore(results, FID, points="final", threads=1, command="test")


def test_a_results_folder_without_a_snapshot_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="has a snapshot to score"):
        list(again(open_results(tmp_path, create=True)))


def test_a_folder_that_is_no_run_is_not_scored(tmp_path, folder):
    results = open_results(tmp_path / "results", create=True)
    folder.path.rename(results.run("other").path)
    with pytest.raises(UsageError, match="has a snapshot to score"):
        list(again(results))
    assert [path.name for path in results.run("other").path.iterdir()] == ["snapshots"]


@pytest.mark.parametrize("changes", [{"samples": 1}, {"samples": "many"}, {"dataset": None}])
@pytest.mark.process
def test_a_damaged_specification_is_a_problem_of_its_run(tmp_path, folder, changes):
    results = open_results(tmp_path / "results", create=True)
    folder.path.rename(results.run("broken").path)
    sound = next(STORED_GATE.rglob("spec.json")).read_text()
    results.run("broken").spec.write_text(json.dumps(json.loads(sound) | changes))
    (outcome,) = again(results)
    assert outcome.run_id == "broken"
    assert "spec.json is not readable" in outcome.problem and "train again" in outcome.problem
    assert next(iter(changes)) in outcome.problem
    assert not results.run("broken").scores.exists()


@pytest.mark.process
def test_a_scorer_that_dies_is_a_problem_with_its_exit_code_and_its_log(folder, spec, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "not a number")
    log = folder.path / "score.log"
    log.write_text("from an earlier scorer\n")
    problem = score_missing(folder, spec, FID, keep_samples=False)
    assert problem == f"the scorer ended with exit code 1; see {log}"
    assert log.read_text().startswith("from an earlier scorer\nFatal Python error")
    assert not list(folder.scores.glob("*"))
