"""A plan on this machine: when its runs are scored, and what is locked then."""

import os
import re

import pytest

from gan_bench.launch import local
from gan_bench.system import devices
from gan_bench.system.locks import Busy, device_lock

SHORT = ("--steps", "8", "--evaluations", "2", "--samples", "64", "--metrics", "fid")
ON_A_GPU = """
def __init__(self, recipe, images, labels, device, **options):
    super().__init__(recipe, images, labels, device="cpu", **options)
"""


def is_free(device):
    try:
        with device_lock(device, "a test", wait=False):
            return True
    except Busy:
        return False


@pytest.fixture
def scored(monkeypatch):
    """Return whether the device was free when each run was scored after the others' training."""
    free, score = [], local.score_one

    def watched(results, spec, options):
        free.append(is_free(spec.device))
        return score(results, spec, options)

    monkeypatch.setattr(local, "score_one", watched)
    devices._gpus.cache_clear()
    yield free
    devices._gpus.cache_clear()


@pytest.mark.process
@pytest.mark.parametrize(("device", "free"), [("cuda", True), ("cpu", False)])
def test_scored_later_a_gpu_is_free_meanwhile(cli, plugin, scored, device, free):
    smi = cli.folder / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text("#!/bin/sh\necho 'GPU-aaa1, Fast'\n")
    smi.chmod(0o755)
    where = {"PATH": f"{smi.parent}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": "0"}
    target = plugin("gan", ON_A_GPU)
    options = ("--dataset", "mnist-5k", "--seeds", "2", "--device", device, "--score", "later")
    done = cli("run", target, *SHORT, *options, **where)
    assert done.code == 0, done.out + done.err
    assert scored == [free, free]
    lines = [line.partition(": ")[2] for line in done.out.splitlines() if line.startswith("[")]
    ends = [line.split(",")[0] for line in lines if "steps on" not in line]
    assert ends == ["not scored", "not scored", "ok", "ok"]
    held = [line for line in done.out.splitlines() if line.startswith("cuda:0 was held for ")]
    assert len(held) == (device == "cuda")
    for line in held:
        found = re.findall(r"(training|imports and set-up|sampling|scoring|other) ([\d.]+) s", line)
        assert len(found) == 5 and all(float(seconds) >= 0 for _, seconds in found)
    for folder in cli.run_folders():
        assert list((folder / "scores").glob("*.json"))
    again = cli("run", target, *SHORT, *options, **where)
    assert again.code == 0 and again.out.count("ok, reused") == 2
    assert len(scored) == 2


def test_jobs_score_their_own_runs(cli, plugin):
    done = cli("run", plugin("gan"), *SHORT, "--executor", "slurm", "--score", "later")
    assert done.code == 2
    assert "--score later is only for runs on this machine: each job scores its run." in done.err
