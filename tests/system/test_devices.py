"""GPUs are found without a framework, as CUDA_VISIBLE_DEVICES shows them, and told apart."""

import json
import os
import subprocess
import sys
import tempfile

import pytest

from gan_bench.errors import UsageError
from gan_bench.system.locks import device_lock

PROCESSORS = [f"cpu-{number}" for number in sorted(os.sched_getaffinity(0))]
SMI = "#!/bin/sh\necho GPU-aaa1, First\necho GPU-bbb2, Second\n"
ASK = """
import json
from gan_bench.system.devices import check_device, device_parts, gpus
from gan_bench.errors import UsageError
from gan_bench.plugins.frameworks import worker_environment
def ask(device):
    try:
        found = check_device(device)
    except UsageError as error:
        return str(error)
    seen = worker_environment(device=found, threads=1)["CUDA_VISIBLE_DEVICES"]
    return [found, device_parts(found), seen]
print(json.dumps({d: ask(d) for d in ("auto", "cpu", "cuda", "cuda:1")}))
"""


@pytest.fixture
def ask(tmp_path):
    """Ask in an environment whose nvidia-smi lists two GPUs."""
    (tmp_path / "nvidia-smi").write_text(SMI)
    (tmp_path / "nvidia-smi").chmod(0o755)

    def asked(visible=None):
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        if visible is not None:
            environment["CUDA_VISIBLE_DEVICES"] = visible
        command = [sys.executable, "-P", "-c", ASK]
        return json.loads(subprocess.check_output(command, env=environment, text=True))

    return asked


@pytest.mark.process
def test_a_worker_sees_the_one_gpu_that_it_is_to_use(ask):
    said = ask()
    assert said["auto"] == said["cuda"] == ["cuda:0", ["GPU-aaa1"], "GPU-aaa1"]
    assert said["cuda:1"] == ["cuda:1", ["GPU-bbb2"], "GPU-bbb2"]
    assert said["cpu"] == ["cpu", PROCESSORS, ""]


@pytest.mark.process
@pytest.mark.parametrize("visible", ["1", "GPU-bbb2", "GPU-bbb"])
def test_what_the_user_made_visible_is_what_there_is(ask, visible):
    said = ask(visible)
    assert said["cuda"] == ["cuda:0", ["GPU-bbb2"], "GPU-bbb2"]
    assert "There is no device cuda:1; nvidia-smi shows cuda:0 (Second)" in said["cuda:1"]


@pytest.mark.process
def test_the_order_is_the_users(ask):
    assert ask("1,0")["cuda:1"] == ["cuda:1", ["GPU-aaa1"], "GPU-aaa1"]


@pytest.mark.process
def test_no_visible_gpu_is_a_cpu(ask):
    assert ask("")["auto"] == ["cpu", PROCESSORS, ""]


def test_two_runs_on_processors_of_their_own_are_no_conflict(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    processors = [{0, 1}, {2, 3}, {1, 2}]
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: processors[0])
    with device_lock("cpu", "first", wait=False):
        processors.pop(0)
        with device_lock("cpu", "second", wait=False):
            processors.pop(0)
            with pytest.raises(UsageError, match=r"in use by process .* `first`"):
                device_lock("cpu", "third", wait=False).__enter__()
    with device_lock("cpu", "third", wait=False):
        pass
