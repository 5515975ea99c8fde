"""Finds devices without a framework, and describes this machine."""

import os
import platform
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import psutil

from gan_bench.errors import UsageError
from gan_bench.system.models import Frozen

_DEVICE = re.compile(r"cpu|cuda(:\d+)?|auto")


class Machine(Frozen):
    """Properties of a machine that timings depend on."""

    system: str
    cpu: str
    cores: int
    memory_gb: float
    gpus: tuple[str, ...]


class Gpu(Frozen):
    """A GPU that this process may use."""

    name: str
    uuid: str


@cache
def gpus() -> tuple[Gpu, ...]:
    """Return the NVIDIA GPUs as nvidia-smi lists them, those in CUDA_VISIBLE_DEVICES if it is set.

    ``cuda:<index>`` is an index into this tuple, as for a framework in this environment.
    """
    if shutil.which("nvidia-smi") is None:
        return ()
    try:
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=uuid,name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    if done.returncode != 0:
        return ()
    pairs = (line.partition(", ") for line in done.stdout.strip().splitlines())
    found = [Gpu(uuid=uuid, name=name) for uuid, _, name in pairs]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return tuple(found)
    chosen = []
    for word in visible.split(","):
        matches = [
            gpu
            for index, gpu in enumerate(found)
            if word.strip() == str(index) or (word.strip() and gpu.uuid.startswith(word.strip()))
        ]
        if len(matches) != 1:
            break  # as in CUDA: entries after an invalid one are not visible
        chosen += matches
    return tuple(chosen)


def gpu_of(device: str) -> Gpu | None:
    """Return the GPU that ``cuda:<index>`` names, None for the CPU.

    Raises
    ------
    UsageError
        This machine does not have it.
    """
    if device == "cpu":
        return None
    index, found = int(device.partition(":")[2]), gpus()
    if index >= len(found):
        available = ", ".join(f"cuda:{i} ({gpu.name})" for i, gpu in enumerate(found)) or "no GPU"
        raise UsageError(f"There is no device cuda:{index}; nvidia-smi shows {available}.")
    return found[index]


def device_in_child(device: str) -> str:
    """Return the name of a device in a child process, whose environment shows this GPU only."""
    return "cpu" if device == "cpu" else "cuda:0"


def device_parts(device: str) -> list[str]:
    """Return the names of the parts that a run occupies, equal in all processes.

    For the CPU these are the processors that this process may use: runs that `taskset` or a
    scheduler has given different processors can run at the same time.
    """
    gpu = gpu_of(device)
    if gpu is not None:
        return [gpu.uuid]
    return [f"{device}-{number}" for number in usable_processors()]


def check_device(device: str) -> str:
    """Return ``cpu`` or ``cuda:<index>`` for the user's choice; ``auto`` takes a GPU if any.

    Raises
    ------
    UsageError
        The word is not a device, or this machine does not have the GPU.
    """
    if not _DEVICE.fullmatch(device):
        raise UsageError(f"There is no device {device!r}; use cpu, cuda, cuda:1 or auto.")
    found = gpus()
    if device == "auto":
        return "cuda:0" if found else "cpu"
    if device == "cpu":
        return device
    named = f"cuda:{int(device.partition(':')[2] or 0)}"
    gpu_of(named)
    return named


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine() -> Machine:
    """Describe this machine."""
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpu=_cpu_name(),
        cores=os.cpu_count() or 1,
        memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
        gpus=tuple(gpu.name for gpu in gpus()),
    )


def usable_processors() -> list[int]:
    """Return the numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def default_threads() -> int:
    """Return how many processors this process may use."""
    return len(usable_processors())
