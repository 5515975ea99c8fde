"""The script that measures a GPU does on a CPU, with small sizes, everything that it promises."""

import json
import os
import subprocess
import sys
import tarfile

import pytest

from bench import ROOT
from gan_bench.results.record import Record

STAGES = ["setup", "probe", "tests", "steps", "runs", "scripts", "parity", "best"]

STAND_IN = """#!/bin/sh
case "$*" in
  *gpu_probe.py*) echo '{"name": "none"}'; exit "${PROBE_CODE:-0}" ;;
  *"-m pytest "*) echo "1 failed"; exit 3 ;;
  *--table*) echo "the table" ;;
  *gpu_steps.py*)
    tar -tzf "$OUT/results.tar.gz" >"$WORK/packed-before-steps.txt"
    exec tail -f /dev/null ;;
esac
"""
"""An interpreter with which the tests fail and the steps never end."""


@pytest.fixture
def check(tmp_path):
    """Return the script's output and exit code for some stages, and the names in its packs."""

    def run(*stages, **environment):
        folders = {name: str(tmp_path / name.lower()) for name in ("WORK", "OUT", "TMPDIR")}
        (tmp_path / "tmpdir").mkdir(exist_ok=True)
        variables = {"DEVICE": "cpu", "PYTHON": sys.executable, "WHEELS": str(tmp_path / "none")}
        done = subprocess.run(
            [ROOT / "benchmarks" / "gpu_check.sh", *stages],
            env={**os.environ, **folders, **variables, **environment},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        return done

    return run


@pytest.fixture
def stand_in(tmp_path):
    python = tmp_path / "python"
    python.write_text(STAND_IN, encoding="utf-8")
    python.chmod(0o755)
    return str(python)


def ends(work):
    """Return how each stage ended, by its name, in their order."""
    lines = (work / "stages.txt").read_text(encoding="utf-8").splitlines()
    told = [line.partition(" s: ")[2].split(" ", 1) for line in lines]
    return {name: how for name, how in told if how.startswith(("ended", "skipped"))}


def packed(path):
    with tarfile.open(path) as file:
        return {name.removeprefix("./") for name in file.getnames()}


@pytest.mark.process
def test_results_are_packed_though_a_stage_fails_and_another_is_cut(check, stand_in, tmp_path):
    done = check("probe", "tests", "steps", "best", PYTHON=stand_in, STEPS_LIMIT="1", LIMIT="99")
    assert done.returncode == 1, done.stderr
    assert ends(tmp_path / "work") == {
        "probe": "ended with 0",
        "tests": "ended with 3",
        "steps": "ended with 124",
        "best": "skipped: the stage steps has measured no speed",
    }
    before = (tmp_path / "work" / "packed-before-steps.txt").read_text().split()
    assert {"./probe.json", "./tests.log", "./stages.txt"} <= set(before)
    logs = {"probe.log", "tests.log", "steps.log"}
    assert {"probe.json", "stages.txt", *logs} <= packed(tmp_path / "out" / "results.tar.gz")
    assert done.stdout.endswith("the table\n")


@pytest.mark.process
def test_a_stage_that_prints_and_fails_has_failed(check, stand_in, tmp_path):
    done = check("probe", PYTHON=stand_in, PROBE_CODE="4")
    assert done.returncode == 1
    assert ends(tmp_path / "work") == {"probe": "ended with 4"}


@pytest.mark.process
def test_a_stage_for_which_too_little_time_is_left_is_skipped(check, tmp_path):
    done = check("scripts", "parity", LIMIT="44")
    assert done.returncode == 0, done.stderr
    skipped = ends(tmp_path / "work")
    assert list(skipped) == ["scripts", "parity"]
    assert all(how.startswith("skipped: 4") for how in skipped.values())
    assert "stages.txt" in packed(tmp_path / "out" / "results.tar.gz")


@pytest.mark.process
def test_files_are_small_enough_and_have_the_last_samples_of_seed_0(check, tmp_path):
    runs = tmp_path / "work" / "runs" / "runs"
    size = 9_000_000
    for name in ("a-s0-1", "b-s0-2", "c-s0-3", "d-s1-4"):
        for file in ("snapshots/1.npz", "snapshots/2.npz", "checkpoints/2/state", "grids/2.png"):
            path = runs / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(size if file != "snapshots/1.npz" else 10))
        (runs / name / "record.json").touch()
    check("scripts", LIMIT="0", SAMPLES_MB="20")
    parts = sorted((tmp_path / "out").iterdir())
    assert [part.name for part in parts] == ["results.tar.gz", "samples.tar.0", "samples.tar.1"]
    assert all(part.stat().st_size <= 15_000_000 for part in parts)
    results = packed(parts[0])  # without the grids, which are too large together
    assert {f"runs/runs/{name}/record.json" for name in ("a-s0-1", "d-s1-4")} <= results
    assert "runs/runs/d-s1-4/snapshots" in results  # that it is scored
    assert not [name for name in results if name.endswith((".npz", ".png", "state"))]
    whole = tmp_path / "samples.tar"
    whole.write_bytes(b"".join(part.read_bytes() for part in parts[1:]))
    kept = {f"runs/runs/{name}/snapshots/2.npz" for name in ("a-s0-1", "b-s0-2")}
    assert packed(whole) == kept


