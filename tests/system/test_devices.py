"""GPUs are found without a framework, as CUDA_VISIBLE_DEVICES shows them, and told apart."""

import json
import os
import subprocess
import sys
import tempfile

import pytest

from gan_bench.errors import UsageError
from gan_bench.maintenance.machine_check import check_machine
from gan_bench.system import devices
from gan_bench.system.devices import (
    check_device,
    fallback,
    gpu_problem,
    gpus,
    machine,
    processor_name,
)
from gan_bench.system.locks import device_lock

pytestmark = pytest.mark.usefixtures("no_nvml")
PROCESSORS = [f"cpu-{number}" for number in sorted(os.sched_getaffinity(0))]
SMI = "echo GPU-aaa1, First; echo GPU-bbb2, Second"
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
    seen = worker_environment("numpy", device=found, threads=1)["CUDA_VISIBLE_DEVICES"]
    return [found, device_parts(found), seen]
print(json.dumps({d: ask(d) for d in ("auto", "cpu", "cuda", "cuda:1")}))
"""


def stand_in(folder, script, mode=0o755):
    """Write an nvidia-smi that a PATH with this folder in front finds first."""
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "nvidia-smi").chmod(mode)
    return f"{folder}:{os.environ['PATH']}"


@pytest.fixture
def ask(tmp_path):
    """Ask in an environment whose nvidia-smi lists two GPUs."""
    path = stand_in(tmp_path, SMI)

    def asked(visible=None):
        environment = {**os.environ, "PATH": path}
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


MISMATCH = "Failed to initialize NVML: Driver/library version mismatch"
PROBLEMS = {
    "mismatch": (f"echo '{MISMATCH}'; exit 18", f"ended with exit code 18 ({MISMATCH})"),
    "on stderr": ("echo 'no NVML' >&2; exit 12", "ended with exit code 12 (no NVML)"),
    "silent": ("exit 9", "ended with exit code 9 (it says nothing)"),
    "no device": ("echo No devices were found; exit 6", "exit code 6 (No devices were found)"),
    "killed": ("kill -9 $$", "ended with exit code -9"),
    "garbage": ("echo '<html>busy</html>'", "printed '<html>busy</html>'"),
    "binary": ("printf '\\377\\000\\033[2J'", "printed"),
    "no UUID": ("echo '[Unknown Error], Tesla T4'", "printed '[Unknown Error], Tesla T4'"),
    "GPUs, then an error": (
        "echo 'GPU-1, First'; echo 'GPU-2, Second'; echo 'GPU 3 is lost'; exit 15",
        "exit code 15 (GPU 3 is lost)",
    ),
    "GPUs, and an error beside": (
        "echo 'GPU-1, First'; echo 'GPU 3 is lost' >&2; exit 15",
        "exit code 15 (GPU 3 is lost)",
    ),
    "GPUs, and no error": ("echo 'GPU-1, First'; exit 15", "exit code 15 (it says nothing)"),
    "no GPU, and an error beside": ("echo 'NVML: lost' >&2", "printed 'NVML: lost'"),
    "long": ("head -c 100000 /dev/zero | tr '\\0' x", "xxx ..."),
}


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Make this process, which forgets what it has found, use a stand-in for nvidia-smi."""

    def use(script, mode=0o755):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setenv("PATH", stand_in(tmp_path, script, mode))
        devices._gpus.cache_clear()

    yield use
    devices._gpus.cache_clear()


@pytest.mark.process
@pytest.mark.parametrize(("script", "said"), PROBLEMS.values(), ids=PROBLEMS)
def test_an_nvidia_smi_that_fails_is_no_silent_cpu(smi, script, said):
    smi(script)
    assert check_device("auto") == "cpu"
    assert said in fallback("auto")
    assert "\n" not in fallback("auto") and len(fallback("auto")) < 300
    assert fallback("cpu") is None
    with pytest.raises(UsageError) as refused:
        check_device("cuda")
    assert str(refused.value).startswith("The device cuda:0 cannot be used: nvidia-smi ")
    assert said in str(refused.value)
    assert said in machine().gpu_problem
    assert said in next(f for f in check_machine() if f.what == "device cuda").detail


@pytest.mark.process
def test_an_nvidia_smi_that_hangs_is_given_up(smi, monkeypatch):
    monkeypatch.setattr(devices, "_SMI_LIMIT_S", 0.2)
    smi("sleep 60")
    assert "nvidia-smi did not answer within 0.2 s" in fallback("auto")


@pytest.mark.process
def test_an_nvidia_smi_that_may_not_be_run_is_no_silent_cpu(smi, monkeypatch):
    smi(SMI, mode=0o644)
    monkeypatch.setenv("PATH", os.environ["PATH"].partition(":")[0])
    assert "nvidia-smi cannot be run (Permission denied)" in fallback("auto")


