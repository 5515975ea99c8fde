"""Runs on a folder of images through the command line: from the plan to the report."""

import json
import re

import pytest

from bench import complaint
from gan_bench.scoring.features.by_name import MODELS
from image_folder import any_size, pixels, write_image, write_images
from report_folder import run_spec

SHORT = ("--images", "64", "--evaluations", "2", "--samples", "20")


@pytest.fixture
def digits(bench):
    """Write images of the size that the lenet features need."""
    return write_images(bench.folder / "My Digits: 2", 60, (28, 28))


def own_features(bench):
    """Return the options of a user's feature model: the built-in one under another name."""
    (bench.folder / "own.onnx").write_bytes((MODELS / "lenet.onnx").read_bytes())
    return "--features", "own.onnx"


def scores_of(folder):
    (path,) = (folder / "scores").glob("*.json")
    return json.loads(path.read_text())


def test_a_folder_is_trained_on_scored_and_reported(bench, plugin, digits):
    features = own_features(bench)
    dataset = ("--dataset", "folder:My Digits: 2,test=25")
    done = bench("run", plugin("gan"), *dataset, *SHORT, *features)
    assert done.code == 0, done.err
    (folder,) = bench.run_folders()
    assert re.fullmatch(r"gan-folder-My-Digits-2-s0-[0-9a-f]{10}", folder.name)
    spec = json.loads((folder / "spec.json").read_text())
    assert spec["dataset"] == f"folder:{digits},test=25"
    assert spec["train_images"] == 35
    scores = scores_of(folder)
    fids = [row for row in scores["scores"] if row["metric"] == "fid_own"]
    assert [row["value"] > 0 for row in fids] == [True, True]
    assert scores["protocol"]["dataset"] == "folder:My Digits: 2 test=25"
    assert scores["protocol"]["n_real"] == 25
    assert bench("report").code == 0
    for name in ("report-full.md", "report.html"):
        text = (bench.folder / "reports/local" / name).read_text(encoding="utf-8")
        assert "My Digits: 2 test=25" in text.replace("\\", "")
        assert str(digits) not in text
    assert "Real test images of folder:My Digits: 2 test=25" in text


@pytest.mark.long
def test_a_folder_may_be_moved_and_may_not_change(bench, plugin, digits):
    target = plugin("gan")
    short = (*SHORT, *own_features(bench))
    assert bench("run", target, "--dataset", f"folder:{digits}", *short).code == 0
    (bench.folder / "elsewhere").mkdir()
    moved = digits.rename(bench.folder / "elsewhere" / digits.name)
    again = ("run", target, "--dataset", f"folder:{moved}", *short)
    assert "reuse" in bench(*again, "--dry-run").out
    assert bench(*again).code == 0
    assert len(bench.run_folders()) == 1
    write_images(moved, 1, (28, 28), start=999)
    assert bench(*again).code == 0
    assert len(bench.run_folders()) == 2


def test_a_run_is_identified_by_the_folders_name_its_options_and_its_content():
    def run_id(dataset, **changes):
        return run_spec(dataset=dataset, **changes).run_id

    assert run_id("folder:/a/b/pictures") == run_id("folder:/c/pictures")
    different = [
        run_id("folder:/a/pictures"),
        run_id("folder:/a/pictures,size=28"),
        run_id("folder:/a/pictures,channels=1"),
        run_id("folder:/a/Pictures"),
        run_id("folder:/a/pictures", data_sha256="e" * 64),
    ]
    assert len(set(different)) == len(different)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in different)
    assert run_id("folder:/図/../x y/\\;$(z)").startswith("torch-dcgan-folder-z-s0-")


