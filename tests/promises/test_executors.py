"""Runs submitted by a plugin: installs and uses the scheduler of docs/clusters.md."""

import json
import os
import re
import signal
import textwrap
import time

import pytest

from bench import ROOT, same_bits
from gan_bench.schedulers.submissions import Start, SubmissionFolder

DOCS = ROOT / "docs" / "clusters.md"
QUICK = ("--dataset", "mnist-5k", "--samples", "64", "--threads", "1", "--seeds", "0,")
QUICK += ("--evaluations", "11", "--metrics", "fid")
LONG = ("--steps", "2000", *QUICK)
"""With 0.04 s a step, chunks of 2 s and of 80 s together: time enough on a busy machine."""


@pytest.fixture
def background(bench):
    """Install the scheduler of the documentation where the command finds it."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len(code.splitlines()) <= 35
    site = bench.folder / "site"
    metadata = site / "background-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "background.py").write_text(code)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: background\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[gan_bench.executors]\nbackground = background:Background\n"
    )
    bench.environment["PYTHONPATH"] = str(site)
    return bench


def _rows(bench):
    return json.loads(bench("status", "--json").out)


def _wait(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.mark.long
def test_the_same_records_as_here(background, plugin):
    what = (plugin("one"), plugin("two"), "--steps", "8", *QUICK, "--keep-samples")
    done = background("run", *what, "--executor", "background")
    assert done.code == 0, done.err
    assert "2 of 2 runs succeeded; results in results/local." in done.out.splitlines()
    assert background("run", *what, "--results", "here").code == 0
    for path in background.run_folders():
        same_bits(path, background.folder / "here" / "runs" / path.name)
    again = background("run", *what, "--executor", "background")
    assert again.err.startswith(
        "0 runs submitted to background, 0 already waiting or running, 2 finished."
    )
    assert again.code == 0


@pytest.mark.long
def test_detach_cancel_and_continue(background, plugin):
    what = (plugin("gan", background.slow(0.04)), *LONG, "--executor", "background")
    assert background("run", *what, "--detach").code == 0
    _wait(lambda: _rows(background)[0]["step"] > 0)
    assert _rows(background)[0]["status"] == "running"
    assert background("cancel").out == "1 job cancelled.\n"
    _wait(lambda: _rows(background)[0]["status"] == "killed")
    background.hurry()
    assert background("run", *what).code == 0
    assert background.records()["gan"]["attempts"] == 2


@pytest.mark.long
def test_status_reports_a_job_that_was_killed(background, plugin):
    what = (plugin("gan", background.slow(0.04)), *LONG, "--executor", "background")
    with background.start("run", *what) as watching:
        _wait(lambda: (rows := _rows_or_none(background)) and rows[0]["step"] > 0)
        (jobs,) = background.folder.glob("results/local/jobs/*/jobs.jsonl")
        os.kill(int(json.loads(jobs.read_text())["job"]), signal.SIGKILL)
        watching.communicate(timeout=60)
    assert watching.returncode == 1
    (row,) = _rows(background)
    assert row["status"] == "pending"
    assert "ended without a record; `gan-bench run` resumes it" in row["detail"]


def _rows_or_none(bench):
    out = bench("status", "--json").out
    return json.loads(out) if out else None


@pytest.mark.long
def test_runs_of_an_unreadable_launch_get_no_second_job(background, plugin):
    what = (plugin("gan", background.slow(0.04)), *LONG)
    arguments = (*what, "--executor", "background", "--detach")
    assert background("run", *arguments).code == 0
    _wait(lambda: _rows(background)[0]["status"] == "running")
    (submission,) = background.folder.glob("results/local/jobs/*/launch.json")
    submission.write_text("{}")
    again = background("run", *arguments)
    assert again.code == 2
    assert "launch.json is not readable" in again.err
    assert "nothing was submitted" in again.err
    assert "is not readable" in background("status").err
    assert "Its jobs were not cancelled" in background("cancel").err
    background.hurry()
    _wait(lambda: _rows(background)[0]["status"] == "ok")


def test_an_attempt_removes_the_problem_of_earlier_ones(tmp_path):
    folder = SubmissionFolder(tmp_path)
    for index in (0, 1):
        folder.note_problem(index, "The results folder cannot be written.")
    folder.note_start(0, Start(time="2026-01-01T00:00:00+00:00", host="here", step=0))
    assert not folder.problem(0).exists()
    assert folder.problem(1).exists()


@pytest.mark.long
def test_retries_and_force(background, plugin):
    body = 'def train(self, batches, draws):\n    raise RuntimeError("broken")'
    what = (plugin("broken", body), "--steps", "4", *QUICK, "--executor", "background")
    assert background("run", *what).code == 1
    assert background("run", *what).err.startswith("0 runs submitted")
    for option in ("--retry", "--force"):
        assert background("run", *what, option).err.startswith("1 run submitted")
    record = background.records()["broken"]
    assert (record["status"], record["attempts"]) == ("error", 1)  # --force has started over


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--executor", "slrum"), "There is no executor 'slrum'; did you mean slurm?"),
        (("--slurm", "time=4h"), "--slurm needs --executor slurm"),
        (("--detach",), "--detach is only for jobs of a scheduler"),
        (("--retries", "3"), "--retries is only for jobs of a scheduler"),
        (("--max-parallel", "3"), "--max-parallel is only for jobs of a scheduler"),
        (("--executor", "slurm", "--slurm", "tiem=4h"), "did you mean time?"),
        (("--executor", "slurm", "--slurm", "exclude=n1,tiem=4h"), "did you mean time?"),
        (
            ("--executor", "slurm", "--slurm", "time=4h", "--wait"),
            "--wait is only for runs on this machine",
        ),
        (
            ("--executor", "slurm", "--slurm", "cpus=1", "--threads", "2"),
            "Runs with 2 threads need 2 processors",
        ),
        (
            ("--executor", "slurm", "--slurm", "time=4h", "--device", "cuda"),
            "--device cuda needs a GPU for every run",
        ),
    ],
)
def test_bad_requests(bench, plugin, arguments, sentence):
    done = bench("run", plugin("gan"), "--steps", "4", *arguments, PATH="/usr/bin:/bin")
    assert done.code == 2
    assert sentence in done.err
    assert len(done.err.splitlines()) == 1


def test_an_error_says_that_slurm_is_not_installed(bench, plugin, tmp_path):
    arguments = ("--steps", "4", "--executor", "slurm", "--slurm", "time=1h")
    done = bench("run", plugin("gan"), *arguments, PATH=str(tmp_path))
    assert done.code == 2
    assert "There is no Slurm on this machine" in done.err


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('[slurm]\ntime = "4h"\nmemory = "3G"', "[slurm] or --slurm has the unknown key 'memory'"),
        (
            '[slurm.keras-dcgan]\nmem = "3G"',
            "The table [slurm.keras-dcgan] names no implementation",
        ),
        ('[slurm.gan]\nmem = "lots"', "[slurm.gan]: mem: memory is a number"),
        ("slurm = 3", "slurm must be a table; write [slurm] above its keys"),
        ('[slrum]\ntime = "4h"', "has the unknown key 'slrum'; did you mean slurm?"),
    ],
)
def test_bad_tables_of_a_plan_file(bench, plugin, content, sentence):
    (bench.folder / "plan.toml").write_text(content)
    arguments = ("--steps", "4", "--plan", "plan.toml", "--executor", "slurm", "--dry-run")
    done = bench("run", plugin("gan"), *arguments)
    assert done.code == 2
    assert sentence in done.err


def test_a_plan_file_with_a_slurm_table_runs_here_too(bench, plugin):
    (bench.folder / "plan.toml").write_text('[slurm]\ntime = "4h"\n')
    done = bench("run", plugin("gan"), "--steps", "4", *QUICK, "--plan", "plan.toml")
    assert done.code == 0, done.err


def test_a_dry_run_prints_the_parameters_of_slurm(bench, plugin, tmp_path):
    (bench.folder / "plan.toml").write_text(
        textwrap.dedent(
            """
            [slurm]
            partition = "gpu"
            gpus = 1
            time = "1d12h"
            account = "lab"
            [slurm.two]
            mem = "32G"
            """
        )
    )
    arguments = ("--steps", "4", "--plan", "plan.toml", "--executor", "slurm", "--dry-run")
    # Also where there is no Slurm.
    path = {"COLUMNS": "500", "PATH": str(tmp_path)}
    done = bench("run", plugin("one"), plugin("two"), *QUICK, *arguments, **path)
    assert done.code == 0, done.err
    both = ("--partition=gpu", "--gpus-per-node=1", "--time=2160", "--account=lab", "on cuda:0")
    assert all(words in done.out for words in both)
    (two,) = [line for line in done.out.splitlines() if line.startswith("For jobs of two:")]
    (one,) = [line for line in done.out.splitlines() if line.startswith("For jobs of one:")]
    assert ("--mem=32G" in two, "--mem" in one) == (True, False)
