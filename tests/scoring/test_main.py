"""The scoring process: from a run's snapshots to its scores."""

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from damaged_snapshots import DAMAGES, cut_end
from gan_bench import data
from gan_bench.data import Dataset, Split
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.results.scores import Scores
from gan_bench.scoring import ScoringRequest, ScoringTask
from gan_bench.scoring import __main__ as child
from gan_bench.scoring.features import FeatureChoice
from gan_bench.system.child import ask

pytestmark = pytest.mark.slow

SAMPLES = 250


@pytest.fixture(scope="module")
def mnist_5k():
    return data.load("mnist-5k")


@pytest.fixture
def snapshots(mnist_5k):
    """Noise, one image again and again, and real digits: a run that learns, so to speak."""
    noise = np.random.default_rng(0).integers(0, 256, (SAMPLES, 28, 28, 1), dtype=np.uint8)
    digits = mnist_5k.train.images[:SAMPLES]
    return {0: noise, 50: np.tile(digits[:1], (SAMPLES, 1, 1, 1)), 100: digits}


@pytest.fixture
def run_dir(tmp_path, snapshots):
    (tmp_path / "snapshots").mkdir()
    for step, images in snapshots.items():
        np.savez(path_of(tmp_path, step), images=images)
    return tmp_path


STEPS = (0, 50, 100)


def request(run, features="lenet", *, metrics=("fid",), steps=STEPS, **changes):
    task = ScoringTask(features=FeatureChoice(features), metrics=metrics, steps=steps)
    values = {"dataset": "mnist-5k", "data_sha256": data.load("mnist-5k").sha256}
    values |= {"samples": SAMPLES} | changes
    return ScoringRequest(run=run, tasks=(task,), **values)


def score_run(folder, features="lenet", **how):
    return child.score_run(request(folder, features, **how))


def path_of(folder, step):
    return folder / "snapshots" / f"{step:08d}.npz"


def kept(folder):
    return sorted(int(path.stem) for path in (folder / "snapshots").iterdir())


def written(folder):
    (path,) = (folder / "scores").iterdir()
    return path


def process(asked, **environment):
    """Return the answer of the scoring process, and all that it printed."""
    log = asked.run.parent / f"{asked.run.name}.log"
    answer = ask("gan_bench.scoring", asked, environment={**os.environ, **environment}, log=log)
    return answer, log.read_text(encoding="utf-8")


def test_real_digits_are_near_the_floor_and_noise_is_far_above(run_dir):
    scores = score_run(run_dir)
    floor = scores.floor["fid_lenet"]
    noise, one, digits = scores.scores
    assert (scores.status, scores.reason) == ("ok", None)
    assert floor > 0
    assert digits.value == pytest.approx(floor, rel=0.5)
    assert noise.value > 50 * floor
    assert one.value > 50 * floor
    assert [row.step for row in scores.scores] == [0, 50, 100]


def test_rows_say_how_many_images_and_what_rank_they_come_from(run_dir):
    noise, one, digits = score_run(run_dir).scores
    for row in (noise, one, digits):
        assert (row.metric, row.features) == ("fid_lenet", "lenet")
        assert (row.n_real, row.n_fake) == (1000, SAMPLES)
        assert row.reason is None
    assert noise.low <= noise.value - noise.bias <= noise.high
    assert noise.standard_error > 0
    assert (digits.all_equal, digits.rank_fake, digits.rank_deficient) == (False, 64, False)
    assert (one.all_equal, one.rank_fake, one.rank_deficient) == (True, 0, True)


def test_the_file_is_what_was_returned_and_bears_the_protocols_fingerprint(run_dir, mnist_5k):
    scores = score_run(run_dir)
    path = written(run_dir)
    assert path.name == f"{scores.protocol.fingerprint}.json"
    assert Scores.read(path) == scores
    assert scores.protocol.reference_sha256 == mnist_5k.test.sha256
    assert (scores.protocol.n_real, scores.protocol.n_fake) == (1000, SAMPLES)
    assert set(scores.versions) == {"gan_bench", "numpy", "scipy", "onnxruntime", "python"}
    assert scores.score_s > 0


