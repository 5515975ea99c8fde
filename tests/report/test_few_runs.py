"""Reports of few or odd runs: one, failed ones, none with scores, colour images."""

import base64
import io
import math
import re

import numpy as np
import pytest
from PIL import Image

from gan_bench.scoring.snapshots import write_grid
from report_folder import (
    add_plan,
    add_run,
    quick_spec,
    run_spec,
    scores_of,
    some_losses,
)
from written_report import CURVE, FAILED, FID, KEPT, SPEED, Cell, figure_of, text_of

pytestmark = pytest.mark.slow


def test_one_run_is_a_whole_page_that_ranks_nothing(train, written_report):
    train("torch-dcgan", [4.0])
    found = written_report()
    assert "Rank" not in found.columns()
    assert found.ranking()["torch-dcgan"][FID] == Cell("4.00", "", "4.0")
    assert found.markdown_rankings()[0]["torch-dcgan"][FID] == "4.00"
    assert found.section("crossed") is None
    for text in found.both():
        assert "Only torch-dcgan has a score, so there is nothing to choose from." in text
        assert "is the only one with a final FID (lenet features): 4.00 (one seed)" in text
        assert "95 % interval" not in text.partition("Ranking")[0]
    assert "There is only one implementation." in text_of(found.section("compare"))
    assert set(found.data["compare"]) == {"torch-dcgan"}
    assert {"fid-images-0", "fid-seconds-0", "loss-generator-0"} <= set(found.data["charts"])
    shown = {e.get("id") for e in found.section("answer").iter("div")} - {None}
    assert shown == {"chart-fid-images-0", "chart-fid-seconds-0"}
    assert len(found.section("answer").findall(".//div[@class='strip']/figure")) == 1
    assert len(found.data["samples"][0]["rows"]) == 1
    assert found.left_out() == []


def test_one_seed_of_each_is_called_too_few_to_tell(train, report):
    train("torch-dcgan", [4.0])
    train("keras-dcgan", [40.0])
    found = report()
    assert [cells["Rank"].text for cells in list(found.ranking().values())[:2]] == ["1 to 2"] * 2
    assert found.ranking()["keras-dcgan"][FID] == Cell("40.0", "", "40.0")
    for text in found.both():
        answer = text.partition("Ranking")[0]
        assert "lowest final FID, 4.00" in answer
        assert re.search(r"Run 3 seeds or, better, 5 \( ?--seeds 5 ?\) before you decide\.", answer)
        assert "4.00 (one seed), before keras-dcgan (40.0, one seed)" in answer
        # Badges of purposes and cards, and in HTML the note beside the chart of FIDs.
        assert answer.count("too few seeds") in (5, 6)
        assert "interval" not in answer
    [sentence] = found.data["sentences"].values()
    assert "One seed is too few to compare them in FID." in sentence


def test_a_folder_of_failed_runs_says_why_each_failed(results, report):
    statuses = (
        "diverged",
        "timeout",
        "oom",
        "killed",
        "error",
        "missing",
        "unsupported",
    )
    for seed, status in enumerate(statuses):
        tail = f"the last line of {status}" if seed < 5 else None
        add_run(results, run_spec(seed=seed), status=status, reason=f"why {status}", log_tail=tail)
    found = report()
    row = found.ranking()["torch-dcgan"]
    assert (row[FAILED].text, row["Final FID"].text, row[SPEED].text) == ("5 of 5", "—", "—")
    assert found.markdown_rankings()[0]["torch-dcgan"][FAILED] == "5 of 5"
    for text in found.both():
        assert "There is no recommendation: no run succeeded." in text
        assert "0 of 7 planned runs ok" in text
        for status in statuses:
            assert f"why {status}" in text
            assert f"1 {status}" in text
        for status in statuses[:5]:
            assert f"the last line of {status}" in text
    assert found.data["charts"] == {}
    assert found.left_out() == []


