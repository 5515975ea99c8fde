"""``gan-bench score``: two sets, kept snapshots again, samples from elsewhere, and bad input."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gan_bench import data, load_results
from gan_bench.results.scores import Scores
from gan_bench.scoring.images import open_images
from onnx_features import write_means

RUN = ("--images", "256", "--evaluations", "3", "--samples", "150")


@pytest.fixture(scope="module")
def digits():
    return data.load("mnist-5k").train.images


def score(bench, *arguments, code=0):
    done = bench("score", *arguments)
    assert done.code == code, (done.out, done.err)
    return done


def scores_of(bench, run_id=None):
    frame = load_results(bench.folder / "results/local").scores
    return frame if run_id is None else frame[frame["run_id"] == run_id]


def test_json_names_the_whole_protocol_and_every_figure(bench):
    done = score(bench, "mnist-5k:test:200", "mnist-5k:train:150", "--json", "--seed", "4")
    result = Scores.model_validate_json(done.out)
    protocol = result.protocol
    assert (protocol.features, protocol.dataset, protocol.split) == ("lenet", "mnist-5k", "test")
    assert (protocol.n_real, protocol.n_fake, protocol.seed) == (200, 150, 4)
    assert protocol.reference_sha256 == data.load("mnist-5k").test.sha256
    assert len(protocol.features_sha256) == 64
    assert (protocol.resize, protocol.channels) == ("none", "none")
    assert result.fingerprint == protocol.fingerprint
    assert result.versions["onnxruntime"].endswith("(CPUExecutionProvider)")
    assert (result.real.images, result.fake.images) == ("mnist-5k:test:200", "mnist-5k:train:150")
    assert (result.real.count, result.fake.count) == (200, 150)
    metrics = [row.metric for row in result.scores]
    assert metrics == [
        *("fid_lenet", "kid_lenet", "precision_lenet", "recall_lenet", "density_lenet"),
        *("coverage_lenet", "classes_present", "class_kl", "confident_share", "nearest_train"),
        *("copied_share", "ndb", "ndb_js"),
    ]
    fid = result.scores[0]
    assert (fid.n_real, fid.n_fake) == (200, 150)
    assert fid.low <= max(0, fid.value - fid.bias) < fid.high
    assert fid.rank_real == 64
    assert result.floor["fid_lenet"] > 0
    assert result.floor["kid_lenet"] is not None


def test_the_table_shows_counts_interval_floor_and_bias(bench):
    done = score(bench, "mnist-5k:test:200", "mnist-5k:train:150", "--metrics", "fid,kid")
    assert "200 / 150" in done.out
    assert " to " in done.out
    assert "the estimated bias is" in done.out
    assert "features lenet, sha256 b5f6e6ff5b68, reference mnist-5k:test" in done.out
    narrow = bench("score", "mnist-5k:test:200", "mnist-5k:train:150", COLUMNS="60")
    assert narrow.code == 0
    assert max(map(len, narrow.out.splitlines())) <= 60


def test_files_folders_and_data_sets_score_alike(bench, tmp_path, digits):
    folder = tmp_path / "pngs"
    folder.mkdir()
    subset = open_images("mnist-5k:train:150").first(150)
    for index, image in enumerate(subset):
        Image.fromarray(image[:, :, 0]).save(folder / f"{index:04d}.png")
    np.savez(tmp_path / "a.npz", images=subset)
    np.save(tmp_path / "a.npy", subset)
    words = ("mnist-5k:train:150", str(folder), str(tmp_path / "a.npz"), str(tmp_path / "a.npy"))
    by_fid = ("--metrics", "fid", "--json")
    found = [
        json.loads(score(bench, "mnist-5k:test:200", word, *by_fid, "--no-floor").out)
        for word in words
    ]
    assert len({json.dumps(one["scores"]) for one in found}) == 1
    assert len({one["fingerprint"] for one in found}) == 1
    assert len({one["fake"]["sha256"] for one in found[1:]}) == 1
    metrics = ("--metrics", "fid,modes", "--json")
    reference = json.loads(score(bench, str(folder), "mnist-5k:test:150", *metrics).out)
    assert (reference["protocol"]["dataset"], reference["protocol"]["split"]) == ("pngs", None)
    assert "is not a data set with another split" in reference["floor_reason"]
    rows = {row["metric"]: row for row in reference["scores"]}
    assert "no training images" in rows["nearest_train"]["reason"]
    assert rows["fid_lenet"]["value"] > 0


@pytest.fixture
def bad(tmp_path, digits):
    """Files that cannot be scored, by name."""
    np.save(tmp_path / "float.npy", digits[:5].astype(np.float32))
    np.save(tmp_path / "nan.npy", np.full((5, 28, 28, 1), np.nan))
    np.save(tmp_path / "one.npy", digits[:1])
    np.save(tmp_path / "thin.npy", np.zeros((5, 0, 0, 1), np.uint8))
    np.save(tmp_path / "large.npy", np.zeros((5, 32, 32, 1), np.uint8))
    np.save(tmp_path / "black.npy", np.zeros((5, 28, 28, 1), np.uint8))
    (tmp_path / "empty").mkdir()
    (tmp_path / "none.onnx").write_bytes(b"no model")
    write_means(tmp_path / "colour.onnx", image=("n", 28, 28, 3))
    write_means(tmp_path / "flat.onnx", image=("n", 784))
    # Of a black image the logarithm of zero, minus infinity.
    write_means(tmp_path / "log.onnx", operator="Log")
    return tmp_path


REAL = "mnist-5k:test:50"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "There is nothing to score: give REAL and FAKE, or --results"),
        ((REAL,), "Two sets of images are needed, not 1"),
        ((REAL, REAL, REAL), "Two sets of images are needed, not 3"),
        ((REAL, "float.npy"), "has float32 (5, 28, 28, 1) instead of uint8"),
        ((REAL, "nan.npy"), "has float64 (5, 28, 28, 1) instead of uint8"),
        ((REAL, "one.npy"), "has 1 image; at least two"),
        ((REAL, "empty"), "has no images; at least two"),
        ((REAL, "absent.npz"), "absent.npz does not exist"),
        ((REAL, "large.npy"), "Both sides must have the same size"),
        (("large.npy", "large.npy"), "needs images of 28 x 28 x 1"),
        ((REAL, REAL, "--features", "none.onnx"), "is not an ONNX model"),
        ((REAL, REAL, "--features", "absent.onnx"), "cannot be read"),
        ((REAL, REAL, "--features", "colour.onnx"), "needs images of 28 x 28 x 3"),
        ((REAL, REAL, "--features", "flat.onnx"), "must have one input"),
        ((REAL, "black.npy", "--features", "log.onnx"), "A feature is NaN or infinite"),
        ((REAL, REAL, "--features", "lenett"), "There are no features 'lenett'"),
        ((REAL, REAL, "--features", ","), "No features were named"),
        ((REAL, REAL, "--features", "lenet,lenet"), "named twice"),
        ((REAL, REAL, "--metrics", "fid,fud"), "There is no metric 'fud'; did you mean fid?"),
        ((REAL, REAL, "--metrics", ""), "No metric was named"),
        ((REAL, REAL, "--weights", "x.pth"), "--weights are Inception's"),
        ((REAL, REAL, "--as", "mine"), "needs --results"),
        ((REAL, REAL, "--results", "results/local"), "needs --as"),
        ((REAL, REAL, "--results", "r", "--as", "\t"), "--as takes a name"),
        (("--as", "mine"), "--as names the images FAKE"),
        ((REAL, REAL, "--points", "all"), "--points is for the snapshots"),
        (("--results", "nowhere", "--seed", "1"), "--seed and --no-floor are for REAL and FAKE"),
        (("--results", "nowhere", "--no-floor"), "--seed and --no-floor are for REAL and FAKE"),
        ((REAL, "float.npy", "--results", "results/new", "--as", "mine"), "has float32"),
        (("thin.npy", "thin.npy", "--metrics", "modes"), "(5, 0, 0, 1) instead of uint8"),
        (("--results", "nowhere"), "There is no results folder nowhere"),
        (("fashion:test", REAL), "There is no data set 'fashion'"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(bench, bad, arguments, message):
    names = {path.name for path in bad.iterdir()}
    words = [str(bad / word) if word in names else word for word in arguments]
    done = bench.here("score", *words)
    assert done.code == 2, (done.out, done.err)
    assert message in done.err
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    assert done.out == ""
    assert not (bench.folder / "results").exists()
    assert {path.name for path in bad.iterdir()} >= names


@pytest.mark.long
def test_few_images_give_what_they_can(bench):
    done = score(
        bench, "mnist-5k:test:4", "mnist-5k:train:4", "--json", "--metrics", "fid,kid,prdc"
    )
    rows = {row["metric"]: row for row in json.loads(done.out)["scores"]}
    assert rows["fid_lenet"]["value"] > 0
    assert (rows["fid_lenet"]["low"], rows["fid_lenet"]["rank_deficient"]) == (None, True)
    assert rows["kid_lenet"]["value"] is not None
    assert "needs at least 6 images on both sides; there are 4" in rows["recall_lenet"]["reason"]
    done = score(bench, "mnist-5k:test:100", "mnist-5k:train:100", "--metrics", "fid,fid-infinity")
    assert "needs at least 192 samples, there are 100: use more" in done.out


@pytest.mark.long
def test_infinitely_many_samples_where_there_are_enough(bench):
    done = score(
        *(bench, "mnist-5k:test:400", "mnist-5k:train:1000", "--json"),
        *("--metrics", "fid,fid-infinity"),
    )
    fid, infinity = json.loads(done.out)["scores"]
    assert infinity["metric"] == "fid_infinity_lenet"
    assert infinity["value"] < fid["value"]
    assert infinity["low"] < infinity["value"] < infinity["high"]
    assert "not that of the real images" in infinity["details"]["removes"]


def test_a_run_is_scored_as_the_same_samples_by_hand(bench, plugin, tmp_path):
    target = plugin("small")
    done = bench("run", target, *RUN)
    assert done.code == 0, done.err
    frame = scores_of(bench)
    (run_id,) = frame["run_id"].unique()
    (snapshot,) = (bench.folder / "results/local/runs" / run_id / "snapshots").iterdir()
    by_hand = json.loads(score(bench, "mnist-5k:test", str(snapshot), "--json").out)
    final = frame[frame["step"] == frame["step"].max()]
    assert set(final["protocol"]) == {by_hand["fingerprint"]}
    ours = {row["metric"]: row["value"] for row in by_hand["scores"]}
    assert final.set_index("metric")["value"].to_dict() == ours
    assert len(frame[frame["metric"] == "fid_lenet"]) == 3
    assert len(frame) == 3 + len(ours) - 1
    shown = bench("show", run_id).out
    assert "coverage_lenet" in shown and "fid_lenet" in shown


def test_snapshots_are_scored_again_later_without_training(bench, plugin, tmp_path):
    target = plugin("small")
    assert bench("run", target, *RUN, "--metrics", "fid", "--keep-samples").code == 0
    assert set(scores_of(bench)["metric"]) == {"fid_lenet"}
    before = scores_of(bench)
    log = next((bench.folder / "results/local/runs").glob("*/events.jsonl"))
    events = log.read_bytes()
    done = bench("score", "--results", "results/local", "--metrics", "fid,kid,modes", COLUMNS="80")
    assert done.code == 0 and "kid_lenet" in done.out and "confident_share" in done.out
    assert max(map(len, done.out.splitlines())) <= 80 and "…" not in done.out
    after = scores_of(bench)
    assert len(after[after["metric"] == "kid_lenet"]) == 1
    assert after[after["metric"] == "fid_lenet"]["value"].tolist() == before["value"].tolist()
    features = write_means(tmp_path / "means.onnx")
    everywhere = ("--results", "results/local", "--features", features, "--points", "all", "--json")
    (run,) = json.loads(score(bench, *everywhere, "--metrics", "fid").out)
    assert (run["problem"], run["scores"][0]["scores"][0]["metric"]) == (None, "fid_means")
    assert len(run["scores"][0]["protocol"]["features_sha256"]) == 64
    frame = scores_of(bench)
    assert len(frame[frame["metric"] == "fid_means"]) == 3
    assert frame["protocol"].nunique() == 2
    assert log.read_bytes() == events
    assert len(list(log.parent.glob("snapshots/*.npz"))) == 3


@pytest.mark.long
def test_more_features_for_a_finished_run_train_nothing(bench, plugin, tmp_path):
    target = plugin("small")
    assert bench("run", target, *RUN).code == 0
    features = f"lenet,{write_means(tmp_path / 'means.onnx', image=('n', 28, 28, 1))}"
    log = next((bench.folder / "results/local/runs").glob("*/events.jsonl"))
    events = log.read_bytes()
    assert bench("run", target, *RUN, "--features", features).code == 0
    frame = scores_of(bench)
    last = frame["step"].max()
    # Other features than the first are for the last snapshot, and count no classes again.
    means = frame[frame["features"] == "means"]
    assert set(means["step"]) == {last}
    assert {"fid_means", "kid_means", "recall_means"} <= set(means["metric"])
    assert (frame["metric"] == "ndb").sum() == 1
    assert log.read_bytes() == events
    wrong = bench("run", target, *RUN, "--features", "lenet,absent.onnx")
    assert wrong.code == 2
    assert "absent.onnx cannot be read" in wrong.err


def test_samples_from_elsewhere_are_a_row_of_the_report(bench, plugin, tmp_path, digits):
    target = plugin("small")
    assert bench("run", target, *RUN, "--metrics", "fid").code == 0
    np.savez(tmp_path / "theirs.npz", images=digits[:150])
    named = ("--as", "Their GAN", "--results", "results/local")
    by_fid = (*named, "--metrics", "fid")
    said = score(bench, "mnist-5k:test", str(tmp_path / "theirs.npz"), *by_fid).err
    assert "'Their GAN' is stored in results/local." in said
    assert "in the ranking by lenet, without a rank, as runs were scored in the same way." in said
    assert "Next: gan-bench report --open" in said
    assert bench("report").code == 0
    text = (bench.folder / "reports/local/report.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if "External: Their GAN" in line)
    frame = scores_of(bench, "external-Their GAN")
    value = frame.set_index("metric").loc["fid_lenet", "value"]
    assert f"{value:.2f}" in row or f"{value:.3f}" in row
    assert "150 images of" in text
    # The same again changes nothing; other images under the same name are refused.
    score(bench, "mnist-5k:test", str(tmp_path / "theirs.npz"), *by_fid)
    np.savez(tmp_path / "others.npz", images=digits[150:300])
    done = score(bench, "mnist-5k:test", str(tmp_path / "others.npz"), *by_fid, code=2)
    assert "has other images under the name 'Their GAN'" in done.err
    # Other figures of the same images are added to the first.
    score(bench, "mnist-5k:test", str(tmp_path / "theirs.npz"), *named, "--metrics", "kid,prdc")
    assert scores_of(bench, "external-Their GAN")["metric"].nunique() == 6
    # Under another protocol it stands apart.
    apart = ("mnist-5k:test:500", str(tmp_path / "others.npz"), "--as", "Apart", *by_fid[2:])
    said = score(bench, *apart).err
    assert "in a table of their own, as the runs were scored in another way:" in said
    assert "n real (500 against 1,000)" in said
    listed = " ".join(bench("status").out.split())
    assert "External: Their GAN" in listed
    assert "External samples Apart: scored by lenet in another way; FID" in listed
    assert bench("report").code == 0
    text = (bench.folder / "reports/local/report.md").read_text(encoding="utf-8")
    assert "External samples under protocols of their own" in text
    assert "Their GAN" in text


def test_the_command_imports_no_framework(bench):
    program = (
        "import sys\n"
        "from gan_bench.cli.main import main\n"
        "main(['score', 'mnist-5k:test:60', 'mnist-5k:train:60'], standalone_mode=False)\n"
        "assert not {'torch', 'tensorflow', 'keras', 'jax'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_edited_model_is_another_model(bench, plugin, tmp_path):
    target = plugin("small")
    features = write_means(tmp_path / "means.onnx")
    short = (*RUN, "--features", features, "--metrics", "fid", "--keep-samples")
    assert bench("run", target, *short).code == 0
    assert len(scores_of(bench)) == 3
    write_means(tmp_path / "means.onnx", operator="Sqrt")
    assert bench("run", target, *short).code == 0
    frame = scores_of(bench)
    assert frame["protocol"].nunique() == 2
    assert len(frame) == 6


@pytest.mark.long
def test_other_metrics_leave_what_there_is_and_curves_are_never_lost(bench, plugin):
    target = plugin("small")
    assert bench("run", target, *RUN, "--metrics", "kid").code == 0
    frame = scores_of(bench)
    # The snapshots before the end are gone, so they have their FID whatever was asked for.
    assert len(frame[frame["metric"] == "fid_lenet"]) == 3
    assert (frame["metric"] == "kid_lenet").sum() == 1
    protocols = load_results(bench.folder / "results/local").protocols
    (before,) = protocols.values()
    score(bench, "--results", "results/local", "--metrics", "prdc")
    (after,) = load_results(bench.folder / "results/local").protocols.values()
    assert before.floor.items() <= after.floor.items()
    assert "coverage_lenet" in after.floor
    assert len(scores_of(bench)) == len(frame) + 4


@pytest.mark.long
def test_what_is_wrong_with_one_run_does_not_stop_the_others(bench, plugin):
    target = plugin("small")
    assert bench("run", target, *RUN, "--metrics", "fid", "--seeds", "3").code == 0
    first, second, third = bench.run_folders()
    (path,) = (first / "scores").glob("*.json")
    path.write_text("{}")
    next((second / "snapshots").glob("*.npz")).write_bytes(b"damaged")
    done = score(bench, "--results", "results/local", "--metrics", "fid,kid", code=1)
    problems = dict(line.split(": ", 1) for line in done.err.splitlines())
    assert "delete the file" in problems[first.name]
    assert "is damaged" in problems[second.name]
    assert problems[third.name] == "scored"
    assert done.out.count("kid_lenet") >= 1


def test_images_of_no_known_data_set_have_a_warning_and_no_classes(bench, tmp_path):
    random = np.random.default_rng(0)
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", random.integers(0, 256, (80, 28, 28, 1), dtype=np.uint8))
    sides = (str(tmp_path / "a.npy"), str(tmp_path / "b.npy"))
    result = json.loads(score(bench, *sides, "--metrics", "fid,modes", "--json").out)
    rows = {row["metric"]: row for row in result["scores"]}
    assert "a.npy is not a known data set" in result["warnings"][0]
    assert rows["classes_present"]["value"] is None
    assert rows["fid_lenet"]["value"] is not None
    shown = score(bench, *sides, "--metrics", "fid").out
    assert "Warning: a.npy is not a known data set" in shown


@pytest.fixture
def kinds(bench, digits):
    """The same digits in grey, in RGB, larger, and some in RGB."""
    for index, digit in enumerate(digits[:40]):
        grey = Image.fromarray(digit[..., 0])
        large = grey.resize((56, 56))
        pictures = {"grey": grey, "rgb": grey.convert("RGB"), "large": large}
        pictures["mixed"] = grey if index % 5 else pictures["rgb"]
        for name, picture in pictures.items():
            (bench.folder / name).mkdir(exist_ok=True)
            picture.save(bench.folder / name / f"{index:03d}.png")


@pytest.mark.long
def test_sides_of_different_kinds_are_compared_by_options_that_the_protocol_states(bench, kinds):
    words = ("--metrics", "fid,modes", "--json")
    plain = json.loads(score(bench, "grey", "grey", *words).out)
    assert plain["protocol"]["conversion"] == "none"
    for fake, options in (
        ("rgb", ("--channels", "1")),
        ("mixed", ("--channels", "1")),
        ("large", ("--size", "28")),
    ):
        refused = score(bench, "grey", fake, *words, code=2)
        assert f"give {options[0]} " in refused.err and "Traceback" not in refused.err
        found = json.loads(score(bench, "grey", fake, *words, *options).out)
        stated = found["protocol"]["conversion"]
        assert ("grey" in stated) is ("--channels" in options)
        assert ("28 x 28 pixels" in stated) is ("--size" in options)
        assert found["fingerprint"] != plain["fingerprint"]
        if fake != "large":  # the same images
            value = pytest.approx(plain["scores"][0]["value"], abs=1e-9)
            assert found["scores"][0]["value"] == value
    shown = score(bench, "grey", "large", "--metrics", "fid", "--size", "28")
    assert f"conversion {stated}" in " ".join(shown.out.split())


def test_a_data_set_is_converted_too_with_its_floor(bench, kinds):
    words = ("mnist-5k:test:100", "rgb", "--channels", "1", "--metrics", "fid,modes", "--json")
    found = json.loads(score(bench, *words).out)
    assert found["floor"]["fid_lenet"] is not None
    rows = {row["metric"]: row for row in found["scores"]}
    assert rows["fid_lenet"]["value"] is not None and rows["classes_present"]["value"] is not None
    assert "converted" not in (rows["ndb"]["reason"] or "")
    refused = score(bench, *words[:2], "--channels", "3", "--metrics", "fid", code=2)
    assert "needs images of 28 x 28 x 1" in " ".join(refused.err.split())


def test_conversions_that_make_no_sense_are_refused_in_one_sentence(bench, kinds):
    for options, message in (
        (("--size", "0"), "size must be"),
        (("--size", "28by28"), "size must be"),
        (("--channels", "2"), "'2' is not one of '1', '3'"),
    ):
        done = score(bench, "grey", "rgb", *options, code=2)
        assert message in done.err and "Traceback" not in done.err
    done = score(bench, "--results", ".", "--size", "28", code=2)
    assert "--size and --channels are for REAL and FAKE" in done.err


def test_a_folder_of_external_samples_alone_is_read_by_every_command(bench, digits):
    np.savez(bench.folder / "samples.npz", images=digits[:300])
    words = ("mnist-5k:test", "samples.npz", "--metrics", "fid", "--results", "new")
    score(bench, *words, "--as", "Their GAN")
    score(bench, *words, "--as", "Another", code=0)
    only = "only external samples (Another and Their GAN), which `gan-bench report` shows."
    reported = bench("report", "--results", "new", "--out", "pages")
    assert reported.code == 0, reported.err
    for page in ("report-full.md", "report.html"):
        text = (bench.folder / "pages" / page).read_text()
        assert "There is no run to rank." in text
        assert text.count("Their GAN") >= 2 and "Another" in text
        assert "mnist-5k" in text and "score mnist-5k:test samples.npz" in text
    exported = bench("export", "--results", "new", "--out", "tables")
    assert exported.code == 0
    assert "external-Their GAN" in (bench.folder / "tables" / "scores.csv").read_text()
    status = bench("status", "--results", "new")
    assert status.code == 0 and only in " ".join(status.err.split())
    assert json.loads(bench("status", "--results", "new", "--json").out) == []
    assert bench("list").code == 0
    shown = bench("show", "Their GAN", "--results", "new")
    assert shown.code == 0 and "fid_lenet" in shown.out
    [stored] = json.loads(bench("show", "Their GAN", "--results", "new", "--json").out)
    assert Scores.model_validate(stored).fake.images == "samples.npz"
    compared = bench("compare", "new", "new")
    assert compared.code == 2
    assert f"The results folder new has no run to compare, {only}" in compared.err
    assert bench("doctor", "--results", "new").code == 0
