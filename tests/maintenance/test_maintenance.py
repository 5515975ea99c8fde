"""`gan-bench doctor --results` finds what is wrong, mends it, and loses nothing; `clean` asks."""

import json
import os
import shutil
import subprocess
from collections import Counter

import pytest

from bench import PLUGIN, Bench, same_bits
from gan_bench.system.processes import RUN_MARK

FAKE = ("gan_bench.testing", "FakeTrainer")
MANY = (
    *("--steps", "300", "--evaluations", "3", "--samples", "150", "--metrics", "fid"),
    "--keep-samples",
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A finished run, made once."""
    folder = tmp_path_factory.mktemp("prepared")
    (folder / "gan.py").write_text(PLUGIN.format(module=FAKE[0], base=FAKE[1], body="    pass"))
    assert Bench(folder, runs_here=True)("run", "./gan.py", *MANY).code == 0
    return folder


@pytest.fixture
def finished(bench, prepared):
    """A results folder with one finished run, and its twin that stays as it is."""
    shutil.copy(prepared / "gan.py", bench.folder)
    for results in ("results/local", "calm"):
        shutil.copytree(prepared / "results/local", bench.folder / results)
    (folder,) = bench.run_folders()
    return "./gan.py", folder


def doctor(bench, *arguments):
    done = bench("doctor", "--results", "results/local", "--json", *arguments)
    return done.code, json.loads(done.out)["problems"]


def rewrite(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def contents(folder):
    """How often each content is there, but for locks and the mark, which say nothing."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return Counter(path.read_bytes() for path in files if path.name != "gan-bench.json")


def make_old(folder):
    """Let nobody be writing what belongs to no run."""
    for path in folder.glob("**/*"):
        os.utime(path, (1e9, 1e9))


def flip(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def half_a_checkpoint(folder):
    half = folder / "checkpoints" / "00000450.half"
    half.mkdir()
    (half / ".state.json.x.tmp").write_text("{")


DAMAGES = {
    "the mark": lambda folder: (folder.parents[1] / "gan-bench.json").write_text("{"),
    "a record of nonsense": lambda folder: (folder / "record.json").write_text("nonsense"),
    "a record with NaN": lambda folder: (folder / "record.json").write_text(
        (folder / "record.json").read_text().replace('"train_s":', '"train_s": NaN, "x":', 1)
    ),
    "no specification": lambda folder: (folder / "spec.json").unlink(),
    "a specification of nonsense": lambda folder: (folder / "spec.json").write_text("[]"),
    "neither": lambda folder: [(folder / name).unlink() for name in ("spec.json", "record.json")],
    "other losses": lambda folder: flip(folder / "losses.npy"),
    "half the losses": lambda folder: os.truncate(folder / "losses.npy", 200),
    "no losses": lambda folder: (folder / "losses.npy").unlink(),
    "a flipped checkpoint": lambda folder: flip(
        next((folder / "checkpoints").glob("*/trainer/state.npz"))
    ),
    "half a checkpoint": lambda folder: half_a_checkpoint(folder),
    "half a checkpoint and a damaged one": lambda folder: [
        half_a_checkpoint(folder),
        flip(next((folder / "checkpoints").glob("*/trainer/state.npz"))),
    ],
    "a copied run": lambda folder: shutil.copytree(folder, folder.with_name("copy")),
    "scores of nonsense": lambda folder: next((folder / "scores").iterdir()).write_text("{}"),
    "half a snapshot": lambda folder: os.truncate(folder / "snapshots" / "00000300.npz", 999),
    "half a grid": lambda folder: os.truncate(folder / "grids" / "00000300.png", 99),
    "half a file": lambda folder: (folder / ".record.json.x.tmp").write_text("{"),
    "a plan of nonsense": lambda folder: next((folder.parents[1] / "plans").iterdir()).write_text(
        "{"
    ),
    "a speed study of nonsense": lambda folder: (
        (folder.parents[1] / "speed").mkdir(),
        (folder.parents[1] / "speed" / "x.json").write_text("{"),
    ),
    "a removal cut short": lambda folder: (folder.parents[1] / "removing" / "x").mkdir(
        parents=True
    ),
}


def test_a_sound_folder_has_no_problems(bench, finished):
    assert doctor(bench) == (0, [])


def test_jobs_that_nobody_can_follow_are_named_and_left_where_they_are(bench, finished):
    submission = bench.folder / "results/local/jobs/20260101T000000-abcdef"
    submission.mkdir(parents=True)
    (submission / "launch.json").write_text("{")
    code, (problem,) = doctor(bench)
    assert (code, problem["remedy"]) == (1, "none")
    assert "launch.json is not readable" in problem["what"]
    doctor(bench, "--repair")
    assert (submission / "launch.json").exists()


@pytest.mark.long_after(8)
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_found_mended_and_made_again(bench, finished, damage):
    target, folder = finished
    DAMAGES[damage](folder)
    results = bench.folder / "results/local"
    make_old(results)
    kept = contents(results)
    code, problems = doctor(bench)
    assert code == 1 and problems
    text = bench("doctor", "--results", "results/local").out
    assert f"{len(problems)} problem" in text
    _, mended = doctor(bench, "--repair")
    assert kept - contents(results) == Counter(), "a repair deletes nothing"
    assert [problem["done"] for problem in mended if problem["remedy"] != "none"].count(None) == 0
    left = [problem for problem in doctor(bench)[1] if problem["remedy"] != "none"]
    assert left == []
    # The same command makes again what is missing, to the same bits, and nothing was deleted.
    more = ("--force",) if damage in ("half a snapshot",) else ()
    assert bench("run", target, *MANY, *more).code == 0
    same_bits(folder, *bench.run_folders("calm"))
    assert doctor(bench) == (0, [])


@pytest.mark.long
def test_a_process_that_was_left_behind_is_named_and_ended_by_the_next_run(bench, finished):
    target, folder = finished
    environment = {**os.environ, RUN_MARK: str(folder.resolve())}
    left = subprocess.Popen(["sleep", "600"], env=environment)
    code, problems = doctor(bench)
    assert code == 1 and f"its process {left.pid} is still alive" in problems[0]["what"]
    again = bench.start("run", target, *MANY, "--force")
    again.communicate(timeout=60)
    assert again.returncode == 0
    assert left.wait(timeout=20) < 0
    assert doctor(bench) == (0, [])


def test_repair_needs_a_folder(bench):
    done = bench("doctor", "--repair")
    assert done.code == 2 and "give --results DIR" in done.err
    done = bench("doctor", "--results", "nowhere")
    assert done.code == 2 and "There is no results folder nowhere" in done.err


def test_clean_shows_asks_and_removes_what_reports_do_not_need(bench, finished):
    target, folder = finished
    before = bench("export", "--out", "before").code, bench("report").code
    shown = bench("clean")
    assert shown.code == 0 and "snapshots of 1 run:" in shown.out
    assert "Nothing was removed" in shown.err
    assert list((folder / "snapshots").iterdir()) and list((folder / "checkpoints").iterdir())
    assert bench("clean", "--only", "checkpoints", "--yes").code == 0
    assert not (folder / "checkpoints").exists() and (folder / "snapshots").exists()
    assert bench("clean", "--yes").code == 0
    assert not (folder / "snapshots").exists()
    assert (bench("export", "--out", "after").code, bench("report").code) == before == (0, 0)
    tables = [(bench.folder / name / "runs.csv").read_text() for name in ("before", "after")]
    assert tables[0] == tables[1]
    assert "reused" in bench("run", target, *MANY).out
    assert doctor(bench) == (0, [])


def test_a_folder_that_is_not_ours_is_left_alone(bench):
    other = bench.folder / "project"
    for name in ("notes.tmp", "external/libfoo/x", "runs/exp1/x", "parity/data.json"):
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text("{}")
    done = bench("doctor", "--results", "project", "--repair")
    assert done.code == 2 and "is not a results folder of gan-bench" in done.err
    assert sorted(path.name for path in other.rglob("*") if path.is_file()) == sorted(
        ["notes.tmp", "x", "x", "data.json"]
    )


def test_clean_keeps_the_checkpoint_that_a_retry_continues_from(bench, finished):
    _, folder = finished
    rewrite(folder / "record.json", status="timeout", reason="of a test")
    assert bench("clean", "--yes").code == 0
    assert list((folder / "checkpoints").iterdir()) and list((folder / "snapshots").iterdir())


def test_clean_keeps_what_is_not_scored(bench, finished):
    _, folder = finished
    for path in (folder / "scores").iterdir():
        rewrite(path, status="error", reason="of a test")
    assert bench("clean", "--yes").code == 0
    assert list((folder / "snapshots").iterdir())
