"""After SIGKILL at random moments the same command gives the same bits and leaves no process.

`nox -s kills` does it more often, and to real implementations.
"""

import os

import pytest

from kills import Disturbed

KILLS = int(os.environ.get("GAN_BENCH_KILLS", "20"))
REAL_KILLS = int(os.environ.get("GAN_BENCH_REAL_KILLS", "2"))
EACH = 5
"""Number of kills before the bits are compared."""
LONG = ("--steps", "600", "--evaluations", "4", "--samples", "150")
SLOW = """
def train(self, batches, draws):
    import time
    time.sleep(0.25)
    return super().train(batches, draws)
"""
"""Without it a chunk takes milliseconds, and no kill would happen during training."""


@pytest.mark.parametrize(
    "round_",
    [0, *(pytest.param(i, marks=pytest.mark.long) for i in range(1, -(-KILLS // EACH)))],
)
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
    arguments += ("--set", "torch-dcgan.batch_size=16")
    run = Disturbed(bench, "torch-dcgan", arguments, seed=1)
    for _ in range(REAL_KILLS):
        run.kill_once()
    run.finish()