def test_a_folder_that_changed_before_the_training_is_an_error_of_the_run(bench, plugin, digits):
    body = f"""
    import shutil
    shutil.copy({str(digits / "0000.png")!r}, {str(digits / "more.png")!r})
    """
    # The plugin is imported for its description and for training; the folder changes in between.
    target = plugin("gan", body)
    (bench.folder / "plan.toml").write_text(f"targets = ['{target}']\n")
    what = ("--dataset", f"folder:{digits}", *SHORT, *own_features(bench))
    done = bench("run", "--plan", "plan.toml", *what)
    assert done.code == 1
    record = bench.records()["gan"]
    assert record["status"] == "error"
    assert "The data set folder:My Digits: 2 has changed since the run" in record["reason"]


@pytest.mark.long
def test_a_folder_that_is_gone_is_missing_and_its_run_is_tried_again(bench, plugin, digits):
    gone = bench.folder / "gone"
    body = f"""
    if not Path("once").exists():
        Path("once").touch()
        Path({str(digits)!r}).rename({str(gone)!r})
    """
    # The plan loads the folder before it imports the plugin for its description.
    target = plugin("gan", body)
    command = ("run", target, "--dataset", f"folder:{digits}", *SHORT, *own_features(bench))
    assert bench(*command).code == 1
    record = bench.records()["gan"]
    assert record["status"] == "missing"
    assert "My Digits: 2 is not a folder" in record["reason"]
    gone.rename(digits)
    assert bench(*command).code == 0
    assert bench.records()["gan"]["status"] == "ok"
    assert len(bench.run_folders()) == 1


def test_images_that_no_features_fit_are_refused_before_the_training(bench, plugin):
    write_images(bench.folder / "colours", 40, (12, 10, 3))
    colours = ("run", plugin("gan"), "--dataset", "folder:colours", *SHORT)
    said = complaint(bench(*colours))
    assert said.startswith("There is no lenet for folder:colours, which has only one class: score")
    said = complaint(bench(*colours, *own_features(bench)))
    assert said.startswith("The feature model own needs images of 28 x 28 x 1")
    assert not (bench.folder / "results").exists()


def test_colour_images_are_trained_on_scored_and_have_grids(bench, plugin):
    write_images(bench.folder / "colours", 40, (12, 10, 3))
    features = any_size(bench.folder)
    done = bench("run", plugin("gan"), "--dataset", "folder:colours", *SHORT, *features)
    assert done.code == 0, done.out + done.err
    (folder,) = bench.run_folders()
    assert scores_of(folder)["protocol"]["features"] == "means"
    assert len(list((folder / "grids").glob("*.png"))) == 2


@pytest.mark.long
def test_a_run_whose_scoring_failed_is_not_scored_everywhere(bench, plugin):
    write_images(bench.folder / "one class", 40, (28, 28))
    body = """
    def train(self, batches, draws):
        Path("own.onnx").write_bytes(b"no model")
        return super().train(batches, draws)
    """
    what = ("run", plugin("gan", body), "--dataset", "folder:one class", *SHORT)
    done = bench(*what, *own_features(bench))
    assert done.code == 1
    (folder,) = bench.run_folders()
    assert bench.records()["gan"]["status"] == "ok"
    assert f"{folder.name}: not scored, " in done.out
    assert "0 of 1 run succeeded" in done.out
    assert f"Why a run failed: gan-bench show {folder.name}" in done.out
    (row,) = json.loads(bench("status", "--json").out)
    assert row["status"] == "not scored"
    assert "not scored" in bench("show", folder.name).out
    assert bench("report").code == 0
    text = (bench.folder / "reports/local/report-full.md").read_text(encoding="utf-8")
    assert "0 of 1 planned run ok" in text
    assert "not scored" in text
    # Scored afterwards, it is ok.
    done = bench("score", "--results", "results/local", *own_features(bench))
    assert done.code == 0, done.out + done.err
    assert [row["status"] for row in json.loads(bench("status", "--json").out)] == ["ok"]


ONLY_28 = """
from gan_bench.testing import FakeRecipe

class Only28(FakeRecipe):
    def cannot_make(self, height, width, channels):
        if (height, width, channels) == (28, 28, 1):
            return None
        return f"it makes 28 x 28 x 1; these are {height} x {width} x {channels}"

recipe_class = Only28
"""


