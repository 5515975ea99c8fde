"""``gan-bench pack``: what an archive has, and what it does not say."""

import getpass
import json
import os
import platform
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bench import ROOT, complaint
from gan_bench.plugins.registry import Implementation
from gan_bench.results.external import add_external
from gan_bench.results.layout import open_results
from gan_bench.results.load import load_results
from gan_bench.results.record import Job
from gan_bench.results.scores import Source
from gan_bench.results.sources import opened
from gan_bench.scoring.snapshots import grid_png
from gan_bench.system.nvml import Gpu
from report_folder import (
    add_plan,
    add_run,
    empty_results,
    protocol,
    run_spec,
    scores_of,
    some_losses,
)
from speed_study import study

KEPT = ROOT / "results/reference"
LOG = "line 1 of a log"
JOB = "job-98765"
UUID = "GPU-11111111-2222-3333-4444-555555555555"


def implementation(path):
    return Implementation(
        name="my-gan", framework="torch", recipe="my-gan", attribute="MyGan", path=str(path)
    )


@pytest.fixture
def results(cli):
    """A folder whose every file says where it was made, and by whom."""
    home, here, host = Path.home(), cli.folder, platform.node()
    who = getpass.getuser()
    path = empty_results(here / "results/local")
    changes = {
        "implementation": implementation(here / "secret project/my_gan.py"),
        "dataset": f"folder:{home}/faces,size=64",
        "python": f"{home}/envs/torch/bin/python3.12",
    }
    command = f"gan-bench run {here}/my_gan.py --results {path} --dataset folder:{home}/faces"
    scores = scores_of(
        {0: 150.0, 300: 20.0, 600: 4.0},
        reason=f"{home}/w.onnx on {host}",
        status="error",
    ).model_copy(update={"weights": f"{home}/weights.pt", "warnings": (f"see {here}/notes.txt",)})
    folder = add_run(
        path,
        run_spec(**changes),
        scores=[scores],
        losses=some_losses(600),
        grids=(0, 300, 600),
        log_tail=LOG,
        reason=f"{who}@{host} has no space left for {path}/runs (in update ({home}/my_gan.py:42))",
        circumstances={
            "command": command,
            "job": Job(engine="slurm", job=JOB, parameters=(f"--chdir={home}", "account=x")),
            "gpu": Gpu(name="GPU A", uuid=UUID, card_uuid=UUID),
        },
    )
    folder.log.write_text(LOG)
    folder.events.write_text('{"event": "start", "attempt": 1, "time": 1.0, "pid": 7}\n')
    folder.snapshots.mkdir()
    folder.snapshot(600).write_bytes(b"samples")
    (folder.checkpoints / "00000600").mkdir(parents=True)
    (folder.checkpoints / "00000600" / "weights.bin").write_text("weights")
    add_plan(path, [run_spec(seed=seed, **changes) for seed in (0, 1)], command=command)
    images = {"images": f"{home}/theirs.npz", "sha256": "f" * 64, "count": 1000}
    external = scores_of({0: 9.0}).model_copy(update={"fake": Source(**images)})
    grid = grid_png(np.zeros((64, 8, 8, 1), np.uint8))
    add_external(open_results(path, create=False), "Their GAN", [external], grid, command=command)
    shutil.copytree(KEPT / "parity", path / "parity")
    measured = study(
        [run_spec(**changes)],
        {0: 100.0},
        command=f"gan-bench speed {home}/my_gan.py --results {path}",
        gpu=Gpu(name="NVIDIA H100", uuid=UUID, card_uuid=UUID),
    )
    measured.write(path / "speed" / "one.json")
    (path / "published.toml").write_text(
        f"# by {who} on {host}\n" + (KEPT / "published.toml").read_text()
    )
    for place in ("locks", "jobs/1"):
        (path / place).mkdir(parents=True)
        (path / place / "file").write_text(f"{host} {home}")
    return path


def content(archive):
    with zipfile.ZipFile(archive) as opened_archive:
        return {name: opened_archive.read(name) for name in opened_archive.namelist()}


def secrets(folder):
    return {
        *(str(Path.home()), str(folder), LOG, UUID, JOB, "secret project", "account=x"),
    }