@pytest.mark.process
def test_an_unknown_stage_is_refused(check):
    done = check("probe", "step")
    assert done.returncode == 2
    assert done.stderr == f"There is no stage step; the stages are: {' '.join(STAGES)}.\n"


@pytest.mark.long
@pytest.mark.torch
@pytest.mark.jax
@pytest.mark.process
@pytest.mark.usefixtures("quick_xla")
def test_every_stage_ends_well_on_a_cpu(check, tmp_path):
    limits = {f"{stage.upper()}_LIMIT": "999" for stage in STAGES}  # also on a busy machine
    done = check(LIMIT="9999", **limits)
    assert ends(tmp_path / "work") == dict.fromkeys(STAGES, "ended with 0"), done.stdout
    assert done.returncode == 0
    files = {path.name: path.stat().st_size for path in (tmp_path / "out").iterdir()}
    assert set(files) == {"results.tar.gz", "samples.tar.0"}
    assert max(files.values()) <= 15_000_000

    results = packed(tmp_path / "out" / "results.tar.gz")
    assert {f"{stage}.log" for stage in STAGES} | {"nvidia-smi.txt", "probe.json"} <= results
    assert not [name for name in results if name.endswith(".npz") and "/snapshots/" in name]
    samples = packed(tmp_path / "out" / "samples.tar.0")
    assert {name.split("-mnist")[0] for name in samples} == {
        "best/runs/torch-dcgan",
        "runs/runs/jax-dcgan",
        "runs/runs/torch-dcgan",
    }
    unpacked = tmp_path / "unpacked"
    for name in files:
        with tarfile.open(tmp_path / "out" / name) as file:
            file.extractall(unpacked, filter="data")

    assert json.loads((unpacked / "probe.json").read_text())["rates"]["copy, GB/s"] > 0
    rows = [
        row for path in (unpacked / "steps").glob("*.json") for row in json.loads(path.read_text())
    ]
    assert {(row["framework"], row["precision"]) for row in rows} == {
        ("torch", "ieee"),
        ("torch", "bf16"),
        ("jax", "ieee"),
    }
    for row in rows:
        assert row["ms_per_step"] > 0 and row["finite"] and "failed" not in row
        assert f"| {row['framework']}-{row['recipe']} " in done.stdout
    assert [row["host_s"] for row in rows if row["details"]]
    records = [Record.read(path) for path in unpacked.glob("*/runs/*/record.json")]
    assert [record.status for record in records] == ["ok"] * 3
    for path in unpacked.glob("*/runs/*/record.json"):
        assert list((path.parent / "scores").iterdir())
        assert list((path.parent / "snapshots").iterdir())
    assert list(unpacked.glob("runs/parity/*.json"))

    keep = [sys.executable, ROOT / "scripts" / "reference.py", "keep", "--into", tmp_path / "kept"]
    kept = subprocess.run([*keep, unpacked / "runs", unpacked / "best"], capture_output=True)
    assert (kept.returncode, kept.stderr) == (0, b"")
    assert len(list((tmp_path / "kept" / "runs").iterdir())) == 3
    assert list((tmp_path / "kept" / "parity").iterdir())
