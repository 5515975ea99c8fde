"""``gan-bench features train``: a data set's own lenet, without which a run is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from gan_bench import data
from gan_bench.data import Dataset, Split
from gan_bench.scoring.features.by_name import MODELS, NoFeatures, load_features
from gan_bench.system.files import cache_folder, file_sha256

SHORT = ("--images", "64", "--evaluations", "2", "--samples", "40")
DATASET = "folder:digits"


@pytest.fixture
def digits(bench):
    """Three classes of real digits, in colour and of another size than the shipped model's."""
    split = data.load("mnist-5k").train
    for digit in (0, 1, 7):
        folder = bench.folder / "digits" / str(digit)
        folder.mkdir(parents=True)
        for index, image in enumerate(split.images[split.labels == digit][:140]):
            small = Image.fromarray(image[:, :, 0]).resize((20, 18)).convert("RGB")
            small.save(folder / f"{index:03d}.png")


def files_of(folder):
    return [json.loads(path.read_text()) for path in (folder / "scores").glob("*.json")]


def scores_of(bench):
    (folder,) = bench.run_folders()
    return files_of(folder)


@pytest.mark.long
@pytest.mark.torch
def test_a_run_is_refused_until_it_is_trained_and_scored_by_it_afterwards(
    bench, plugin, digits, tmp_path
):
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    target = plugin("gan")
    run = ("run", target, "--dataset", DATASET, *SHORT)
    done = bench(*run, **cache)
    assert done.code == 2
    assert "There is no lenet for folder:digits (the built-in one is for mnist, " in done.err
    assert "`gan-bench features train folder:digits`" in done.err
    assert not (bench.folder / "results").exists()

    trained = bench("features", "train", DATASET, "--epochs", "40", **cache)
    assert trained.code == 0, trained.err
    assert "epoch 40/40" in trained.err
    accuracy = float(trained.out.split("accuracy ")[1].split("%")[0])
    assert accuracy > 90
    assert "1 entry" in bench("doctor", **cache).out

    assert bench(*run, **cache).code == 0
    (after,) = scores_of(bench)
    assert after["status"] == "ok"
    assert after["weights"] == f"trained here, 40 epochs, seed 0, accuracy {accuracy:.2f}%"
    assert len(after["protocol"]["features_sha256"]) == 64
    rows = [row for row in after["scores"] if row["metric"] == "fid_lenet"]
    assert [row["value"] > 0 for row in rows] == [True, True]
    shares = next(r for r in after["scores"] if r["metric"] == "classes_present")["details"]
    assert np.allclose(sum(shares["real_shares"]), 1)
    assert len(shares["shares"]) == 3
    assert json.loads(bench("status", "--json").out)[0]["status"] == "ok"
    # Its accuracy is beside its scores, everywhere.
    stated = f"accuracy {accuracy:.2f}%"
    assert stated in bench("score", "--results", "results/local", **cache).out
    assert stated in bench("score", f"{DATASET}:test", f"{DATASET}:train", **cache).out
    assert bench("report", **cache).code == 0
    for page in ("report-full.md", "report.html"):  # with the ranking, and with all scores
        assert (bench.folder / "reports" / "local" / page).read_text().count(stated) >= 2, page


@pytest.mark.long
@pytest.mark.torch
def test_a_lenet_that_learned_nothing_is_refused_and_not_kept(bench, tmp_path):
    random = np.random.default_rng(1)
    for side in ("train", "test"):
        for index in range(40):
            folder = bench.folder / "noise" / side / f"class{index % 2}"
            folder.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 255, (28, 28), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.png")
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = bench("features", "train", "folder:noise", "--seed", "1", **cache)
    assert done.code == 2
    *_, last = done.err.splitlines()
    assert "The lenet of folder:noise is no better than chance: it recognises" in last
    assert "of 40 test images, and 50.0% are of the largest class" in last
    assert not list((tmp_path / "cache").rglob("lenet-*"))


def made(labels):
    """A data set with these labels in its test split."""
    images = np.zeros((len(labels), 8, 8, 1), np.uint8)
    split = Split.from_arrays(images, np.array(labels, np.int64))
    return Dataset("folder:/made", split, split, max(labels) + 1)


@pytest.mark.parametrize(
    ("labels", "accuracy", "refused"),
    [
        (20 * [0, 1], 0.5, True),
        (20 * [0, 1], 0.65, True),  # guessing reaches it in 4 % of the cases
        (20 * [0, 1], 0.8, False),
        (100 * list(range(10)), 0.11, True),
        (100 * list(range(10)), 0.3, False),
        (900 * [0] + 100 * [1], 0.9, True),  # it may always name the larger class
        (900 * [0] + 100 * [1], 0.95, False),
        (20 * [0, 1], 0.0, True),
        (20 * [0, 1], 1.0, False),
    ],
)
def test_a_kept_lenet_is_used_only_if_it_is_better_than_chance(
    tmp_path, monkeypatch, labels, accuracy, refused
):
    """Earlier versions kept every one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    dataset = made(labels)
    path = cache_folder() / "features" / f"lenet-{dataset.sha256[:16]}.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes((MODELS / "lenet.onnx").read_bytes())
    facts = {"weights": "w", "accuracy": accuracy, "sha256": file_sha256(path)}
    path.with_suffix(".json").write_text(json.dumps(facts))
    if refused:
        with pytest.raises(NoFeatures, match="The lenet of folder:made is no better than chance"):
            load_features("lenet", dataset=dataset)
    else:
        assert load_features("lenet", dataset=dataset).weights == "w"


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ("mnist-5k", "The lenet of mnist-5k comes with gan-bench; there is nothing to train."),
        ("folder:plain", "folder:plain has only one class, so no classifier can be trained on it."),
        ("folder:single", "folder:single has only one class, so no classifier can be trained"),
        ("folder:small", "too small for the classifier, which needs at least 8 x 8 pixels"),
        ("nothing", "There is no data set 'nothing'"),
    ],
)
def test_what_cannot_be_trained_on_is_one_sentence(bench, dataset, said):
    for name, side in (("plain", 12), ("single/a", 12), ("small/a", 6), ("small/b", 6)):
        (bench.folder / name).mkdir(parents=True)
        for index in range(20):
            pixels = np.full((side, side), index, dtype=np.uint8)
            Image.fromarray(pixels).save(bench.folder / name / f"{name[-1]}{index}.png")
    done = bench("features", "train", dataset)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


@pytest.mark.long
@pytest.mark.torch
def test_padded_digits_have_a_lenet_of_their_own_and_scores_apart(bench, plugin, tmp_path):
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    target, padded = plugin("gan"), "mnist-5k,pad=32"
    trained = bench("features", "train", padded, "--epochs", "1", **cache)
    assert trained.code == 0, trained.err
    for dataset in (padded, "mnist-5k"):
        assert bench("run", target, "--dataset", dataset, *SHORT, **cache).code == 0
    protocols = [score["protocol"] for path in bench.run_folders() for score in files_of(path)]
    assert {protocol["dataset"] for protocol in protocols} == {padded, "mnist-5k"}
    assert len({protocol["reference_sha256"] for protocol in protocols}) == 2
    assert len({protocol["features_sha256"] for protocol in protocols}) == 2