def test_without_any_scores_speed_is_ranked_and_each_run_says_that_it_has_none(results, report):
    for seed in range(3):
        add_run(results, run_spec(seed=seed), images_per_s=1_000.0 + seed)
        add_run(results, run_spec("keras-dcgan", seed), images_per_s=400.0 + seed)
    found = report()
    assert found.ranking()["torch-dcgan"]["Final FID"].text == "—"
    assert found.ranking()["torch-dcgan"][SPEED] == Cell("1,001", "1,000 to 1,002", "1001.0")
    assert [*found.ranking()] == ["torch-dcgan", "keras-dcgan"]  # no floor, no ceiling
    for text in found.both():
        assert "No final snapshot has a score, so quality is not ranked." in text
        assert re.search("as nothing was scored; torch-dcgan trains fastest", text)
        assert text.count("trained, but there are no scores") == 2  # seeds of one reason together
        assert text.count("0, 1 and 2") == 2
        assert "torch-dcgan trains fastest: 1,001 images/s" in text
    for name in ("curves", "scores"):
        assert "Nothing was scored." in text_of(found.section(name))
    assert not [name for name in found.data["charts"] if name.startswith("fid")]


@pytest.mark.slow
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_losses_that_are_not_finite_are_left_out_of_the_curves_and_told(results, written_report):
    without = np.full((600, 4), np.nan)
    broken, spiked = some_losses(600, 1), some_losses(600, 2)
    broken[299:] = np.nan
    spiked[100, 0], spiked[200, 1] = np.inf, -np.inf
    scores = [scores_of(CURVE)]
    add_run(results, run_spec("torch-dcgan"), losses=without, scores=scores)
    add_run(results, run_spec("keras-dcgan"), losses=spiked, scores=scores)
    add_run(
        results,
        run_spec("torch-wgan"),
        losses=broken,
        status="diverged",
        reason="r",
        steps_done=600,
    )
    found = written_report()
    assert {trace["meta"] for trace in found.chart("loss-generator-0")} == {
        "keras-dcgan",
        "torch-wgan",
    }
    for name in ("loss-generator-0", "loss-discriminator-0", "d-real-0", "d-fake-0"):
        for trace in found.chart(name):
            assert all(y is not None and math.isfinite(y) for y in trace["y"])
    assert max(x for t in found.chart("loss-generator-0")[-2:] for x in t["x"]) == 29_900
    assert "keras-dcgan; not finite from step 101" in text_of(found.rendered)
    assert "torch-wgan; not finite from step 300" in text_of(found.rendered)
    assert found.ranking()["torch-dcgan"][FID].text == "4.00"
    assert found.left_out() == []


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_metrics_that_are_all_null_are_missing_and_their_reason_is_told(results, report):
    rows = [
        figure_of(metric, None, step=step, reason="the reason of one")
        for step in KEPT
        for metric in ("fid_lenet", "kid_lenet", "precision_lenet", "classes_present")
    ]
    nothing = {row.metric: None for row in rows}
    update = {"scores": rows, "floor": nothing, "floor_reason": "the reason of the floor."}
    scores = scores_of({}, status="error", reason="the reason of all").model_copy(update=update)
    for name in ("torch-dcgan", "keras-dcgan"):
        add_run(results, run_spec(name), scores=[scores], losses=some_losses(600), grids=KEPT)
    found = report()
    for name, cells in found.ranking().items():
        assert cells[FID].text == "—", name
    assert found.ranking()["torch-dcgan"][SPEED].text == "1,000"
    for text in found.both():
        assert "No final snapshot has a score, so quality is not ranked." in text
        assert text.count("the reason of all") == 2
        assert "the reason of the floor" in text and "the floor.." not in text
        assert "torch-dcgan: no final FID for 1 of 1 finished seed." in text
    assert not [name for name in found.data["charts"] if name.startswith("fid")]


@pytest.mark.slow
def test_colour_images_stay_in_colour(results, written_report):
    shape = {"dataset": "unknown", "image_shape": (16, 16, 3)}
    random = np.random.default_rng(0)
    grids = {}
    for name in ("torch-dcgan", "keras-dcgan"):
        folder = add_run(results, run_spec(name, **shape), scores=[scores_of(CURVE)])
        for step in KEPT:
            path = folder.grids / f"{step:08d}.png"
            write_grid(path, random.integers(0, 256, (64, 16, 16, 3), dtype=np.uint8))
            with Image.open(path) as image:
                grids[name, step] = np.asarray(image)
    found = written_report()
    figures = found.page.findall(".//figure[@class='sample']")
    rows = found.data["samples"][0]["rows"]
    assert len(figures) == len(rows) == 2
    for figure, row in zip(figures, rows, strict=True):
        name = figure.get("data-label")
        np.testing.assert_array_equal(pixels(figure.find("img").get("src")), grids[name, 600])
        assert [source is None for *_, source in row] == [False, False, True]
        for step, (*_, source) in zip(KEPT[:2], row, strict=False):
            shown = pixels(found.data["images"][source])
            assert shown.shape == grids[name, step].shape
            assert np.abs(shown - grids[name, step].astype(float)).mean() < 40  # it is compressed
        with Image.open(found.out / "figures" / f"samples-{name}.png") as picture:
            np.testing.assert_array_equal(np.asarray(picture), grids[name, 600])
    [leader] = re.findall(r"figures/(training-.*?\.gif)", found.markdown)
    with Image.open(found.out / "figures" / leader) as animation:
        frame = np.asarray(animation.convert("RGB")).astype(int)
    assert np.ptp(frame, axis=2).max() > 100