def test_no_file_says_where_it_was_made(cli, results):
    done = cli("pack", "results/local", "--out", "mine.zip")
    assert done.code == 0 and done.err == "", done.err
    assert done.out.startswith("mine.zip: 1 run and 1 set of external samples, ")
    packed = content(cli.folder / "mine.zip")
    for name, text in packed.items():
        for secret in secrets(cli.folder):
            assert secret.encode() not in text, (name, secret)
        if name.endswith(".json"):
            for words in (r"[\s\"'=:]/\w+", rf"\b{platform.node()}\b", rf"\b{getpass.getuser()}\b"):
                assert re.findall(words, text.decode()) == [], name
    assert {name.rpartition("/")[2] for name in packed} >= {
        *("record.json", "spec.json", "losses.npy", "00000600.png", "external.json", "grid.png"),
        *("published.toml", "dcgan.json", "gan-bench.json", "manifest.json"),
    }
    kinds = {name.split("/")[0] for name in packed if "/" in name}
    assert kinds == {"runs", "plans", "external", "parity", "speed"}
    parts = {part for name in packed for part in name.split("/")}
    assert not parts & {"worker.log", "events.jsonl", "checkpoints", "snapshots", "locks", "jobs"}


def test_what_is_packed_reads_as_before(cli, results):
    assert cli("pack", "results/local", "--out", "mine.zip").code == 0
    before = load_results(results)
    with opened([cli.folder / "mine.zip"]) as folder:
        after = folder.load()
        (run,) = after.records.values()
        assert (folder.path / "runs" / run.run_id / "grids/00000600.png").exists()
    assert after.left_out == () == before.left_out
    assert after.specs.keys() == before.specs.keys() and len(after.specs) == 2
    assert after.records.keys() == before.records.keys()
    assert after.losses.equals(before.losses)
    columns = [name for name in before.scores if name != "reason"]
    assert after.scores[columns].equals(before.scores[columns])
    assert after.published == before.published
    assert {c.id for c in after.certificates} == {c.id for c in before.certificates}
    assert [s.repeats for s in after.speeds] == [s.repeats for s in before.speeds] != []
    assert after.speeds[0].command == "gan-bench speed my_gan.py --results local"
    assert after.speeds[0].targets[0].spec.implementation.path == "my_gan.py"
    assert run.spec.dataset == "folder:faces,size=64" and run.spec.python == "python3.12"
    assert run.spec.implementation.path == "my_gan.py"
    assert run.reason == "USER@HOST has no space left for runs (in update (my_gan.py:42))"
    command = "gan-bench run my_gan.py --results local --dataset folder:faces"
    assert run.circumstances.command == command
    (external,) = after.externals
    assert external.facts.images == "theirs.npz" and external.facts.command == command


def test_the_same_folder_gives_the_same_bytes(cli, results):
    names = ("one.zip", "two.zip", "three.zip")
    assert cli("pack", "results/local", "--out", names[0]).code == 0
    shutil.copytree(results, cli.folder / "copy")
    assert cli("pack", "results/local", "--out", names[1]).code == 0
    assert cli("pack", "copy", "--out", names[2]).code == 0
    assert len({(cli.folder / name).read_bytes() for name in names}) == 1


def test_packing_what_was_packed_changes_nothing(cli, results):
    assert cli("pack", "results/local", "--out", "one.zip").code == 0
    with zipfile.ZipFile(cli.folder / "one.zip") as archive:
        archive.extractall(cli.folder / "again")
    (cli.folder / "again/manifest.json").unlink()
    assert cli("pack", "again", "--out", "two.zip").code == 0
    assert content(cli.folder / "one.zip") == content(cli.folder / "two.zip")


def test_with_host_and_samples_everything_is_kept(cli, results):
    done = cli("pack", "results/local", "--out", "all.zip", "--with-host", "--samples")
    assert done.code == 0, done.err
    packed = content(cli.folder / "all.zip")
    (record,) = (json.loads(t) for name, t in packed.items() if name.endswith("/record.json"))
    assert record["log_tail"] == LOG and record["circumstances"]["gpu"]["uuid"] == UUID
    assert record["spec"]["dataset"] == f"folder:{Path.home()}/faces,size=64"
    (name,) = (name for name in packed if name.endswith(".npz"))
    assert packed[name] == b"samples"


def test_a_run_whose_recipe_has_a_path_is_left_out(cli):
    path = empty_results(cli.folder / "results/local")
    values = {"batch_size": 100, "weights": f"{Path.home()}/vgg.pt"}
    spec = run_spec(recipe_values=values)
    add_run(path, spec)
    add_run(path, run_spec(seed=1))
    add_plan(path, [spec])
    done = cli("pack", "--out", "mine.zip")
    assert done.code == 0
    assert f"The run {spec.run_id} has a path in its recipe" in done.err
    assert "--with-host packs it." in done.err
    text = b"".join(content(cli.folder / "mine.zip").values())
    assert str(Path.home()).encode() not in text and spec.run_id.encode() not in text
    assert cli("pack", "--out", "mine.zip", "--with-host").err == ""


