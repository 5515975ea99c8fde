"""What a report shows of samples: the points of each run, their animation, copies and classes."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from gan_bench import data
from gan_bench.analysis.runs import collect_runs
from gan_bench.analysis.summary import summarise
from gan_bench.report.pictures import Names
from gan_bench.report.samples import sample_pages
from gan_bench.results.load import load_results
from gan_bench.results.scores import Score
from gan_bench.scoring.snapshots import grid, write_grid
from report_folder import add_run, empty_results, protocol, quick_spec, run_spec, scores_of

KEPT = (0, 300, 600)


@pytest.fixture
def results(tmp_path):
    return empty_results(tmp_path / "results")


@pytest.fixture
def pages(results):
    def read():
        loaded = load_results(results)
        summary = summarise(collect_runs(results, loaded), loaded)
        rows = [(row.label, row) for group in summary.groups for row in group.rows]
        return sample_pages(sorted(rows, key=lambda pair: pair[0]), Names())

    return read


@pytest.fixture
def only_row(pages):
    def read():
        [page] = pages()
        [row] = page.rows
        return row

    return read


def details(step, metric, value, found):
    return Score(
        step=step,
        metric=metric,
        features="pixels",
        value=value,
        n_real=5_000,
        n_fake=1_000,
        details=found,
    )


def scores_with(*rows, step=600):
    scores = scores_of({step: 4.0})
    return scores.model_copy(update={"scores": [*scores.scores, *rows]})


def frames(picture):
    with Image.open(io.BytesIO(picture.png)) as image:
        return [
            (frame.info["duration"], np.asarray(frame.convert("RGB")))
            for frame in ImageSequence.Iterator(image)
        ]


def test_every_evaluation_point_is_a_point_with_the_pixels_that_the_run_kept(results, only_row):
    folder = add_run(results, run_spec(), grids=KEPT)
    row = only_row()
    assert (row.label, row.caption, row.seed, row.unfinished) == (*["torch-dcgan"] * 2, 0, "")
    assert row.run_id == run_spec().run_id
    assert [point.step for point in row.points] == [0, 300, 600]
    assert [point.images for point in row.points] == [0, 30_000, 60_000]
    assert [point.fraction for point in row.points] == [0, 0.5, 1]
    assert row.points[1].caption == "step 300 (30,000 images)"
    assert row.points[1].alt == (
        "64 images made by torch-dcgan, seed 0, step 300 (30,000 images), 8 by 8."
    )
    assert (row.width, row.height) == (78, 78)
    for point in row.points:
        with (
            Image.open(io.BytesIO(point.png)) as shown,
            Image.open(folder.grids / f"{point.step:08d}.png") as kept,
        ):
            assert shown.mode == "L"
            np.testing.assert_array_equal(np.asarray(shown), np.asarray(kept))


def test_one_slider_covers_the_points_of_all_rows(results, pages):
    add_run(results, run_spec(), grids=KEPT)
    spec = run_spec("keras-dcgan", steps=300, evaluation_steps=(0, 75, 150, 300))
    add_run(results, spec, grids=(0, 75, 150, 300))
    [page] = pages()
    assert page.fractions == (0, 0.25, 0.5, 1)


def test_the_animation_shows_the_points_half_a_second_each_and_the_last_for_two(results, only_row):
    folder = add_run(results, run_spec(), grids=KEPT)
    picture = only_row().animation
    assert picture.kind == "gif"
    assert picture.name == "training-torch-dcgan.gif"
    shown = frames(picture)
    assert [duration for duration, _ in shown] == [500, 500, 2_000]
    with Image.open(io.BytesIO(picture.png)) as image:
        assert image.info["loop"] == 0
    for step, (_, pixels) in zip(KEPT, shown, strict=True):
        with Image.open(folder.grids / f"{step:08d}.png") as kept:
            expected = np.asarray(kept.convert("RGB"), dtype=int)
        assert np.abs(pixels - expected).max() <= 16  # 16 shades of grey


def test_an_animation_in_colour_keeps_its_frames(results, only_row):
    folder = add_run(results, run_spec())
    colours = ([250, 10, 10], [10, 250, 10], [10, 10, 250])
    for step, colour in zip(KEPT, colours, strict=True):
        images = np.broadcast_to(np.array(colour, np.uint8), (64, 8, 8, 3)).copy()
        write_grid(folder.grids / f"{step:08d}.png", images)
    shown = frames(only_row().animation)
    assert [pixels[0, 0].tolist() for _, pixels in shown] == list(colours)


def test_the_same_grids_give_the_same_bytes(results, only_row):
    add_run(results, run_spec(), grids=KEPT)
    assert only_row() == only_row()


def test_one_point_is_no_animation(results, only_row):
    add_run(results, run_spec(), grids=(600,))
    assert only_row().animation is None


def test_what_is_no_grid_is_noted_and_the_rest_is_shown(results, pages):
    folder = add_run(results, run_spec(), grids=(0, 300, 600, 900))
    (folder.grids / "00000300.png").write_bytes(b"\x89PNG broken")
    (folder.grids / "mine.png").write_bytes((folder.grids / "00000600.png").read_bytes())
    (folder.grids / "notes.txt").write_text("hello")
    (folder.grids / ".00000600.png.x.tmp").write_text("on its way")
    write_grid(folder.grids / "00000100.png", np.zeros((64, 4, 4, 1), np.uint8))
    (folder.grids / "00000200.png").mkdir()
    [page] = pages()
    run_id = run_spec().run_id
    assert [point.step for point in page.rows[0].points] == [0, 600]
    for note in (
        f"torch-dcgan: the grid 00000300.png of {run_id} is not readable.",
        f"torch-dcgan: the grid 00000200.png of {run_id} is not readable.",
        f"torch-dcgan: mine.png in the grids of {run_id} is no grid.",
        f"torch-dcgan: notes.txt in the grids of {run_id} is no grid.",
        f"torch-dcgan: the grid 00000900.png of {run_id} is of a step after its last.",
        f"torch-dcgan: the grid of step 100 of {run_id} has another size than the last.",
    ):
        assert note in page.notes
    assert not [note for note in page.notes if ".tmp" in note]


def test_only_foreign_files_are_no_row(results, pages):
    folder = add_run(results, run_spec())
    (folder.grids / "mine.png").write_text("")
    [page] = pages()
    assert page.rows == ()
    assert page.pictures() == []


def test_a_run_that_broke_off_says_so_and_a_finished_seed_goes_before_it(results, only_row):
    broken = {"status": "diverged", "reason": "nan", "steps_done": 300}
    add_run(results, run_spec(seed=0), grids=(0, 300), **broken)
    assert only_row().unfinished == "diverged; not the end of training"
    assert only_row().final.caption == (
        "torch-dcgan, seed 0, step 300 (30,000 images) (diverged; not the end of training)"
    )
    add_run(results, run_spec(seed=1), grids=KEPT)
    assert (only_row().seed, only_row().unfinished) == (1, "")


def test_a_run_that_was_not_scored_has_no_grid_and_says_so(results, pages):
    add_run(results, run_spec())
    [page] = pages()
    assert page.notes == ("torch-dcgan: no grid, as no run of it was scored.",)


def test_the_nearest_samples_stand_above_their_training_images(results, pages):
    dataset = data.load("mnist-5k")
    images = np.random.default_rng(0).integers(0, 256, (64, 28, 28, 1), dtype=np.uint8)
    near = np.arange(64)[::-1]
    found = {
        "held_out": 6.25,
        "nearest_index": (100 + np.arange(64)).tolist(),
        "distance": (1.0 + near / 10).tolist(),
    }
    spec = quick_spec(dataset="mnist-5k", data_sha256=dataset.sha256)
    scores = scores_with(details(40, "nearest_train", 4.15, found), step=40)
    folder = add_run(results, spec, scores=[scores])
    write_grid(folder.grids / "00000040.png", images)
    [page] = pages()
    [row] = page.rows
    assert row.nearest_text == (
        "nearest distance 1.00, median 4.15 of 64 samples; median of real images not trained on "
        "6.25"
    )
    with Image.open(io.BytesIO(row.nearest.png)) as picture:
        pixels = np.asarray(picture)
    assert pixels.shape == (58, 8 * 30 - 2)
    for column, index in enumerate(range(63, 55, -1)):
        left = column * 30
        np.testing.assert_array_equal(pixels[:28, left : left + 28], images[index, :, :, 0])
        training = dataset.train.images[100 + index, :, :, 0]
        np.testing.assert_array_equal(pixels[30:, left : left + 28], training)
    assert (pixels[28:30] == 128).all()
    assert page.real.name == "real-mnist-5k.png"
    with Image.open(io.BytesIO(page.real.png)) as picture:
        np.testing.assert_array_equal(np.asarray(picture), grid(dataset.test.images)[:, :, 0])
    assert [picture.name for picture in page.pictures()] == [
        "real-mnist-5k.png",
        "samples-torch-dcgan.png",
        "nearest-torch-dcgan.png",
    ]


@pytest.mark.parametrize(
    "found",
    [
        {"nearest_index": [5_000], "distance": [1.0]},
        {"nearest_index": [-1], "distance": [1.0]},
        {"nearest_index": [1, 2], "distance": [1.0]},
        {"nearest_index": ["a"], "distance": [1.0]},
        {"nearest_index": [], "distance": []},
        {"other": 1},
    ],
)
def test_neighbours_that_make_no_sense_are_not_shown(results, pages, found):
    dataset = data.load("mnist-5k")
    spec = quick_spec(dataset="mnist-5k", data_sha256=dataset.sha256)
    scores = scores_with(details(40, "nearest_train", 1.0, found), step=40)
    folder = add_run(results, spec, scores=[scores])
    write_grid(folder.grids / "00000040.png", np.zeros((64, 28, 28, 1), np.uint8))
    assert pages()[0].rows[0].nearest is None


def test_other_data_under_the_same_name_is_not_shown_beside_the_samples(results, pages):
    found = {"nearest_index": [0], "distance": [1.5]}
    scores = scores_with(details(40, "nearest_train", 1.5, found), step=40)
    folder = add_run(results, quick_spec(dataset="mnist-5k"), scores=[scores])
    write_grid(folder.grids / "00000040.png", np.zeros((64, 28, 28, 1), np.uint8))
    [page] = pages()
    assert page.real is None
    assert page.rows[0].nearest is None
    assert page.rows[0].nearest_text == "nearest distance 1.50, median 1.50 of 1 sample"
    assert page.notes == ("No real images are shown: mnist-5k has other content on this machine.",)


def test_the_shares_of_the_classes_are_those_of_the_final_samples(results, pages):
    early = {"shares": [1.0, 0.0], "real_shares": [0.5, 0.5]}
    late = {"shares": [0.75, 0.25], "real_shares": [0.5, 0.5], "classifier_sha256": "a"}
    rows = (details(300, "classes_present", 1.0, early), details(600, "classes_present", 2.0, late))
    add_run(results, run_spec(), scores=[scores_with(*rows)], grids=KEPT)
    damaged = details(600, "classes_present", 2.0, {"shares": "many", "real_shares": [1.0]})
    folder = add_run(results, run_spec("keras-dcgan"), scores=[scores_with(damaged)], grids=KEPT)
    (folder.scores / "ffff.json").write_text("{")
    [page] = pages()
    assert {row.label: row.shares for row in page.rows} == {
        "keras-dcgan": None,
        "torch-dcgan": {"0": 0.75, "1": 0.25},
    }
    assert page.real_shares == {"0": 0.5, "1": 0.5}


def test_details_under_any_protocol_are_found(results, only_row):
    other = scores_of({600: 50.0}, under=protocol(features="inception", features_sha256="9" * 64))
    found = {"shares": [1.0], "real_shares": [1.0]}
    other = other.model_copy(
        update={"scores": [*other.scores, details(600, "classes_present", 1.0, found)]}
    )
    full = scores_of({0: 150.0, 300: 20.0, 600: 4.0})
    add_run(results, run_spec(), scores=[full, other], grids=(600,))
    assert only_row().shares == {"0": 1.0}


def test_at_most_24_rows_are_shown_of_one_data_set_and_the_rest_counted(results, pages):
    for index in range(26):
        add_run(results, run_spec(f"torch-gan{index:02}"), grids=(600,))
    add_run(results, run_spec("torch-gan00", data_sha256="e" * 64), grids=(600,))
    first, second = pages()
    assert [row.label for row in first.rows] == [f"torch-gan{index:02}" for index in range(24)]
    assert "2 more implementations are not shown, only the first 24." in first.notes
    assert len(second.rows) == 1
    names = [picture.name for page in (first, second) for picture in page.pictures()]
    assert len(names) == len(set(names)) == 25


def test_names_are_given_once_for_each_suffix():
    names = Names()
    assert [names("a b", suffix=".gif"), names("A-B"), names("a b", suffix=".gif")] == [
        "a-b.gif",
        "a-b.png",
        "a-b-2.gif",
    ]
