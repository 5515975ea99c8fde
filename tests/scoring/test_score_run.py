"""Scoring a run: from its snapshots to the scores, the grids and what is left of the samples."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from gan_bench import data
from gan_bench.data import Dataset, Split
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.results.scores import Scores
from gan_bench.scoring import score_run as run
from gan_bench.scoring.scorer import Options

SAMPLES = 500


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
    write_spec(tmp_path)
    (tmp_path / "snapshots").mkdir()
    for step, images in snapshots.items():
        np.savez(path_of(tmp_path, step), images=images)
    return tmp_path


def score_run(folder, features="lenet", *, metrics=("fid",), cache=None, **how):
    return run.score_run(folder, metrics, Options(features=features, cache=cache), **how)


def write_spec(folder, **changes):
    values = {"dataset": "mnist-5k", "data_sha256": data.load("mnist-5k").sha256}
    values |= {"samples": SAMPLES, "seed": 3, "steps": 100} | changes
    (folder / "spec.json").write_text(json.dumps(values), encoding="utf-8")


def path_of(folder, step):
    return folder / "snapshots" / f"{step:08d}.npz"


def kept(folder):
    return sorted(int(path.stem) for path in (folder / "snapshots").iterdir())


def written(folder):
    (path,) = (folder / "scores").iterdir()
    return path


def command(folder, *options):
    return [sys.executable, "-P", "-m", "gan_bench.scoring", str(folder), *options]


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
    first = score_run(run_dir, keep_samples=True)
    second = score_run(run_dir, keep_samples=True)
    assert second.scores == first.scores
    assert second.floor == first.floor


def test_a_grid_of_every_snapshot_and_the_whole_last_one_stay(run_dir, snapshots):
    score_run(run_dir)
    assert kept(run_dir) == [100]
    with np.load(path_of(run_dir, 100)) as archive:
        np.testing.assert_array_equal(archive["images"], snapshots[100])
    grids = sorted(path.name for path in (run_dir / "grids").iterdir())
    assert grids == ["00000000.png", "00000050.png", "00000100.png"]


def test_all_snapshots_stay_if_asked(run_dir):
    score_run(run_dir, keep_samples=True)
    assert kept(run_dir) == [0, 50, 100]
    assert len(list((run_dir / "grids").iterdir())) == 3


def test_nothing_is_deleted_before_the_scores_are_on_the_disk(run_dir, monkeypatch):
    def full_disk(self, folder):
        raise OSError("No space left on device")

    monkeypatch.setattr(Scores, "write", full_disk)
    with pytest.raises(OSError, match="No space"):
        score_run(run_dir)
    assert kept(run_dir) == [0, 50, 100]


def test_scoring_again_keeps_the_rows_of_snapshots_that_are_gone(run_dir):
    first = score_run(run_dir)
    second = score_run(run_dir)
    assert second.scores == first.scores
    assert second.status == "ok"


def test_a_resumed_run_adds_its_later_snapshots_to_the_scores(run_dir, snapshots):
    score_run(run_dir)
    np.savez(path_of(run_dir, 150), images=snapshots[100])
    scores = score_run(run_dir)
    assert [row.step for row in scores.scores] == [0, 50, 100, 150]
    assert scores.scores[3].value == scores.scores[2].value
    assert kept(run_dir) == [150]


def test_half_written_snapshots_are_passed_over(run_dir):
    (run_dir / "snapshots" / ".00000150.npz.abc.tmp").write_bytes(b"half")
    (run_dir / "snapshots" / ".00000150.npz").write_bytes(b"half")
    assert [row.step for row in score_run(run_dir).scores] == [0, 50, 100]


def damage_end(path):
    path.write_bytes(path.read_bytes()[:-100])


def damage_middle(path):
    content = bytearray(path.read_bytes())
    content[5000:5100] = bytes(range(100))
    path.write_bytes(content)


def damage_name(path):
    content = np.zeros((SAMPLES, 28, 28, 1), dtype=np.uint8)
    np.savez(path, samples=content, others=content)


def damage_type(path):
    np.savez(path, images=np.zeros((SAMPLES, 28, 28, 1), dtype=np.float32))


def damage_pickle(path):
    np.savez(path, images=np.array([{}], dtype=object))


def damage_count(path):
    np.savez(path, images=np.zeros((SAMPLES - 1, 28, 28, 1), dtype=np.uint8))


def damage_size(path):
    np.savez(path, images=np.zeros((SAMPLES, 32, 32, 1), dtype=np.uint8))


def damage_format(path):
    with path.open("wb") as file:
        np.save(file, np.zeros((SAMPLES, 28, 28, 1), dtype=np.uint8))


@pytest.mark.parametrize(
    "damage",
    [
        damage_end,
        damage_middle,
        damage_name,
        damage_type,
        damage_pickle,
        damage_count,
        damage_size,
        damage_format,
    ],
)
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
    damage_end(path_of(run_dir, 50))
    score_run(run_dir)
    np.savez(path_of(run_dir, 50), images=snapshots[50])
    assert score_run(run_dir).status == "ok"


def test_images_that_do_not_fit_the_features_are_an_error_on_record(run_dir, monkeypatch):
    images = np.zeros((20, 32, 32, 3), dtype=np.uint8)
    split = Split.from_arrays(images, np.zeros(20, dtype=np.int64))
    colour = Dataset("colour", split, split, classes=10)
    write_spec(run_dir, data_sha256=colour.sha256)
    for step in (0, 50, 100):
        np.savez(path_of(run_dir, step), images=np.zeros((SAMPLES, 32, 32, 3), dtype=np.uint8))
    monkeypatch.setattr(run.data, "load", lambda name: colour)
    scores = score_run(run_dir)
    assert (scores.status, scores.floor) == ("error", {"fid_lenet": None})
    assert [row.value for row in scores.scores] == [None] * 3
    assert "There is no lenet for colour" in scores.reason
    assert scores.protocol.features_sha256 is None
    assert kept(run_dir) == [0, 50, 100]
    assert len(list((run_dir / "grids").glob("*.png"))) == 3


def test_data_that_changed_since_the_run_was_planned_are_no_reference(run_dir):
    write_spec(run_dir, data_sha256="0" * 64)
    with pytest.raises(GanBenchError, match="mnist-5k has changed since the run was planned"):
        score_run(run_dir)
    assert not (run_dir / "scores").exists()


def test_more_samples_than_training_images_have_no_floor(tmp_path, mnist_5k):
    write_spec(tmp_path, samples=4001)
    (tmp_path / "snapshots").mkdir()
    np.savez(path_of(tmp_path, 0), images=np.resize(mnist_5k.train.images, (4001, 28, 28, 1)))
    scores = score_run(tmp_path)
    assert scores.status == "ok"
    assert scores.floor == {"fid_lenet": None}
    assert "only 4000 are there" in scores.floor_reason


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
    score_run(run_dir, keep_samples=True)
    write_spec(run_dir, samples=200)
    for step, images in snapshots.items():
        np.savez(path_of(run_dir, step), images=images[:200])
    score_run(run_dir)
    assert len(list((run_dir / "scores").iterdir())) == 2


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[:-20], "damaged"),
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


def test_missing_scores_are_an_error(tmp_path):
    with pytest.raises(GanBenchError, match="cannot be read"):
        Scores.read(tmp_path / "absent.json")


def test_a_folder_that_is_no_run_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="not the folder of a run"):
        score_run(tmp_path)


@pytest.mark.parametrize("changes", [{"samples": 1}, {"samples": "many"}, {"dataset": None}])
def test_a_damaged_specification_is_an_error(run_dir, changes):
    write_spec(run_dir, **changes)
    with pytest.raises(UsageError, match=next(iter(changes))):
        score_run(run_dir)


def test_a_run_without_a_snapshot_is_an_error(tmp_path):
    write_spec(tmp_path)
    with pytest.raises(UsageError, match="nothing to score"):
        score_run(tmp_path)
    assert not (tmp_path / "scores").exists()


def test_the_process_writes_scores_and_imports_no_framework(run_dir):
    program = (
        "import sys\n"
        "from gan_bench.scoring.__main__ import main\n"
        "code = main()\n"
        "assert not {'torch', 'tensorflow', 'keras', 'jax'} & set(sys.modules)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, str(run_dir), "--threads", "1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert Scores.read(written(run_dir)).status == "ok"


def test_the_process_ends_with_1_and_one_sentence_if_a_snapshot_has_no_score(run_dir):
    damage_end(path_of(run_dir, 50))
    done = subprocess.run(
        command(run_dir, "--threads", "1"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("The snapshot 00000050.npz is damaged")
    assert Scores.read(written(run_dir)).status == "error"


@pytest.mark.parametrize("options", [["--features", "nothing"], ["--threads", "0"]])
def test_the_process_ends_with_2_and_one_sentence_on_a_users_mistake(run_dir, options):
    done = subprocess.run(command(run_dir, *options), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not (run_dir / "scores").exists()


def test_the_process_ends_with_2_if_the_scores_cannot_be_written(run_dir):
    # A file in the way of the folder: a mode would not stop root.
    (run_dir / "scores").write_text("in the way")
    done = subprocess.run(command(run_dir), capture_output=True, text=True, check=False)
    assert done.returncode == 2