def test_a_recipe_that_cannot_make_the_images_is_unsupported_before_training(bench, plugin):
    write_images(bench.folder / "colours", 40, (12, 10, 3))
    targets = plugin("gan", ONLY_28), plugin("any")
    features = any_size(bench.folder)
    done = bench("run", *targets, "--dataset", "folder:colours,size=16", *SHORT, *features)
    assert done.code == 1
    records = bench.records()
    assert records["gan"]["status"] == "unsupported"
    assert records["gan"]["reason"] == "it makes 28 x 28 x 1; these are 16 x 16 x 3"
    assert records["gan"]["attempts"] == 0
    assert records["any"]["status"] == "ok"
    grey = ("--dataset", "folder:colours,size=28,channels=1")
    fitting = bench("run", targets[0], *grey, *SHORT, *own_features(bench))
    assert fitting.code == 0, fitting.out


def test_registered_recipes_report_unsupported_images_too(bench):
    write_images(bench.folder / "colours", 200, (12, 10, 3))
    done = bench("run", "torch-dcgan", "--dataset", "folder:colours", *SHORT, "--results", "r")
    assert done.code == 1
    record = bench.records("r")["torch-dcgan"]
    assert record["status"] in ("unsupported", "missing")
    if record["status"] == "unsupported":
        assert "these are 12 x 10 with 3" in record["reason"]


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ("folder:nowhere", "nowhere is not a folder; give folder:PATH the path of a folder."),
        ("folder:", "names no folder; write folder:PATH"),
        ("folder:mixed,sise=28", "has no option 'sise'; did you mean size?"),
        ("folder:mixed,size=many", "size must be the pixels of a side, such as 32"),
        ("folder:mixed,test=1", "test must be the number of test images"),
        ("folder:mixed", "give size="),
        ("folder:mixed,size=6", "channels=1 or channels=3 to convert all"),
        ("folder:damaged", "x.png is damaged or not a supported image"),
        ("folder:.", "is not in a class folder such as 'damaged'"),
        ("folder:few", "has too few images for the"),
        ("folder:few,size=4,test=2", "gan.batch_size is 32, more than the 3 training images of"),
        ("mixed", "There is no data set 'mixed'"),
        ("mixed", "did you mean folder:mixed?"),
    ],
)
def test_a_folder_that_is_not_a_data_set_is_refused(bench, plugin, dataset, said):
    write_images(bench.folder / "mixed", 20)
    write_image(bench.folder / "mixed" / "odd.png", pixels(0, (6, 4)))
    write_image(bench.folder / "mixed" / "rgb.png", pixels(0, (6, 5, 3)))
    write_images(bench.folder / "damaged", 20)
    (bench.folder / "damaged" / "x.png").write_bytes(b"rubbish")
    write_images(bench.folder / "few", 1 if dataset == "folder:few" else 5)
    write_image(bench.folder / "loose.png", pixels())
    done = bench("run", plugin("gan"), "--dataset", dataset, *SHORT)
    assert said in complaint(done)
    assert not (bench.folder / "results").exists()


def test_a_plan_file_may_name_a_folder(bench, plugin, digits):
    (bench.folder / "plan.toml").write_text(
        f'targets = ["{plugin("gan")}"]\ndataset = "folder:{digits.name},size=28"\nimages = 64\n'
    )
    done = bench("run", "--plan", "plan.toml", "--dry-run", *own_features(bench))
    assert done.code == 0, done.err
    assert "My Digits: 2,size=28" in " ".join(done.out.split())


def test_doctor_lists_folders(bench):
    done = bench("doctor", "--json")
    findings = {finding["what"]: finding for finding in json.loads(done.out)}
    assert "folder:pictures,size=28" in findings["data folder:PATH"]["detail"]
    assert {"data fashion-mnist", "data kmnist"} <= findings.keys()