def test_a_machine_without_nvidia_smi_has_no_problem(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(devices, "_DRIVER", tmp_path / "none")
    devices._gpus.cache_clear()
    assert (gpus(), gpu_problem(), fallback("auto")) == ((), None, None)
    devices._gpus.cache_clear()
    monkeypatch.setattr(devices, "_DRIVER", tmp_path)
    assert "nvidia-smi is not on the PATH" in fallback("auto")
    devices._gpus.cache_clear()


@pytest.mark.process
def test_a_healthy_nvidia_smi_has_no_problem_and_one_strange_line_costs_no_gpu(smi):
    smi(SMI)
    assert [gpu.name for gpu in gpus()] == ["First", "Second"]
    assert (gpu_problem(), fallback("auto"), machine().gpu_problem) == (None, None, None)
    smi(f"{SMI}; echo Unable to determine the device handle")
    assert check_device("auto") == "cuda:0"
    said = (
        "Not every GPU may be usable: nvidia-smi printed 'Unable to determine the device handle'. "
        "cuda:0 (First), cuda:1 (Second) can be used."
    )
    assert [fallback(device) for device in ("auto", "cuda", "cuda:1")] == [said] * 3
    assert fallback("cpu") is None
    with pytest.raises(UsageError, match=r"cuda:2 cannot be used: .*device handle.*cuda:0"):
        check_device("cuda:2")


@pytest.mark.process
@pytest.mark.parametrize(
    ("visible", "problem"),
    [("", None), ("-1", None), ("NoDevFiles", None), ("7", "'7'"), ("0,GPU-zzz", "'GPU-zzz'")],
)
def test_what_is_made_visible_and_does_not_exist_is_told(smi, monkeypatch, visible, problem):
    smi(SMI)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    told = gpu_problem()
    assert told is None if problem is None else f"names {problem}, which" in told
    said = fallback("auto")
    assert said is None if problem is None else f"names {problem}, which" in said
    assert problem is None or said.startswith("The device is the CPU") is (visible == "7")


@pytest.mark.long
@pytest.mark.process
def test_a_run_and_its_plan_say_that_they_fall_back_to_the_cpu(bench, plugin, tmp_path):
    path = stand_in(tmp_path, PROBLEMS["mismatch"][0])
    bench.environment.pop("CUDA_VISIBLE_DEVICES", None)
    command = ("run", plugin("gan"), "--steps", "4", "--evaluations", "2", "--samples", "64")
    dry, done = bench(*command, "--dry-run", PATH=path), bench(*command, PATH=path)
    line = "The device is the CPU, as no GPU can be used: nvidia-smi ended with exit code 18"
    assert [done.code, dry.code] == [0, 0]
    assert [each.err.count(line) for each in (dry, done)] == [1, 1]
    around = bench.records()["gan"]["circumstances"]["machine"]
    assert MISMATCH in around["gpu_problem"]
    refused = bench(*command, "--device", "cuda", PATH=path)
    assert "The device cuda:0 cannot be used: nvidia-smi ended with exit code 18" in refused.err
    assert line not in bench(*command, "--device", "cpu", "--dry-run", PATH=path).err


@pytest.mark.process
@pytest.mark.torch
@pytest.mark.keras
@pytest.mark.jax
@pytest.mark.slow
@pytest.mark.long
def test_doctor_asks_each_framework_for_its_gpus(bench, tmp_path):
    bench.environment.pop("CUDA_VISIBLE_DEVICES", None)
    done = bench("doctor", "--json", PATH=stand_in(tmp_path, SMI))
    assert done.code == 0
    found = {finding["what"]: finding for finding in json.loads(done.out)}
    assert found["device cuda:0"]["state"] == "ok"
    remedies = {"torch": "", "keras": "tensorflow[and-cuda]", "jax": "jax[cuda13]"}
    assert found["framework numpy"]["state"] == "ok"
    assert "GPU" not in found["framework numpy"]["detail"]
    for name, remedy in remedies.items():
        finding = found[f"framework {name}"]
        assert finding["state"] == "missing"
        assert "sees 0 GPUs" in finding["detail"] and remedy in finding["detail"]


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


CPUINFO = """\
processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: {}
model\t\t: {}
model name\t: {}
power management:

processor\t: 1
cpu family\t: 99
model\t\t: 99
model name\t: Another
"""


@pytest.mark.parametrize(
    ("family", "model", "name", "added"),
    [
        (25, 1, "AMD EPYC", " (family 25, model 1)"),
        (26, 2, "AMD EPYC", " (family 26, model 2)"),
        (6, 85, "Intel(R) Xeon(R) CPU @ 2.20GHz", " (family 6, model 85)"),
        (25, 116, "AMD Ryzen 7 7840U", ""),
        (6, 79, "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", ""),
    ],
)
def test_processors_of_one_hidden_model_are_told_apart(family, model, name, added):
    assert processor_name(CPUINFO.format(family, model, name)) == name + added


def test_a_processor_without_a_name_has_none():
    assert processor_name("processor\t: 0\nBogoMIPS\t: 50.00\nCPU part\t: 0xd0c\n") is None
    assert processor_name("") is None
