"""The report as files: its figures, its escaping, and that it needs nothing but itself."""

import base64
import gzip
import hashlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gan_bench import data
from gan_bench.errors import UsageError
from gan_bench.report import write_report
from report_folder import (
    add_plan,
    add_run,
    empty_results,
    protocol,
    quick_spec,
    run_spec,
    scores_of,
    some_losses,
)
from written_report import Report, text_of


def row(found, name):
    """Return the cells of an implementation's row in the first ranking of the markdown."""
    return found.markdown_rankings()[0][name]


def values(tree, tag, key):
    return [element.get(key) for element in tree.iter(tag) if key in element.attrib]


@pytest.fixture(scope="module")
def two_implementations(tmp_path_factory):
    """Three seeds each; every figure of the report follows from these. Tests only read it."""
    results = empty_results(tmp_path_factory.mktemp("two") / "results")
    for seed in range(3):
        spec = run_spec("torch-dcgan", seed, evaluation_steps=(0, 150, 300, 600))
        add_run(
            results,
            spec,
            scores=[scores_of({0: 150.0, 150: 40.0, 300: 1.5, 600: 4.0 + 0.1 * seed})],
            losses=some_losses(600, seed),
            grids=(0, 300, 600),
            images_per_s=(1_000.0, 1_010.0, 1_500.0)[seed],
        )
        spec = run_spec("keras-dcgan", seed, evaluation_steps=(0, 150, 300, 600))
        add_run(
            results,
            spec,
            scores=[scores_of({0: 160.0, 150: 60.0, 300: 20.0, 600: 7.0 + 0.1 * seed})],
            losses=some_losses(600, seed),
            grids=(0, 300, 600),
            images_per_s=500.0,
            warmup_s=10.0,
            train_s=120.5,
        )
    return results


@pytest.fixture(scope="module")
def found(two_implementations, tmp_path_factory):
    """The report of the two; tests only read it."""
    return Report(two_implementations, tmp_path_factory.mktemp("out"), title="My title")


def test_the_ranking_holds_the_known_figures(found):
    assert list(row(found, "torch-dcgan").items()) == [
        ("Rank", "1"),
        ("Final FID (lenet)", "4.10 (4.00 to 4.20)"),
        ("Time to FID 30 (s)", "19.7 (3 of 3)"),
        ("Images/s", "1,170 (1,000 to 1,500)"),
        ("Time to finish (s)", "62.5"),
        ("Peak memory (MiB)", "812"),
        ("Status", "ok"),
        ("Warm-up (s)", "2.50"),
        ("Parameters G", "1,234,567"),
        ("Parameters D", "138,817"),
        ("Multiply-adds per image (M)", "45.6"),
        ("Share of machine rate (%)", "45.6"),
        ("Failed", "0 of 3"),
        ("Parity", "not parity-checked"),
    ]
    assert list(row(found, "keras-dcgan").values())[:5] == [
        "2",
        "7.10 (7.00 to 7.20)",
        "27.3 (3 of 3)",
        "500 (500 to 500)",
        "130",
    ]
    assert row(found, "Floor: real against real")["Final FID (lenet)"] == "0.520"
    assert row(found, "Ceiling: untrained generator")["Final FID (lenet)"] == "155 (150 to 160)"
    text = text_of(found.page)
    assert (
        "torch-dcgan 1 4.10 4.00 to 4.20 19.7 3 of 3 1,170 1,000 to 1,500 62.5 812 ok 2.50 "
        "1,234,567 138,817 45.6 45.6 0 of 3 not parity-checked" in text
    )
    assert "0.520" in text
    assert "155 150 to 160" in text


def test_a_target_that_is_asked_for_takes_the_place_of_the_data_sets_own(two_implementations):
    found = Report(two_implementations, target_fid=4.05)
    for name, time in (("torch-dcgan", "30.2 (3 of 3)"), ("keras-dcgan", "not reached (0 of 3)")):
        assert row(found, name)["Time to FID 4.05 (s)"] == time


