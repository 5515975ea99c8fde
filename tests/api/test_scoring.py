"""``gan_bench.score``: images on disk and in memory."""

import json

import numpy as np
import pytest

import gan_bench
from gan_bench.data.registry import load
from gan_bench.errors import UsageError

REAL = "mnist-5k:test"


@pytest.fixture(scope="module")
def images():
    return load("mnist-5k").train.images[:200]


def test_an_array_scores_as_its_file_does(cli, images):
    np.save(cli.folder / "fake.npy", images)
    found = gan_bench.score(REAL, images, metrics=["fid", "prdc"])
    done = cli("score", REAL, "fake.npy", "--metrics", "fid,prdc", "--json")
    typed = json.loads(done.out)
    assert [(row["metric"], row["value"]) for row in typed["scores"]] == [
        *zip(found.table["metric"], found.table["value"], strict=True)
    ]
    assert found.fid == found["fid_lenet"] == typed["scores"][0]["value"]
    assert found.table["floor"].tolist() == [typed["floor"][m] for m in found.table["metric"]]
    assert str(found.table["metric"].dtype) == "category"
    (file,) = found.files
    assert file.real.images == REAL and file.fake.images == "array of fake images"
    assert file.fake.sha256 == typed["fake"]["sha256"]
    assert repr(found).startswith("<gan_bench.ImageScores fid_lenet ") and "\n" not in repr(found)
    assert found._repr_html_().count("<tr>") == len(found.table)
    with pytest.raises(KeyError):
        found["kid_lenet"]


def test_two_arrays_are_converted_alike(images):
    small = images[:, ::2, ::2].repeat(3, axis=3)
    found = gan_bench.score(images, small, size=28, channels=1, metrics="fid", floor=False)
    assert 0 < found.fid < 100
    assert found.table["floor"].isna().all()
    assert (
        found.files[0].protocol.conversion
        == "grey, ITU-R 601-2; 28 x 28 pixels, bicubic, antialiased"
    )


def test_scored_images_are_a_row_of_a_report(cli, images):
    gan_bench.score(REAL, images, metrics="fid", results=cli.folder / "r1", as_="mine")
    results = gan_bench.load_results(cli.folder / "r1")
    assert list(results.scores["run_id"]) == ["external-mine"]
    assert results.scores["implementation"].isna().all()
    assert "1 set of external samples" in repr(results)
    command = json.loads(next((cli.folder / "r1/external").glob("*/external.json")).read_text())
    assert "<array of shape (200, 28, 28, 1)>" in command["command"]


@pytest.mark.parametrize(
    ("fake", "said"),
    [
        (np.zeros((9, 28, 28, 1), np.float32), "The array of fake images has the dtype float32"),
        (np.zeros((9, 28, 28), np.uint8), r"the shape \(9, 28, 28\); images are uint8, from 0"),
        (np.zeros((9, 28, 28, 2), np.uint8), "and 1 or 3 channels"),
        (np.zeros((1, 28, 28, 1), np.uint8), "The array of fake images has 1 image; at least two"),
        (np.zeros((9, 8, 8, 1), np.uint8), "28 x 28 x 1"),
    ],
)
def test_an_array_that_is_no_set_of_images_is_refused(fake, said):
    with pytest.raises(UsageError, match=said):
        gan_bench.score(REAL, fake)


def test_results_and_a_name_go_together(images):
    with pytest.raises(UsageError, match="Give results and as_ together"):
        gan_bench.score(REAL, images, as_="mine")
