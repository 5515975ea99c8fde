"""The command line in narrow and wide terminals, and without one."""

import io
import json
import shutil
import sys

import pytest

from gan_bench import data
from gan_bench.cli.views import progress
from report_folder import add_run, empty_results, run_spec, scores_of


@pytest.mark.parametrize("columns", ["40", "60", "80", "200"])
def test_names_are_never_cut(bench, columns):
    names = [row["name"] for row in json.loads(bench("list", "--json").out)]
    out = bench("list", COLUMNS=columns).out
    assert all(name in out for name in names)
    assert max(map(len, out.splitlines())) <= int(columns)


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_a_recipe_fits_the_terminal(bench, columns):
    out = bench("show", "torch-dcgan", COLUMNS=columns).out
    assert "batch_norm_epsilon" in out
    assert max(map(len, out.splitlines())) <= int(columns)


def test_doctor_names_frameworks_devices_and_data(bench):
    found = {row["what"]: row for row in json.loads(bench("doctor", "--json").out)}
    assert found["data mnist-5k"]["state"] == "ok"
    assert {
        "device cpu",
        "disk",
        "features inception",
        "data mnist",
        *(f"framework {name}" for name in ("torch", "keras", "jax")),
    } <= set(found)


def test_without_a_terminal_there_are_plain_lines(bench, plugin):
    done = bench("run", plugin("gan"), "--images", "256", "--evaluations", "2", "--samples", "100")
    assert "\x1b" not in done.out
    # A busy machine adds lines on how far scoring is.
    lines = [line for line in done.out.splitlines() if ": scoring, " not in line]
    assert lines[0].startswith("[1/1] gan-mnist-5k-s0-") and lines[0].endswith("steps on cpu")
    assert "ok, FID " in lines[1] and "images/s" in lines[1]
    assert lines[2] == "1 of 1 run succeeded; results in results/local."
    assert lines[4].split() == ["implementation", "FID", "(lenet)", "images/s", "trained", "in"]
    assert lines[5].split()[0] == "gan"
    assert lines[-1] == "Next: gan-bench report --open"


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_verdicts_and_figures_of_parity_are_whole(bench, plugin, columns):
    one, two = plugin("one"), plugin("two")
    out = bench("parity", one, two, "--paired-steps", "3", COLUMNS=str(columns)).out
    header, row, bounds = out.splitlines()
    assert header.split()[:6] == ["pair", "verdict", "held", "forward", "losses", "updates"]
    assert row.split()[:6] == ["one--two", "passed", "0", "0", "0", "0"]
    assert bounds.split()[:5] == ["bound", "0", "1e-04", "1e-10", "1e-09"]
    assert ("paired run" in header) is (columns > 60)
    assert max(map(len, out.splitlines())) <= columns


@pytest.mark.parametrize("columns", [60, 80])
def test_the_steps_of_a_status_are_never_cut(bench, columns):
    path = empty_results(bench.folder / "results/local")
    add_run(path, run_spec("torch-upsampling-sgd", steps=18_750, evaluation_steps=(0, 18_750)))
    out = bench("status", COLUMNS=str(columns)).out
    assert "18,750/18,750" in out
    assert max(map(len, out.splitlines())) <= columns


@pytest.mark.parametrize("columns", [80, 200])
def test_doctor_breaks_no_word_and_misses_no_data_that_it_can_download(cli, columns, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/nowhere")
    disk = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: disk)  # others write at the same time
    found = {row["what"]: row for row in json.loads(cli("doctor", "--json").out)}
    out = cli("doctor", COLUMNS=str(columns)).out
    assert max(map(len, out.splitlines())) <= columns
    assert found["data kmnist"]["state"] == "info"
    assert "downloaded when first used" in found["data kmnist"]["detail"]
    words = set(out.split())
    for what in ("data kmnist", "features inception", "disk"):
        assert set(found[what]["detail"].split()) <= words


@pytest.mark.parametrize("columns", [80, 200])
def test_list_has_sources_presets_and_data_sets_at_any_width(cli, columns):
    out = cli("list", COLUMNS=str(columns)).out
    assert max(map(len, out.splitlines())) <= columns
    text = " ".join(out.split())
    assert "If nothing is named, quick runs torch-dcgan, keras-dcgan, jax-dcgan, " in text
    assert "github.com/janith99hansidu" in text
    assert "paper mnist the recipe's own epochs 3 10 x 10,000" in text
    assert f"--dataset {', '.join(data.names())}, folder:PATH" in text


@pytest.mark.parametrize("columns", [80, 200])
def test_a_status_ends_with_what_the_runs_came_to_and_what_to_type(cli, columns):
    path = empty_results(cli.folder / "r1")
    for name, fids in (("torch-dcgan", (20.0, 30.0)), ("keras-dcgan", (22.0,))):
        for seed, fid in enumerate(fids):
            files = [scores_of({0: 90.0, 600: fid})]
            add_run(path, run_spec(name, seed), scores=files)
    failed = add_run(path, run_spec("keras-decay"), status="error", reason="it broke")
    done = cli("status", "--results", "r1", COLUMNS=str(columns))
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= columns
    assert "4 runs: 3 ok, 1 error" in lines
    rows = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert rows["keras-dcgan"] == ["1", "22.0", "1,000", "1", "min", "02", "s", "ok"]
    assert rows["torch-dcgan"][:5] == ["2", "25.0", "(20.0", "to", "30.0)"]
    assert rows["keras-decay"] == ["1", *["—"] * 3, "error"]
    text = " ".join(done.out.split())
    assert "FID: lower is better; 0.520 for real images and 90.0 for the untrained" in text
    assert lines[-2] == "Next: gan-bench report --results r1 --open"
    assert lines[-1] == f"Why a run failed: gan-bench show {failed.path.name} --results r1"
    assert json.loads(cli("status", "--results", "r1", "--json").out)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stderr", [io.StringIO, Terminal])
def test_long_scoring_shows_how_far_it_is_with_and_without_a_terminal(monkeypatch, stderr):
    monkeypatch.setattr(progress, "_FIRST_LINE_S", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stderr", stderr())
    with progress.ScoringProgress() as show:
        show("inception: 50 of 200 images, about 9 s left")
        show("inception: 60 of 200 images, about 8 s left")
    said = sys.stderr.getvalue()
    assert "inception: 50 of 200 images" in said or stderr is Terminal
    assert said.count("inception: ") == 1 if stderr is io.StringIO else "inception: 60" in said