def test_the_answer_stands_first_in_both(found):
    for text in found.both():
        assert text.index("My title") < text.index("lowest final FID, ") < text.index("Ranking")
        assert (
            "torch-dcgan has the lowest final FID (lenet features): 4.10 (mean of 3 seeds" in text
        )
        assert "keras-dcgan (7.10) is clearly higher, by a factor of 1.73" in text
        assert "torch-dcgan trains fastest: 1,170 images/s" in text


def test_it_says_how_it_was_measured(found):
    for text in found.both():
        for part in (
            protocol().fingerprint,
            "a" * 64,
            "d" * 64,
            "Model X, 2 cores",
            "100 GFLOP/s before the runs and 98.0 after",
            "c" * 40,
            "python 3.11.2, torch 2.1.0",
            "gan-bench run --all --preset standard",
            "learning_rate 0.0002",
            "the device was exclusive in 6 of 6 runs",
        ):
            assert part in text, part


def test_every_picture_of_the_markdown_lies_beside_it_and_says_what_it_shows(found):
    sources = values(found.rendered, "img", "src")
    # FID twice, losses and final grids of two, the animation of the leader.
    assert len(sources) == len(set(sources)) == 2 + 2 + 2 + 1
    assert all(len(alt) > 20 for alt in values(found.rendered, "img", "alt"))
    labels = [label for label in values(found.page, "div", "aria-label") if "chart" in label]
    assert len(labels) == 2 + 2 + 4  # final FIDs, FID against time, curves, losses
    assert "torch-dcgan 4.10; keras-dcgan 7.10" in labels[0]
    assert "torch-dcgan from 150 to 4.10" in labels[2]
    assert "step 600 (60,000 images)" in text_of(found.page)


def test_the_html_asks_no_server_for_anything(found):
    for element in found.page.iter():
        for key, value in element.items():
            if key in ("src", "srcset", "data", "action", "poster"):
                assert value.startswith("data:"), (element.tag, key)
            if key == "href":
                assert value.startswith(("data:", "#")), (element.tag, value)
            assert key != "style"
            assert not key.startswith("on")
    style = found.page.find(".//style").text
    assert "@import" not in style
    assert "url(" not in style


def test_the_policy_allows_the_own_scripts_and_no_network(found):
    policy = values(found.page, "meta", "content")[0]
    assert policy.startswith("default-src 'none'; img-src data: blob:; ")
    [own] = re.findall(r"<script>(.*?)</script>", found.html, re.DOTALL)
    [plotly] = re.findall(r'id="plotly">(.*?)</script>', found.html, re.DOTALL)
    scripts = own, gzip.decompress(base64.b64decode(plotly)).decode()
    for script in scripts:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    allowed = policy.partition("script-src ")[2].partition(";")[0]
    assert allowed.count("'") == 2 * len(scripts)
    assert "unsafe" not in allowed


def test_both_renderers_use_the_same_figures(found):
    plotted = found.data["charts"]["fid-images-0"]["data"]
    lines = {trace["meta"]: trace for trace in plotted if trace["mode"] == "lines+markers"}
    assert lines["torch-dcgan"]["x"] == [0, 15_000, 30_000, 60_000]
    assert lines["torch-dcgan"]["y"] == pytest.approx([150, 40, 1.5, 4.1])
    assert lines["keras-dcgan"]["y"] == pytest.approx([160, 60, 20, 7.1])
    seconds = found.data["charts"]["fid-seconds-0"]["data"]
    assert [trace["x"][-1] for trace in seconds if trace["meta"] == "torch-dcgan"][-1] == 62.5


