"""A plan with a plugin file, from the command line to records, scores and data frames."""

import json

import numpy as np
import pytest

from bench import same_bits
from gan_bench import load_results

SHORT = ("--images", "512", "--evaluations", "3", "--samples", "150")


def test_a_run_of_a_plugin_file_writes_a_complete_run_folder(bench, plugin):
    done = bench("run", plugin("my_gan"), *SHORT)
    assert done.code == 0, done.err
    (folder,) = bench.run_folders()
    record = json.loads((folder / "record.json").read_text())
    assert record["status"] == "ok"
    assert record["attempts"] == 1
    assert record["paired"] is True
    assert record["steps_done"] == record["spec"]["steps"]
    assert record["warmup_s"] > 0 and record["train_s"] > 0 and record["images_per_s"] > 0
    assert record["peak_rss_mb"] > 10
    assert record["circumstances"]["probe_gflops_before"] > 0
    assert [p["step"] for p in record["evaluation_points"]] == record["spec"]["evaluation_steps"]
    assert len(list((folder / "grids").glob("*.png"))) == 3
    assert [p.stem for p in (folder / "snapshots").glob("*.npz")] == [
        f"{record['spec']['steps']:08d}"
    ]


def test_the_same_plan_again_reuses_what_is_finished(bench, plugin):
    target = plugin("my_gan")
    bench("run", target, *SHORT)
    (folder,) = bench.run_folders()
    before = (folder / "record.json").stat().st_mtime_ns
    done = bench("run", target, *SHORT)
    assert done.code == 0
    assert "reused" in done.out
    assert (folder / "record.json").stat().st_mtime_ns == before
    done = bench("run", target, *SHORT, "--force")
    assert done.code == 0
    assert (folder / "record.json").stat().st_mtime_ns != before


def test_another_source_value_seed_or_budget_is_another_run(bench, plugin):
    target = plugin("my_gan")
    bench("run", target, *SHORT)
    bench("run", target, *SHORT, "--seeds", "7,")
    bench("run", target, *SHORT, "--set", "my-gan.learning_rate=0.01")
    bench("run", target, *SHORT[2:], "--steps", "3")
    plugin("my_gan", "changed = True")
    bench("run", target, *SHORT)
    assert len(bench.run_folders()) == 5


def test_equal_seeds_give_equal_bits_and_other_seeds_do_not(bench, plugin):
    target = plugin("my_gan")
    bench("run", target, *SHORT, "--results", "one")
    bench("run", target, *SHORT, "--results", "two")
    bench("run", target, *SHORT, "--results", "three", "--seeds", "1,")
    (one,), (two,) = bench.run_folders("one"), bench.run_folders("two")
    same_bits(one, two)
    (three,) = bench.run_folders("three")
    with pytest.raises(AssertionError):
        same_bits(one, three)


def test_the_plan_interleaves_implementations_within_each_seed(bench, plugin):
    targets = plugin("one"), plugin("two")
    done = bench("run", *targets, *SHORT, "--seeds", "2", "--dry-run")
    rows = [line.split()[:2] for line in done.out.splitlines()[1:5]]
    assert rows == [["one", "0"], ["two", "0"], ["one", "1"], ["two", "1"]]
    assert not (bench.folder / "results").exists()


def test_frames_have_a_row_for_each_run_step_and_score(bench, plugin):
    bench("run", plugin("my_gan"), *SHORT, "--seeds", "2")
    results = load_results(bench.folder / "results/local")
    assert list(results.runs["status"]) == ["ok", "ok"]
    steps = int(results.runs["steps"].iloc[0])
    assert len(results.losses) == 2 * steps
    assert np.isfinite(results.losses[["generator", "discriminator"]].to_numpy(float)).all()
    fids = results.scores[results.scores["metric"] == "fid_lenet"]
    assert len(fids) == 2 * 3
    others = results.scores[results.scores["metric"] != "fid_lenet"]
    assert set(others["step"]) == {steps}
    assert {"kid_lenet", "coverage_lenet", "classes_present", "ndb"} <= set(others["metric"])
    assert results.left_out == ()


def test_options_override_a_plan_file(bench, plugin):
    target = plugin("my_gan")
    (bench.folder / "plan.toml").write_text(
        f'targets = ["{target}"]\nimages = 256\nevaluations = 2\nsamples = 150\nseeds = 2\n'
        "[set.my-gan]\nlearning_rate = 0.01\n"
    )
    done = bench("run", "--plan", "plan.toml", "--seeds", "5,")
    assert done.code == 0, done.err
    record = bench.records()["my-gan"]
    assert record["spec"]["seed"] == 5
    assert record["spec"]["recipe_values"]["learning_rate"] == 0.01


def test_status_and_show_report_a_run(bench, plugin):
    bench("run", plugin("my_gan"), *SHORT)
    (row,) = json.loads(bench("status", "--json").out)
    assert (row["status"], row["step"]) == ("ok", row["steps"])
    shown = bench("show", row["run_id"]).out
    assert row["run_id"] in shown and "fid_lenet" in shown


def test_lost_scores_are_computed_again(bench, plugin):
    target = plugin("my_gan")
    bench("run", target, *SHORT)
    (folder,) = bench.run_folders()
    (path,) = (folder / "scores").glob("*.json")
    path.unlink()
    assert bench("run", target, *SHORT).code == 0
    assert [p.name for p in (folder / "scores").glob("*.json")] == [path.name]
