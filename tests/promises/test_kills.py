"""After SIGKILL at random moments the same command gives the same bits and leaves no process.

`nox -s kills` does it more often, and to real implementations.
"""

import os
import select
import signal
import subprocess

import onnx
import psutil
import pytest
from onnx import TensorProto, helper

from gan_bench.system.processes import end
from kills import Disturbed

KILLS = int(os.environ.get("GAN_BENCH_KILLS", "10"))
REAL_KILLS = int(os.environ.get("GAN_BENCH_REAL_KILLS", "2"))
EACH = 5
"""Number of kills before the bits are compared."""
LONG = ("--steps", "600", "--evaluations", "4", "--samples", "150", "--metrics", "fid")
SLOW = """
def train(self, batches, draws):
    import time
    time.sleep(0.25)
    return super().train(batches, draws)
"""
"""Without it a chunk takes milliseconds, and no kill would happen during training."""


@pytest.mark.long
@pytest.mark.parametrize("round_", range(-(-KILLS // EACH)))
def test_a_run_that_is_killed_repeatedly_gives_the_bits_of_an_undisturbed_one(
    bench, plugin, round_
):
    run = Disturbed(bench, plugin("gan", SLOW), LONG, seed=round_)
    for _ in range(min(EACH, KILLS - round_ * EACH)):
        run.kill_once()
    assert sum(run.kills.values()) == min(EACH, KILLS - round_ * EACH)
    run.finish()


@pytest.mark.long
@pytest.mark.torch
@pytest.mark.skipif(REAL_KILLS == 0, reason="GAN_BENCH_REAL_KILLS is 0")
def test_a_killed_real_implementation_gives_the_bits_of_an_undisturbed_run(bench):
    arguments = ("--images", "1600", "--evaluations", "3", "--samples", "150", "--threads", "1")
    arguments += ("--set", "torch-dcgan.batch_size=16", "--metrics", "fid")
    run = Disturbed(bench, "torch-dcgan", arguments, seed=1)
    for _ in range(REAL_KILLS):
        run.kill_once()
    run.finish()


def endless_features(path):
    """Write a feature model that never ends."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["more"], ["more_again"]),
            helper.make_node("Neg", ["means"], ["negated"]),
        ],
        "again",
        [
            helper.make_tensor_value_info("step", TensorProto.INT64, []),
            helper.make_tensor_value_info("more", TensorProto.BOOL, []),
            helper.make_tensor_value_info("means", TensorProto.FLOAT, ["n", 1]),
        ],
        [
            helper.make_tensor_value_info("more_again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("negated", TensorProto.FLOAT, ["n", 1]),
        ],
    )
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["first"], axes=[1, 2], keepdims=0),
        helper.make_node("Loop", ["", "yes", "first"], ["features"], body=body),
    ]
    graph = helper.make_graph(
        nodes,
        "endless",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 28, 28, 1])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 1])],
        [helper.make_tensor("yes", TensorProto.BOOL, [], [True])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


LIMIT_S = 120


def next_bytes(pipe):
    """Return what comes next out of a pipe; nothing once no process can write into it."""
    assert select.select([pipe], [], [], LIMIT_S)[0], "no process writes, or ends"
    return os.read(pipe, 1 << 16)


@pytest.mark.long
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
def test_a_scorer_ends_with_its_launcher(bench, plugin, signum):
    """The scorer is busy in a feature model, in a session of its own."""
    what = (plugin("gan"), "--steps", "9", "--evaluations", "2", "--samples", "150")
    assert bench("run", *what).code == 0
    endless_features(bench.folder / "endless.onnx")
    (folder,) = bench.run_folders()
    # Launcher and scorer have the log open, and nobody else: it ends with the last of them.
    (folder / "score.log").unlink()
    os.mkfifo(folder / "score.log")
    pipe = os.open(folder / "score.log", os.O_RDONLY | os.O_NONBLOCK)
    launcher = subprocess.Popen(
        bench.command("run", *what, "--features", "lenet,endless.onnx", "--no-cache"),
        cwd=bench.folder,
        env={**bench.environment, "PYTHONPROFILEIMPORTTIME": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    children = []
    try:
        printed = b""
        while b"gan_bench.scoring.features.onnx_model" not in printed:
            printed += next_bytes(pipe)
        children = psutil.Process(launcher.pid).children(recursive=True)
        assert any("gan_bench.scoring" in child.cmdline() for child in children)
        launcher.send_signal(signum)
        while next_bytes(pipe):
            pass  # the end of the pipe is the end of the scorer
        assert launcher.wait(LIMIT_S) == {signal.SIGKILL: -9, signal.SIGINT: 130}[signum]
    finally:
        launcher.kill()
        launcher.wait()
        end(children)
        os.close(pipe)