def test_the_losses_of_all_steps_are_plotted_smoothed_and_as_measured(results, report):
    losses = np.tile([1.0, 2.0, 0.75, 0.25], (600, 1))
    losses[300, 0] = 9.0
    add_run(results, run_spec(), losses=losses)
    charts = report().data["charts"]
    raw, strong = (
        next(t for t in charts["loss-generator-0"]["data"] if ("opacity" in t) is faint)
        for faint in (True, False)
    )
    assert max(raw["y"]) == 9.0  # a spike survives the thinning
    assert max(strong["y"]) == pytest.approx(1 + 8 / 20, abs=0.01)  # a window of a thirtieth
    assert strong["x"][-1] == 60_000
    assert charts["d-real-0"]["data"][0]["y"][0] == 0.75
    assert charts["d-fake-0"]["data"][0]["y"][0] == 0.25


def test_any_two_are_compared_by_recipe_and_record(found):
    facts = {name: (text, number) for _, name, text, number in found.data["compare"]["keras-dcgan"]}
    assert facts["Images/s"] == ("500 (500 to 500)", 500)
    assert facts["learning_rate"][0] == "0.0002"
    [(pair, sentence)] = found.data["sentences"].items()
    assert pair == "torch-dcgan\nkeras-dcgan"
    assert "torch-dcgan has a final FID that is lower by a factor of 1.73" in sentence
    assert "torch-dcgan has 2.3 times the speed of keras-dcgan" in sentence
    fids = "| Final FID (lenet) | 7.10 (7.00 to 7.20) | 4.10 (4.00 to 4.20) |"
    assert f"{fids} \N{MULTIPLICATION SIGN}0.58 |" in found.markdown
    assert "Equal in both, to the digits shown: recipe dcgan" in text_of(found.rendered)


def test_tables_name_their_rows_and_columns(found):
    scopes = values(found.page, "th", "scope")
    assert set(scopes) == {"row", "rowgroup", "col"}
    assert len(scopes) == len(list(found.page.iter("th")))
    for anchor in values(found.page, "a", "href"):
        assert anchor.removeprefix("#") in values(found.page, "section", "id")


def test_one_label_in_two_precisions_is_plotted_twice(results, report):
    scores = [scores_of({0: 150.0, 300: 20.0, 600: 4.0})]
    for seed, precision in enumerate(("ieee", "tf32")):
        spec = run_spec(seed=seed, precision=precision)
        add_run(results, spec, scores=scores, losses=some_losses(600))
    found = report()
    for group in range(2):
        plotted = found.data["charts"][f"loss-generator-{group}"]["data"]
        [strong] = [trace for trace in plotted if "opacity" not in trace]
        assert (strong["name"], strong["meta"]) == ("torch-dcgan", "torch-dcgan")
        assert strong["x"] == sorted(strong["x"])


@pytest.mark.slow
def test_figures_of_an_earlier_report_do_not_stay(two_implementations, tmp_path):
    results = shutil.copytree(two_implementations, tmp_path / "results")
    found = Report(results, tmp_path / "out")
    mine = found.out / "figures" / "mine.png"
    mine.write_bytes(b"a user's own")
    assert (mine.parent / "losses-keras-dcgan.png").exists()
    for folder in (results / "runs").glob("keras-*"):
        shutil.rmtree(folder)
    Report(results, tmp_path / "out")
    assert not (mine.parent / "losses-keras-dcgan.png").exists()
    assert mine.exists()


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(two_implementations, found, tmp_path):
    second = Report(two_implementations, tmp_path, title="My title")
    assert found.html == second.html
    assert found.markdown == second.markdown
    figures = found.out / "figures"
    assert {p.name: p.read_bytes() for p in figures.iterdir()} == {
        p.name: p.read_bytes() for p in (tmp_path / "figures").iterdir()
    }


def test_an_earlier_report_is_replaced(results, written_report):
    add_run(results, run_spec())
    first = written_report(title="First")
    second = written_report(title="Second")
    assert second.html != first.html
    assert {path.name for path in second.out.iterdir()} == {
        *("figures", "report.html", "report.md", "report-full.md"),
    }
    assert "<h1>Second</h1>" in second.html
    assert second.markdown.startswith("# Second\n")


