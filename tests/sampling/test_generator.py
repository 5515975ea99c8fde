"""``gan-bench score --generator``: a generator becomes a row; memory, clean-up, bad input."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from bench import complaint
from gan_bench import data, load_results
from gan_bench.errors import UsageError
from gan_bench.sampling.generator import parse_latent
from onnx_generator import write_generator

DATA = "mnist-5k:test"
FID = ("--metrics", "fid", "--no-floor")


@pytest.fixture
def onnx_file(bench):
    return str(write_generator(bench.folder / "g.onnx"))


def test_a_generator_stands_beside_runs_under_their_protocol(bench, plugin, onnx_file):
    short = ("--images", "256", "--evaluations", "2", "--samples", "150", "--metrics", "fid")
    assert bench("run", plugin("gan"), *short).code == 0
    row = ("--as", "mine", "--results", "results/local")
    done = bench.here("score", DATA, "--generator", onnx_file, *row, "--metrics", "fid")
    assert done.code == 0, done.err
    assert "generates 150 images, as many as the runs of results/local have." in done.err
    assert (
        "in the ranking by lenet, without a rank, as runs were scored in the same way." in done.err
    )
    (folder,) = (bench.folder / "results/local/external").iterdir()
    facts = json.loads((folder / "external.json").read_text())
    assert (facts["images"], facts["count"]) == (onnx_file, 150)
    assert (folder / "grid.png").exists()
    # Another generator takes the name only if asked to, and then alone.
    better = str(write_generator(bench.folder / "better.onnx", seed=1))
    again = ("score", DATA, "--generator", better, *row)
    said = complaint(bench.here(*again, *FID))
    assert "has other images under the name 'mine'" in said and "--replace" in said
    with pytest.MonkeyPatch.context() as patch:  # nothing is generated if their number differs
        patch.setattr("gan_bench.sampling.generator.ask", None)
        said = complaint(bench.here(*again, *FID, "--count", "140"))
    assert "has other images under the name 'mine'" in said
    assert json.loads((folder / "external.json").read_text()) == facts
    done = bench.here(*again, "--metrics", "fid,kid", "--replace")
    assert done.code == 0, done.err
    scores = load_results(bench.folder / "results/local").scores
    of_mine = scores[scores["run_id"] == "external-mine"]
    assert set(of_mine["metric"]) == {"fid_lenet", "kid_lenet"}
    assert json.loads((folder / "external.json").read_text())["images"] == better


@pytest.mark.process
def test_its_images_are_scored_like_the_same_images_in_a_file(cli):
    path = write_generator(cli.folder / "g.onnx", latent=(16,))
    made = cli("score", DATA, "--generator", str(path), "--count", "150", "--json", *FID)
    assert made.code == 0, made.err
    assert "generates" not in made.err
    kernel = np.random.default_rng(0).standard_normal((16, 784)).astype(np.float32) * 0.02
    latents = np.random.Generator(np.random.Philox(key=[0, 3])).standard_normal(
        (150, 16), dtype=np.float32
    )
    floats = np.tanh(latents @ kernel).reshape(150, 28, 28, 1)
    np.save(
        cli.folder / "made.npy", np.clip(np.rint(127.5 * (floats + 1)), 0, 255).astype(np.uint8)
    )
    file = cli("score", DATA, str(cli.folder / "made.npy"), "--json", *FID)
    values = [json.loads(done.out)["scores"][0]["value"] for done in (made, file)]
    assert values[0] == pytest.approx(values[1], rel=1e-3)


@pytest.mark.process
def test_without_runs_there_are_as_many_as_real_images_and_sizes_can_be_converted(cli):
    path = write_generator(cli.folder / "g.onnx", shape=(20, 20, 1))
    of = ("score", "mnist-5k:test:60", "--generator", str(path), "--json", *FID)
    assert "images of 20 x 20 x 1, not 28 x 28 x 1" in complaint(cli(*of))
    done = cli(*of, "--size", "28")
    assert done.code == 0, done.err
    assert "g.onnx generates 60 images, as many as there are real ones." in done.err
    assert json.loads(done.out)["fake"]["count"] == 60


@pytest.mark.process
def test_values_that_are_never_negative_are_pointed_out(cli):
    path = write_generator(cli.folder / "g.onnx", operator="Sigmoid")
    done = cli("score", "mnist-5k:test:60", "--generator", str(path), *FID)
    assert done.code == 0 and "from 0 to 1, which is grey to white" in done.err


@pytest.mark.process
def test_a_generator_that_crashes_leaves_nothing(cli):
    (cli.folder / "crash.py").write_text(
        "import os\nimport numpy as np\ndef make():\n    calls = []\n"
        "    def g(z):\n        calls.append(0)\n"
        "        if len(calls) == 3:\n            os._exit(5)\n"
        "        return np.zeros((len(z), 28, 28, 1))\n    return g\n"
    )
    of = ("score", DATA, "--generator", "./crash.py:make", "--latent", "8", "--batch", "20")
    said = complaint(cli(*of, "--results", "r", "--as", "mine"))
    assert "cannot generate images: its process ended with exit code 5" in said
    assert {path.name for path in cli.folder.iterdir()} <= {"__pycache__", "crash.py"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "There is nothing to score"),
        ((DATA, "--latent", "8"), "--latent is for --generator: give both"),
        ((DATA, "--count", "8"), "--count is for --generator: give both"),
        (("--generator", "g.onnx"), "--generator makes FAKE: give REAL with it"),
        ((DATA, DATA, "--generator", "g.onnx"), "--generator makes FAKE: give REAL alone"),
        ((DATA, "--generator", "no.onnx"), "There is no file no.onnx: correct --generator"),
        ((DATA, "--generator", "no.py:make", "--latent", "8"), "There is no file no.py"),
        ((DATA, "--generator", "mine"), "--generator takes an .onnx or .pt2 file, module:function"),
        ((DATA, "--generator", "a b:make", "--latent", "8"), "--generator takes an .onnx"),
        ((DATA, "--generator", "weights.pth"), "weights.pth has weights without a network"),
        ((DATA, "--generator", "mine:make"), "--latent is missing"),
        ((DATA, "--generator", "g.onnx", "--latent", "0"), "--latent takes the shape of one"),
        ((DATA, "--generator", "g.onnx", "--latent", "8x"), "--latent takes the shape of one"),
        ((DATA, "--generator", "g.onnx", "--count", "1"), "1 is not in the range"),
        ((DATA, "--generator", "g.onnx", "--device", "gpu"), "There is no device 'gpu'"),
        ((DATA, "--generator", "g.onnx", "--replace"), "--replace replaces what --as names"),
        ((DATA, "--generator", "g.onnx", "--as", "mine"), "needs --results"),
        (("no-such:test", "--generator", "g.onnx"), "There is no data set 'no-such'"),
        ((DATA, "--generator", "g.onnx", "--features", "no.onnx"), "no.onnx cannot be read"),
        (
            (DATA, "--generator", "g.onnx", "--count", "9", "--features", "lenet:10"),
            "g.onnx has 9 images, not 10: ask for fewer",
        ),
    ],
)
def test_bad_input_is_refused_before_anything_is_generated(cli, monkeypatch, arguments, said):
    monkeypatch.setattr("gan_bench.sampling.generator.ask", None)
    write_generator(cli.folder / "g.onnx")
    (cli.folder / "weights.pth").touch()
    assert said in complaint(cli("score", *arguments))
    assert not list(cli.folder.glob("gan-bench-*/images.npy"))


def test_the_shape_of_a_latent():
    assert parse_latent("128") == (128,)
    assert parse_latent("128x1x1") == (128, 1, 1)
    for wrong in ("", "x", "-1", "1.5", "²", "1x0", "99999999x99", "128,1"):
        with pytest.raises(UsageError, match="--latent takes"):
            parse_latent(wrong)


@pytest.mark.process
def test_ctrl_c_ends_the_child_and_removes_the_images(bench):
    (bench.folder / "slow.py").write_text(
        "import time\nimport numpy as np\ndef make():\n"
        "    def g(z):\n        time.sleep(0.2)\n"
        "        return np.zeros((len(z), 28, 28, 1))\n    return g\n"
    )
    of = ("score", DATA, "--generator", "./slow.py:make", "--latent", "8", "--batch", "2")
    process = bench.start(*of)
    while not list(bench.folder.glob("gan-bench-*/images.npy")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Interrupted." in err
    assert not list(bench.folder.glob("gan-bench-*/images.npy"))


PEAK = """
import sys
from gan_bench.cli.main import main
from gan_bench.system.processes import peak_rss_mb
main(sys.argv[1:], standalone_mode=False)
assert not {"torch", "tensorflow", "keras", "jax"} & set(sys.modules)
print(peak_rss_mb(), file=sys.stderr)
"""
NOISE = """
from pathlib import Path
import numpy as np
from gan_bench.system.processes import peak_rss_mb

def make():
    def generate(latents):
        Path("child").write_text(str(peak_rss_mb()))
        return np.tanh(np.tile(latents, 196)).reshape(-1, 28, 28, 1)
    return generate
"""


def peaks(bench, count):
    """Return the largest resident memory in MB of the command and of its child process."""
    (bench.folder / "noise.py").write_text(NOISE)
    of = ("score", DATA, "--generator", "./noise.py:make", "--latent", "4", "--count", str(count))
    done = subprocess.run(
        [sys.executable, "-P", "-c", PEAK, *of, *FID],
        cwd=bench.folder,
        env=bench.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stderr.splitlines()[-1]), float((bench.folder / "child").read_text())


@pytest.mark.long
def test_memory_does_not_grow_with_the_number_of_images(bench):
    # Up to some 50,000 images the scorer's blocks grow.
    many, more = peaks(bench, 50_000), peaks(bench, 150_000)
    pixels = 100_000 * data.load("mnist-5k").test.images[0].size / 2**20
    assert pixels > 70
    for less, greater in zip(many, more, strict=True):
        assert greater - less < pixels / 3, (many, more)