def pixels(uri):
    content = base64.b64decode(uri.partition("base64,")[2])
    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def test_a_quick_report_of_an_odd_folder_ranks_speed_only(train, report):
    train("torch-dcgan", [40.0, 41.0, 42.0], quick_spec)
    train("keras-dcgan", [10.0, 11.0, 12.0], quick_spec, images_per_s=400.0)
    found = report()
    assert "Rank" not in found.columns()
    assert [*found.ranking()][:2] == ["torch-dcgan", "keras-dcgan"]  # the fastest first
    for text in found.both():
        assert "are too few to rank quality, so only speed is ranked." in text


def test_runs_that_are_not_started_are_never_called_failed(train, results, report):
    train("torch-dcgan", [4.0, 4.1])
    train("jax-dcgan", [5.0], status="error", reason="why")
    add_plan(results, [run_spec("keras-dcgan"), run_spec("torch-decay")])
    found = report()
    for text in found.both():
        assert "not trained yet (keras-dcgan and torch-decay); no run succeeded (jax-dcgan)" in text
    assert "torch-decay: no grid, because it is not trained yet." in found.both()[0]
    assert "of 1 of 4 implementations" in text_of(found.section("scores"))
    assert "Runs that the figures leave out:" in found.markdown
    assert "not in the table" not in found.markdown


def test_a_plan_alone_has_no_run_that_failed(results, report):
    add_plan(results, [run_spec()])
    for text in report().both():
        assert "There is no recommendation: no run has finished yet." in text


@pytest.mark.parametrize(
    ("fid", "said"), [(4.0, "too low to tell from the axis at zero"), (0.5, "below the charts")]
)
def test_the_place_of_a_low_floor_is_true(results, report, fid, said):
    for seed in range(2):
        scores = scores_of({0: 20.0, 300: 10.0, 600: fid}, floor=0.01)
        add_run(results, run_spec(seed=seed), scores=[scores])
    chart = report().data["charts"]["fid-images-0"]
    logarithmic = chart["layout"]["yaxis"]["type"] == "log"
    assert logarithmic == (said == "below the charts")
    for text in report().both():
        assert f"The floor, the FID of real images against real images (0.0100), is {said}." in text


def test_untimed_steps_are_counted(results, report):
    scores = [scores_of({0: 150.0, 300: 20.0, 600: 4.0})]
    add_run(results, run_spec(seed=3), scores=scores, untimed_steps=50, resume_s=3.0)
    for text in report().both():
        assert (
            "torch-dcgan: seed 3 was resumed; 50 of 600 steps, the first ones after a resumption, "
            "have no time of their own, so this run has no time to finish of its own." in text
        )


def test_losses_say_of_which_steps_they_are_the_mean(train, report):
    train("torch-dcgan", [4.0])
    found = report()
    for text in (found.html, found.markdown):
        assert "ends at" not in text
        assert "mean of the last tenth of the steps:" in text


def test_ratios_and_corrections_are_told_where_two_are_compared(train, report):
    train("torch-dcgan", [4.0, 4.1, 4.2])
    train("keras-dcgan", [7.0, 7.1, 7.2])
    found = report()
    for text in found.both():
        assert "sentences they are of geometric means" in text
        assert "with Holm's correction over 1 pair in FID and 1 pair in speed." in text
    [sentence] = found.data["sentences"].values()
    assert "recipe values and settings" in sentence


def test_options_stay_on_one_line(train, report):
    train("torch-dcgan", [4.0])
    train("keras-dcgan", [5.0])
    advice = report().page.find(".//p[@class='advice']")
    assert [code.text for code in advice.iter("code")] == ["--seeds 5"]
