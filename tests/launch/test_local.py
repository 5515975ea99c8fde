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

    def watched(results, spec, options, on_event):
        free.append(is_free(spec.device))
        return score(results, spec, options, on_event)

    monkeypatch.setattr(local, "score_one", watched)
    devices._gpus.cache_clear()
    yield free
    devices._gpus.cache_clear()


@pytest.mark.process
@pytest.mark.usefixtures("no_nvml")
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
    assert ends == ["ok", "ok", "ok", "ok"]
    assert done.out.count("scored when all runs have trained") == 2
    held = [line for line in done.out.splitlines() if line.startswith("cuda:0 was held for ")]
    assert len(held) == (device == "cuda")
    for line in held:
        found = dict(re.findall(r"([a-z -]+) ([\d.]+) s", line.partition("s: ")[2]))
        activities = {"imports and set-up", "training", "sampling", "checkpoints", "scoring"}
        assert {name.strip() for name in found} == activities | {"other"}
    for folder in cli.run_folders():
        assert list((folder / "scores").glob("*.json"))
    again = cli("run", target, *SHORT, *options, **where)
    assert again.code == 0 and again.out.count("ok, reused") == 2
    assert "was held" not in again.out
    assert len(scored) == 2


def test_jobs_score_their_own_runs(cli, plugin):
    done = cli("run", plugin("gan"), *SHORT, "--executor", "slurm", "--score", "later")
    assert done.code == 2
    assert "--score later is only for runs on this machine: each job scores its run." in done.err
