"""A plan with a plugin file, from the command line to records, scores and data frames."""

import json

import numpy as np
import pytest

from bench import same_bits
from gan_bench import load_results
from gan_bench.text import figure

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
    scores = load_results(bench.folder / "results/local").scores
    fid = scores.loc[scores["metric"] == "fid_lenet", "value"].iloc[-1]
    assert f"ok, reused, FID {figure(fid)}, " in done.out
    assert (folder / "record.json").stat().st_mtime_ns == before
    done = bench("run", target, *SHORT, "--force")
    assert done.code == 0
    assert (folder / "record.json").stat().st_mtime_ns != before


@pytest.mark.long
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


@pytest.mark.long
def test_lost_scores_are_computed_again(bench, plugin):
    target = plugin("my_gan")
    bench("run", target, *SHORT)
    (folder,) = bench.run_folders()
    (path,) = (folder / "scores").glob("*.json")
    path.unlink()
    assert bench("run", target, *SHORT).code == 0
    assert [p.name for p in (folder / "scores").glob("*.json")] == [path.name]


def test_two_classes_of_a_file_are_two_implementations_everywhere(bench):
    (bench.folder / "variants.py").write_text(
        "from gan_bench.testing import FakeTrainer\n"
        "class Slow(FakeTrainer): pass\n"
        "class Fast(FakeTrainer):\n    def _learning_rate(self): return 0.2\n"
    )
    names = ["variants:Slow", "variants:Fast"]
    targets = [f"./{name.replace(':', '.py:')}" for name in names]
    done = bench("run", *targets, *SHORT, "--set", "variants:Fast.batch_size=32")
    assert done.code == 0, done.err
    assert "2 of 2 runs succeeded" in done.out
    assert sorted(bench.records()) == sorted(names)
    folders = [folder.name for folder in bench.run_folders()]
    assert [name.split("-mnist")[0] for name in folders] == ["variants-Fast", "variants-Slow"]
    rows = json.loads(bench("status", "--json").out)
    assert sorted(row["run_id"] for row in rows) == folders
    assert bench("report").code == 0
    report = (bench.folder / "reports/local/report-full.md").read_text()
    assert all(f"| {name} |" in report for name in names)
    compared = json.loads(bench("compare", "results/local", "results/local", "--json").out)
    assert sorted(row["implementation"] for row in compared["rows"]) == sorted(names)
    assert bench("show", "variants-Slow").code == 0


def test_one_class_by_two_paths_is_one_run(bench, plugin):
    target = plugin("my_gan")
    (bench.folder / "link.py").symlink_to("my_gan.py")
    done = bench("run", target, str(bench.folder / "my_gan.py"), "link.py", "--dry-run")
    assert done.code == 0 and done.out.count("my-gan") == 1
    done = bench("run", target, f"{target}:Plugin", "--dry-run")
    assert done.code == 2
    assert "my-gan and my-gan:Plugin are both the class Plugin of " in done.err


def test_files_of_one_name_are_refused_together(bench, plugin):
    target = plugin("my_gan")
    for name in ("other/my_gan.py", "My-Gan.py"):
        path = bench.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text((bench.folder / "my_gan.py").read_text())
        done = bench("run", target, name, "--dry-run")
        assert done.code == 2
        assert f"my-gan is the name of both {bench.folder / 'my_gan.py'} and {path}" in done.err


def test_code_that_changed_since_it_was_planned_is_not_trained(bench, plugin):
    edits = """
def train(self, batches, draws):
    path = Path(__file__).with_name("layers.py")
    path.write_text("RATE = 2")
    return super().train(batches, draws)
"""
    target = plugin("my_gan", f"from layers import RATE\n{edits}")
    (bench.folder / "layers.py").write_text("RATE = 1")
    done = bench("run", target, *SHORT, "--seeds", "2")
    assert done.code == 1 and "1 of 2 runs succeeded" in done.out
    records = [json.loads((f / "record.json").read_text()) for f in bench.run_folders()]
    assert [record["status"] for record in records] == ["ok", "error"]
    assert "the source of my-gan has changed since the run was planned" in records[1]["reason"]
