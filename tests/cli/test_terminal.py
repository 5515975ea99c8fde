"""The command line in narrow and wide terminals, and without one."""

import json

import pytest

from report_folder import add_run, empty_results, run_spec


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
        "data mnist",
        *(f"framework {name}" for name in ("torch", "keras", "jax")),
    } <= set(found)


def test_without_a_terminal_there_are_plain_lines(bench, plugin):
    done = bench("run", plugin("gan"), "--images", "256", "--evaluations", "2", "--samples", "100")
    assert "\x1b" not in done.out
    lines = done.out.splitlines()
    assert lines[0].startswith("[1/1] gan-mnist-5k-s0-") and lines[0].endswith("steps on cpu")
    assert "ok, " in lines[1] and "images/s" in lines[1]


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
