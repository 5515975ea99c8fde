"""Features of the first images only: ``inception:2500`` beside ``lenet`` of all images."""

import json

import numpy as np
import pytest
from PIL import Image

from gan_bench import data
from gan_bench.errors import UsageError
from gan_bench.scoring.features import FeatureChoice, Meter, Scoring, parse_features
from gan_bench.scoring.score_pair import score_pair

SHORT = ("--images", "512", "--evaluations", "3", "--samples", "300")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lenet", [FeatureChoice("lenet")]),
        ("lenet, inception:2500", [FeatureChoice("lenet"), FeatureChoice("inception", 2500)]),
        ("a:b/mine.onnx", [FeatureChoice("a:b/mine.onnx")]),
        ("a/mine.onnx:50", [FeatureChoice("a/mine.onnx", 50)]),
    ],
)
def test_features_are_read_as_they_are_written(text, words):
    assert list(parse_features(text)) == words
    assert list(parse_features(",".join(map(str, words)))) == words


@pytest.mark.parametrize("text", ["lenet:", "lenet:1", "lenet:-5", "lenet:2k", "lenet:²"])
def test_a_count_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match="not an integer above 1; write, for example, lenet:2500"):
        parse_features(text)


def figures(folder):
    """FIDs by (samples, step)."""
    rows = {}
    for path in (folder / "scores").glob("*.json"):
        content = json.loads(path.read_text())
        protocol = content["protocol"]
        assert protocol["n_fake"] <= protocol["n_real"]
        for row in content["scores"]:
            if row["metric"] == "fid_lenet":
                rows[row["n_fake"], row["step"]] = row["value"]
    return rows


@pytest.mark.long
def test_some_images_of_both_sides_are_scored_under_a_protocol_of_their_own(bench, plugin):
    assert bench("run", plugin("gan"), *SHORT, "--keep-samples").code == 0
    (folder,) = bench.run_folders()
    before = figures(folder)
    again = ("score", "--results", "results/local", "--features", "lenet:200", "--metrics", "fid")
    assert bench(*again).code == 0
    last = max(step for _, step in before)
    added = {key: value for key, value in figures(folder).items() if key not in before}
    assert list(added) == [(200, last)]
    # The same by hand, and what all of the samples came to is still there.
    images = np.load(folder / "snapshots" / f"{last:08d}.npz")["images"]
    np.savez(bench.folder / "first.npz", images=images[:200])
    words = ("mnist-5k:test:200", "first.npz", "--metrics", "fid", "--json")
    assert json.loads(bench("score", *words).out)["scores"][0]["value"] == added[200, last]
    np.savez(bench.folder / "first.npz", images=images[:200])
    pair = ("mnist-5k:test", "first.npz", "--features", "lenet:200", "--metrics", "fid", "--json")
    assert json.loads(bench("score", *pair).out)["scores"][0]["value"] == added[200, last]
    assert figures(folder).items() >= before.items()


@pytest.mark.long
def test_a_count_takes_a_random_subset_of_files_and_folders_and_the_protocol_says_so(bench):
    """Stored class by class, the first 200 images would be of three digits."""
    split = data.load("mnist-5k").test
    order = np.argsort(split.labels, kind="stable")
    np.savez(bench.folder / "by_class.npz", images=split.images[order])
    for digit in range(10):
        folder = bench.folder / "folders" / str(digit)
        folder.mkdir(parents=True)
        for index in np.flatnonzero(split.labels == digit):
            Image.fromarray(split.images[index][..., 0]).save(folder / f"{index:04d}.png")
    words = ("--features", "lenet:200", "--metrics", "fid", "--no-floor", "--json")
    for name in ("by_class.npz", "folders"):
        found = json.loads(bench("score", name, "mnist-5k:train", *words).out)
        protocol = found["protocol"]
        assert (protocol["selection"], protocol["seed"]) == ("drawn", 0)
        assert (protocol["n_real"], protocol["n_fake"]) == (200, 200)
        assert (found["real"]["count"], found["real"]["drawn"]) == (1000, 200)
        assert (found["fake"]["count"], found["fake"]["drawn"]) == (4000, 200)
        # All 1,000 come to about 2; two digits against ten come to more than 70.
        assert found["scores"][0]["value"] < 10
    reverse = json.loads(bench("score", "mnist-5k:train", "folders", *words).out)
    assert reverse["scores"][0]["value"] < 10
    shown = bench("score", "by_class.npz", "mnist-5k:train", *words[:-1]).out
    assert "200 randomly chosen real and 200 randomly chosen fake images" in shown
    other = json.loads(bench("score", "by_class.npz", "mnist-5k:train", *words, "--seed", "1").out)
    assert other["scores"][0]["value"] != found["scores"][0]["value"]


def test_more_images_than_there_are_is_a_sentence(bench, plugin):
    assert bench("run", plugin("gan"), *SHORT).code == 0
    early = bench("run", plugin("gan"), *SHORT, "--features", "lenet:301")
    assert early.code == 2 and "has 300 samples in this plan: ask for fewer" in early.err
    done = bench("score", "--results", "results/local", "--features", "lenet:400")
    assert done.code == 1
    assert "400 images cannot be scored, as the snapshots have 300: ask for fewer." in done.err


@pytest.mark.long
def test_a_count_that_is_that_of_the_samples_is_another_protocol(bench, plugin):
    """Of the samples it takes all, of the reference only as many."""
    target = plugin("gan")
    assert bench("run", target, *SHORT).code == 0
    assert "reused" in bench("run", target, *SHORT).out
    assert bench("run", target, *SHORT, "--features", "lenet:300").code == 0
    (folder,) = bench.run_folders()
    counts = {
        (content["protocol"]["n_fake"], content["protocol"]["n_real"])
        for path in (folder / "scores").glob("*.json")
        if (content := json.loads(path.read_text()))
    }
    assert counts == {(300, 1000), (300, 300)}


@pytest.mark.long
def test_samples_from_elsewhere_may_be_scored_by_count_and_whole(bench, plugin):
    np.savez(bench.folder / "x.npz", images=np.zeros((300, 28, 28, 1), np.uint8) + 7)
    words = ("score", "mnist-5k:test", "x.npz", "--metrics", "fid", "--results", "results/local")
    for features in ("lenet:200", "lenet"):
        done = bench(*words, "--as", "X", "--features", features)
        assert done.code == 0, done.err


def test_a_meter_counts_images_and_forgets_those_that_are_known(monkeypatch):
    seconds = iter([10.0, 20.0, 30.0])
    monkeypatch.setattr("time.monotonic", lambda: next(seconds))
    lines = []
    meter = Meter("inception", lines.append)
    meter.expect(2_000)
    meter.expect(1_000)
    meter.add(500)
    meter.skip(1_000)
    meter.add(500)
    meter.add(500)
    meter.compute("kid")
    # 500 images took ten seconds: the first batch, which waits for the model, does not count.
    assert lines == [
        "inception: 500 of 3,000 images",
        "inception: 1,000 of 2,000 images, about 20 s left",
        "inception: 1,500 of 2,000 images, about 10 s left",
        "inception: computing kid",
    ]


def test_a_scorer_says_how_far_it_is(tmp_path):
    lines = []
    cached = score_pair(
        *("mnist-5k:test:60", "mnist-5k:train:50", Scoring(metrics=("fid",), cache=False)),
        seed=0,
        threads=1,
        floor=False,
        say=print,
        progress=lines.append,
    )
    assert len(cached) == 1
    assert lines[0].startswith("lenet: 50 of 110 images")
    assert lines[-1] == "lenet: computing fid"