def test_failed_skipped_and_pending_runs_are_listed_with_their_reasons(results, report):
    add_run(results, run_spec(seed=0), scores=[scores_of({0: 150.0, 300: 20.0, 600: 4.0})])
    add_run(
        results, run_spec(seed=1), status="oom", reason="out of memory", log_tail="line 1\nline 2"
    )
    add_run(results, run_spec("keras-dcgan"), status="missing", reason="keras is not installed")
    add_plan(results, [run_spec(seed=0), run_spec(seed=2)])
    found = report()
    cells = row(found, "torch-dcgan")
    assert (cells["Failed"], cells["Status"]) == ("1 of 2", "1 ok, 1 oom, 1 pending")
    assert list(row(found, "keras-dcgan").values()) == [
        *["—"] * 5,
        "missing",
        "—",
        "1,234,567",
        "138,817",
        "45.6",
        "—",
        "—",  # it never started, so it did not fail
        "not parity-checked",
    ]
    assert "1 oom out of memory" in text_of(found.rendered)
    assert "2 pending planned, not started" in text_of(found.rendered)
    assert "0 missing keras is not installed" in text_of(found.rendered)
    assert "Seed 1: oom , out of memory" in text_of(found.page)
    assert "Seed 0: missing , keras is not installed" in text_of(found.page)
    for text in found.both():
        assert "line 1 line 2" in text
        assert "no run succeeded (keras-dcgan)" in text
    assert len(re.findall("<details><summary>Last lines of the log", found.html)) == 1


def test_a_run_that_could_not_be_scored_says_why(results, report):
    under = protocol()
    failed = scores_of(
        {600: None}, under=under, status="error", reason="The samples do not fit.", floor=None
    )
    add_run(results, run_spec(), scores=[failed])
    found = report()
    assert list(row(found, "torch-dcgan").values())[:2] == ["—", "1,000"]
    assert "not scored , The samples do not fit." in text_of(found.page)
    assert "not scored The samples do not fit." in text_of(found.rendered)
    for text in found.both():
        assert "Nothing was scored." in text


def test_losses_that_a_kill_left_unwritten_are_not_called_divergence(results, report):
    losses = some_losses(600)
    losses[100:] = np.nan  # the last checkpoint was after 100 steps
    add_run(results, run_spec(), status="killed", reason="SIGKILL", losses=losses, steps_done=150)
    assert "not finite" not in text_of(report().page)


@pytest.mark.slow
def test_losses_that_are_not_finite_are_plotted_as_far_as_they_go(results, written_report):
    losses = some_losses(600)
    losses[100:] = np.nan
    add_run(results, run_spec(), status="diverged", reason="nan", losses=losses, steps_done=120)
    losses = some_losses(600)
    losses[50, 0] = np.inf
    add_run(results, run_spec("keras-dcgan"), losses=losses)
    everything = np.full((600, 4), np.nan)
    add_run(results, run_spec("torch-baseline"), losses=everything)
    found = written_report()
    assert "torch-dcgan; not finite from step 101" in text_of(found.rendered)
    assert "keras-dcgan; not finite from step 51" in text_of(found.rendered)
    assert {trace["meta"] for trace in found.data["charts"]["loss-generator-0"]["data"]} == {
        "torch-dcgan",
        "keras-dcgan",
    }
    assert not list((found.out / "figures").glob("*baseline*"))


def test_losses_without_discriminator_outputs_have_one_panel(results, written_report):
    losses = some_losses(600)
    losses[:, 2:] = np.nan
    add_run(results, run_spec(), losses=losses)
    assert "figures/losses-torch-dcgan.png" in written_report().markdown


