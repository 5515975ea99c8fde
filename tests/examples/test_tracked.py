"""The tracked scripts of examples/tracked: few changed lines, and a report beside torch-dcgan.

Without the lines that are marked `# tracked`, each is the script as it was.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from bench import ROOT, Bench
from gan_bench import data
from onnx_generator import write_generator

MARK = "# tracked"
MOST = 10
SCRIPTS = {
    "dcgan_torch": pytest.mark.torch,
    "gan_keras": pytest.mark.keras,
    "gan_jax": pytest.mark.jax,
}
NAMES = {"dcgan-script": "torch", "keras-script": "keras", "jax-script": "jax"}
STEPS = "4"


def path_of(name):
    return ROOT / "examples" / "tracked" / f"{name}.py"


def untracked(name):
    lines = path_of(name).read_text().splitlines(keepends=True)
    return "".join(line for line in lines if MARK not in line)


def test_every_script_is_tested():
    assert {path.stem for path in path_of("x").parent.glob("*.py")} == SCRIPTS.keys()


@pytest.mark.parametrize("name", SCRIPTS)
def test_tracking_takes_at_most_ten_lines(name):
    marked = [line for line in path_of(name).read_text().splitlines() if MARK in line]
    assert 5 <= len(marked) <= MOST
    original = untracked(name)
    assert "bench" not in original and "track" not in original
    compile(original, name, "exec")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the digits that come with gan-bench, as Keras stores MNIST."""
    folder = tmp_path_factory.mktemp("tracked")
    train = data.load("mnist-5k").train
    np.savez(folder / "mnist.npz", x_train=train.images[..., 0], y_train=train.labels)
    return folder


def start(folder, script, *options):
    bench = Bench(folder)
    done = subprocess.run(
        [sys.executable, str(script), *options],
        cwd=folder,
        env={**bench.environment, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.long
@pytest.mark.process
@pytest.mark.parametrize("name", [pytest.param(name, marks=mark) for name, mark in SCRIPTS.items()])
def test_the_script_trains_without_its_tracked_lines(folder, tmp_path, name):
    (tmp_path / "mnist.npz").symlink_to(folder / "mnist.npz")
    (tmp_path / "train.py").write_text(untracked(name))
    start(tmp_path, "train.py", "--steps", "2")
    assert np.load(tmp_path / "samples.npy").size == 64 * 784
    assert not (tmp_path / "results").exists()


@pytest.mark.long
@pytest.mark.process
@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.jax
def test_scripts_a_generator_and_a_folder_stand_in_a_report_beside_torch_dcgan(folder):
    bench = Bench(folder)
    for name in SCRIPTS:
        said = start(folder, path_of(name), "--steps", STEPS)
        assert "1,000 samples at the steps 0, 1, 2, 3 and 4" in said and ": ok, FID " in said
    done = bench("run", "torch-dcgan", "--steps", STEPS, "--threads", "1", "--metrics", "fid")
    assert done.code == 0, done.err
    records = bench.records()
    assert {name: records[name]["spec"]["implementation"]["framework"] for name in NAMES} == NAMES
    for name in NAMES:
        record = records[name]
        assert (record["status"], record["paired"], record["spec"]["threads"]) == ("ok", False, 1)
        assert record["spec"]["losses"] == ["generator", "discriminator"]
        assert record["spec"]["versions"].keys() > {"python", "gan-bench", "numpy"}
    assert {row["status"] for row in json.loads(bench("status", "--json").out)} == {"ok"}
    row = ("--results", "results/local", "--metrics", "fid", "--no-floor", "--as")
    write_generator(folder / "g.onnx")
    (folder / "pngs").mkdir()
    for index, image in enumerate(data.load("mnist-5k").train.images[:1000, :, :, 0]):
        Image.fromarray(image).save(folder / "pngs" / f"{index:04d}.png")
    for fake, name in ((("--generator", "g.onnx"), "ONNX"), (("pngs",), "PNGs")):
        done = bench("score", "mnist-5k:test", *fake, *row, name)
        assert done.code == 0, done.err
    assert bench("report").code == 0
    report = (folder / "reports/local/report.md").read_text()
    ranking = [line for line in report.splitlines() if line.startswith("| ")]
    for name in NAMES:
        assert any(line.startswith(f"| {name} (own loop, not paired) |") for line in ranking)
    assert any(line.startswith("| torch-dcgan |") for line in ranking)
    assert any(line.startswith("| *External: ONNX* |") for line in ranking)
    assert any(line.startswith("| *External: PNGs* |") for line in ranking)
    assert report.count("| Implementation |") == 1  # they are one group