def test_figures_are_the_same_to_the_bit_the_second_time(run_dir):
    first = score_run(run_dir)
    second = score_run(run_dir)
    assert second.scores == first.scores
    assert second.floor == first.floor


def test_nothing_is_deleted_before_the_scores_are_on_the_disk(run_dir, monkeypatch):
    def full_disk(self, folder):
        raise OSError("No space left on device")

    monkeypatch.setattr(Scores, "write", full_disk)
    with pytest.raises(OSError, match="No space"):
        score_run(run_dir)
    assert kept(run_dir) == [0, 50, 100]


def test_scoring_again_keeps_the_rows_of_snapshots_that_are_gone(run_dir):
    first = score_run(run_dir)
    path_of(run_dir, 0).unlink()
    path_of(run_dir, 50).unlink()
    for second in (score_run(run_dir, steps=(100,)), score_run(run_dir)):
        assert second.scores == first.scores
        assert second.status == "ok"


def test_later_snapshots_are_added_to_the_scores(run_dir, snapshots):
    score_run(run_dir)
    np.savez(path_of(run_dir, 150), images=snapshots[100])
    scores = score_run(run_dir, steps=(150,))
    assert [row.step for row in scores.scores] == [0, 50, 100, 150]
    assert scores.scores[3].value == scores.scores[2].value


def test_rows_are_ordered_by_step_and_metric_whenever_they_were_scored(run_dir):
    score_run(run_dir, metrics=("kid",), steps=(100,))
    scores = score_run(run_dir)
    metrics = [(row.step, row.metric) for row in scores.scores]
    assert metrics == [*((step, "fid_lenet") for step in STEPS), (100, "kid_lenet")]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_snapshot_is_a_row_with_its_reason_and_nothing_is_deleted(run_dir, damage):
    damage(path_of(run_dir, 50))
    scores = score_run(run_dir)
    assert scores.status == "error"
    assert "00000050.npz" in scores.reason
    assert "\n" not in scores.reason
    assert [row.value is None for row in scores.scores] == [False, True, False]
    assert scores.scores[1].reason == scores.reason
    assert kept(run_dir) == [0, 50, 100]
    assert Scores.read(written(run_dir)) == scores


def test_a_repaired_snapshot_turns_the_error_into_scores(run_dir, snapshots):
    cut_end(path_of(run_dir, 50))
    score_run(run_dir)
    np.savez(path_of(run_dir, 50), images=snapshots[50])
    assert score_run(run_dir).status == "ok"


def test_images_that_do_not_fit_the_features_are_an_error_on_record(run_dir, monkeypatch):
    images = np.zeros((20, 32, 32, 3), dtype=np.uint8)
    split = Split.from_arrays(images, np.zeros(20, dtype=np.int64))
    colour = Dataset("colour", split, split, classes=10)
    for step in (0, 50, 100):
        np.savez(path_of(run_dir, step), images=np.zeros((SAMPLES, 32, 32, 3), dtype=np.uint8))
    monkeypatch.setattr(child.data, "load_unchanged", lambda name, sha256: colour)
    scores = score_run(run_dir, data_sha256=colour.sha256)
    assert (scores.status, scores.floor) == ("error", {"fid_lenet": None})
    assert [row.value for row in scores.scores] == [None] * 3
    assert "There is no lenet for colour" in scores.reason
    assert scores.protocol.features_sha256 is None
    assert kept(run_dir) == [0, 50, 100]


def test_data_that_changed_since_the_run_was_planned_are_no_reference(run_dir):
    with pytest.raises(GanBenchError, match="mnist-5k has changed since the run was planned"):
        score_run(run_dir, data_sha256="0" * 64)
    assert not (run_dir / "scores").exists()


@pytest.mark.slow
def test_more_samples_than_training_images_have_no_floor(tmp_path, mnist_5k):
    (tmp_path / "snapshots").mkdir()
    np.savez(path_of(tmp_path, 0), images=np.resize(mnist_5k.train.images, (4001, 28, 28, 1)))
    scores = score_run(tmp_path, steps=(0,), samples=4001)
    assert scores.status == "ok"
    assert scores.floor == {"fid_lenet": None}
    assert "mnist-5k:train has only 4000" in scores.floor_reason