def test_points_without_a_time_are_left_out_of_the_curve_and_named(results, report):
    spec = run_spec()
    points = [
        {"step": 0, "images": 0, "train_s": 0.0},
        {"step": 300, "images": 30_000, "train_s": None},
        {"step": 600, "images": 60_000, "train_s": None},
    ]
    scores = [scores_of({0: 150.0, 300: 20.0, 600: 4.0})]
    add_run(results, spec, scores=scores, evaluation_points=points, untimed_steps=300, resume_s=3.0)
    found = report()
    assert row(found, "torch-dcgan")["Time to finish (s)"] == "—"
    text = text_of(found.page)
    assert "torch-dcgan: 2 of 3 points are missing in the chart against seconds" in text
    assert "seed 0 was resumed" in text


def test_real_images_stand_beside_the_samples_if_they_are_the_same_data(results, written_report):
    dataset = data.load("mnist-5k")
    spec = quick_spec(dataset="mnist-5k", data_sha256=dataset.sha256)
    add_run(results, spec, grids=(0, 20, 40))
    other = quick_spec("keras-dcgan", dataset="mnist-5k")
    add_run(results, other, grids=(0, 40))
    found = written_report()
    assert text_of(found.page).count("Real test images of mnist-5k") == 1
    assert "mnist-5k on this machine differs from the data of the runs" in text_of(found.page)
    with Image.open(found.out / "figures/real-mnist-5k.png") as picture:
        pixels = np.asarray(picture)
    np.testing.assert_array_equal(pixels[:28, :28], dataset.test.images[0, :, :, 0])


def test_a_grid_that_is_damaged_is_named(results, report):
    folder = add_run(results, run_spec(dataset="unknown"), grids=(0, 300, 600))
    (folder.grids / "00000600.png").write_bytes(b"\x89PNG broken")
    found = report()
    assert "the grid 00000600.png of torch-dcgan-unknown-s0" in text_of(found.page)
    assert "step 300 (30,000 images) (ok; not the end of training)" in text_of(found.page)
    assert "There is no data set 'unknown'" in text_of(found.page)


def test_what_could_not_be_read_is_named_without_the_place_of_the_folder(results, report):
    add_run(results, run_spec())
    folder = add_run(results, run_spec("torch-wgan"))
    folder.record.write_text("{")
    found = report()
    assert f"The record runs/{folder.path.name}/record.json is not readable" in text_of(found.page)
    assert str(results) not in found.html
    assert str(results) not in found.markdown


def test_only_pending_runs_are_a_report(results, report):
    add_plan(results, [quick_spec(seed=0), quick_spec(seed=1)])
    found = report()
    assert "No run has finished yet: 2 runs planned." in text_of(found.page)
    assert "pending" in row(found, "torch-dcgan").values()
    assert "machine not known yet" in text_of(found.page)


def test_only_failed_runs_are_a_report(results, report):
    add_run(results, quick_spec(), status="error", reason="why")
    add_run(results, quick_spec("keras-dcgan"), status="timeout", reason="too slow")
    text = text_of(report().page)
    assert "No run succeeded (1 timeout and 1 error), so there is nothing to rank." in text


def test_nothing_to_report_is_an_error_of_one_sentence(results, tmp_path):
    with pytest.raises(UsageError, match="has no run to report; `gan-bench run` creates runs"):
        write_report(results, tmp_path / "out")
    (results / "plans" / "x.json").write_text("{")
    with pytest.raises(UsageError, match=r"has no run to report \(1 unreadable: The plan"):
        write_report(results, tmp_path / "out")
    with pytest.raises(UsageError, match="There is no results folder"):
        write_report(tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_written_is_named(two_implementations, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot be written to .*file is not a folder\).*--out"):
        write_report(two_implementations, tmp_path / "file")


@pytest.mark.process
def test_reading_results_imports_nothing_that_plots():
    code = (
        "import sys, gan_bench.results.load, gan_bench.plan.expand;"
        "sys.exit(bool({'matplotlib', 'jinja2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