def test_a_planned_run_with_a_path_is_named_and_what_is_left_of_plans_is_packed_once(cli):
    path = empty_results(cli.folder / "results/local")
    values = {"batch_size": 100, "weights": f"{Path.home()}/vgg.pt"}
    lost, kept = run_spec(recipe_values=values), run_spec(seed=1)
    add_run(path, run_spec(seed=2))
    add_plan(path, [kept])
    add_plan(path, [lost, kept])
    done = cli("pack", "--out", "mine.zip")
    assert done.code == 0
    assert done.err.count(f"The run {lost.run_id} has a path in its recipe") == 1
    with opened([cli.folder / "mine.zip"]) as folder:
        assert kept.run_id in folder.load().specs


def test_files_that_are_there_and_not_packed_are_named(cli, results):
    (folder,) = (results / "runs").glob("my-gan-*")
    scores = scores_of({600: 70.0}, under=protocol(features=f"{Path.home()}/mine.onnx"))
    scores.write_in(folder / "scores")
    (grid,) = (results / "external").glob("*/grid.png")
    for path in (folder / "grids/00000300.png", folder / "snapshots/00000600.npz", grid):
        path.unlink()
        path.mkdir()
    done = cli("pack", "--out", "mine.zip", "--samples")
    assert done.code == 0
    said = done.err.replace(f"{folder.relative_to(cli.folder)}/", "").splitlines()
    assert set(said) == {
        f"{grid.relative_to(cli.folder)} is not packed (Is a directory).",
        "grids/00000300.png is not packed (Is a directory).",
        f"scores/{scores.fingerprint}.json has a path in its protocol, so it is not packed; "
        "--with-host packs it.",
        "snapshots/00000600.npz is not packed (Is a directory).",
    }


def test_the_name_of_external_samples_stays_whatever_is_in_it(cli):
    results = open_results(empty_results(cli.folder / "results/local"), create=False)
    name = f"GAN /w EMA, {Path.home()}"
    images = Source(images="theirs.npz", sha256="f" * 64, count=1000)
    scores = scores_of({0: 9.0}).model_copy(update={"fake": images})
    add_external(results, name, [scores], b"", command="gan-bench score")
    assert cli("pack", "--out", "mine.zip").code == 0
    with opened([cli.folder / "mine.zip"]) as folder:
        (external,) = folder.load().externals
    assert external.facts.name == name
    assert (results.external / external.folder.name).is_dir()


def test_a_damaged_file_is_told_and_the_rest_is_packed(cli, results):
    add_run(results, run_spec(seed=5))
    (folder,) = (results / "runs").glob("torch-dcgan-*")
    (folder / "record.json").write_text("{")
    done = cli("pack", "--out", "mine.zip")
    assert done.code == 0 and "record.json is not readable" in done.err
    assert done.out.startswith("mine.zip: 1 run ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "--out", "x.zip"], "There is no results folder nowhere"),
        (["empty", "--out", "x.zip"], "The results folder empty has no run to pack"),
        (["results/local", "--out", "empty"], "empty cannot be written (Is a directory)"),
        (["results/local", "--out", "x.zip", "--name", ""], "--name takes a name of 1 to 60"),
        (["results/local", "--out", "x.zip", "--name", "a\x1b[1m"], "--name takes a name of 1"),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(cli, results, arguments, said):
    empty_results(cli.folder / "empty")
    assert said in complaint(cli("pack", *arguments))
    assert not list(cli.folder.glob("*.zip")) and not list(cli.folder.glob(".gan-bench-*"))


def test_what_is_no_regular_file_is_not_replaced_and_the_umask_holds(cli, results):
    os.mkfifo(cli.folder / "pipe.zip")
    (cli.folder / "link.zip").symlink_to(cli.folder / "other.zip")
    for name in ("pipe.zip", "link.zip"):
        said = complaint(cli("pack", "results/local", "--out", name))
        assert (
            said
            == f"{name} cannot be written (it is a link, a device or a pipe); name another file."
        )
        assert not (cli.folder / name).is_file()
    before = os.umask(0o077)
    try:
        assert cli("pack", "results/local", "--out", "own.zip").code == 0
    finally:
        os.umask(before)
    assert (cli.folder / "own.zip").stat().st_mode & 0o777 == 0o600