def test_features_without_a_finite_figure_are_null_with_a_reason(run_dir):
    """The model divides by the image's mean less that of a black image: 0 / 0."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["means"], axes=[1, 2], keepdims=0),
        helper.make_node("Div", ["means", "means"], ["features"]),
    ]
    graph = helper.make_graph(
        nodes,
        "ratio",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 28, 28, 1])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, run_dir / "ratio.onnx")
    np.savez(path_of(run_dir, 50), images=np.zeros((SAMPLES, 28, 28, 1), dtype=np.uint8))
    scores = score_run(run_dir, str(run_dir / "ratio.onnx"))
    black = scores.scores[1]
    assert (black.metric, black.value) == ("fid_ratio", None)
    assert "NaN or infinite" in black.reason
    assert black.all_equal
    assert "NaN" not in written(run_dir).read_text(encoding="utf-8").replace(black.reason, "")


def test_scores_under_two_protocols_stand_side_by_side(run_dir, snapshots):
    score_run(run_dir)
    for step, images in snapshots.items():
        np.savez(path_of(run_dir, step), images=images[:200])
    score_run(run_dir, samples=200)
    assert len(list((run_dir / "scores").iterdir())) == 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:-20], "is not readable"),
        (lambda text: text.replace('"schema_version": 2', '"schema_version": 3'), "schema_version"),
        (lambda text: text.replace('"n_real": 1000,', '"n_real": 999,'), "fingerprint"),
        (lambda text: text.replace('"floor"', '"flor"'), "flor: extra inputs"),
    ],
)
def test_damaged_scores_are_an_error_and_are_not_overwritten(run_dir, damage, message):
    score_run(run_dir)
    path = written(run_dir)
    damaged = damage(path.read_text(encoding="utf-8"))
    path.write_text(damaged, encoding="utf-8")
    with pytest.raises(GanBenchError, match=message):
        Scores.read(path)
    with pytest.raises(GanBenchError, match="delete the file"):
        score_run(run_dir)
    assert path.read_text(encoding="utf-8") == damaged


def test_a_folder_that_is_no_run_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="not the folder of a run"):
        score_run(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_scores_are_an_error(tmp_path):
    with pytest.raises(GanBenchError, match="does not exist"):
        Scores.read(tmp_path / "absent.json")


@pytest.mark.process
def test_the_process_writes_scores_and_imports_no_framework(run_dir):
    answer, printed = process(request(run_dir), PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in printed.splitlines()}
    assert answer is None
    assert {"gan_bench", "onnxruntime"} < imported
    assert imported.isdisjoint({"torch", "tensorflow", "keras", "jax"})
    assert Scores.read(written(run_dir)).status == "ok"


@pytest.mark.process
def test_the_process_answers_with_nothing_if_every_snapshot_has_its_score(run_dir):
    assert process(request(run_dir)) == (None, "")
    assert Scores.read(written(run_dir)).status == "ok"


@pytest.mark.process
def test_the_process_answers_with_one_sentence_if_a_snapshot_has_no_score(run_dir):
    cut_end(path_of(run_dir, 50))
    problem, printed = process(request(run_dir))
    assert printed.count("\n") == 1
    assert printed.startswith("The snapshot 00000050.npz is damaged")
    assert problem == printed.strip()
    assert Scores.read(written(run_dir)).status == "error"


@pytest.mark.parametrize("changes", [{"features": "nothing"}, {"threads": 0}])
@pytest.mark.process
def test_the_process_answers_with_one_sentence_on_a_users_mistake(run_dir, changes):
    problem, printed = process(request(run_dir, **changes))
    assert printed.count("\n") == 1
    assert problem == printed.strip()
    assert not (run_dir / "scores").exists()


@pytest.mark.process
def test_the_process_answers_with_a_sentence_if_the_scores_cannot_be_written(run_dir):
    # A file in the way of the folder: a mode would not stop root.
    (run_dir / "scores").write_text("in the way")
    problem, printed = process(request(run_dir))
    assert problem is not None
    assert problem == printed.strip()
    assert (run_dir / "scores").read_text() == "in the way"
