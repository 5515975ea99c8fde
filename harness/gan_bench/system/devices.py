"""Finds devices without a framework, and describes this machine."""

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from gan_bench.errors import UsageError
from gan_bench.system.models import Frozen
from gan_bench.text import sanitize

_DEVICE = re.compile(r"cpu|cuda(:\d+)?|auto")
_NO_GPU = ("", "-1", "NoDevFiles")
"""Values of CUDA_VISIBLE_DEVICES with which users and Slurm ask for no GPU."""
_LISTED = re.compile(r"(?P<uuid>GPU-\S+), (?P<name>\S.*)")
"""A line of nvidia-smi's list."""
_DRIVER = Path("/proc/driver/nvidia/gpus")
_SMI_LIMIT_S = 30.0
_LONGEST_ANSWER = 200
"""Maximum length of what is quoted of nvidia-smi, in characters."""


class Machine(Frozen):
    """Properties of a machine that timings depend on."""

    system: str
    cpu: str
    cores: int
    memory_gb: float
    gpus: tuple[str, ...]
    gpu_problem: str | None = None
    """Why GPUs of the machine could not be used; None if there are none or all could."""


class Gpu(Frozen):
    """A GPU that this process may use."""

    name: str
    uuid: str


@dataclass(frozen=True)
class _Gpus:
    """What nvidia-smi lists, and why this may not be all that there is."""

    found: tuple[Gpu, ...] = ()
    problem: str | None = None


def gpus() -> tuple[Gpu, ...]:
    """Return the NVIDIA GPUs as nvidia-smi lists them, those in CUDA_VISIBLE_DEVICES if it is set.

    ``cuda:<index>`` is an index into this tuple, as for a framework in this environment.
    """
    return _gpus().found


def gpu_problem() -> str | None:
    """Return why GPUs of this machine cannot be used, without a full stop; None if all can."""
    return _gpus().problem


@cache
def _gpus() -> _Gpus:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in _NO_GPU:
        return _Gpus()
    listed = _listed_gpus()
    return listed if visible is None else _chosen(listed, visible)


def _listed_gpus() -> _Gpus:
    """Return all GPUs of this machine."""
    # A file that may not be run is a problem, too.
    program = shutil.which("nvidia-smi") or shutil.which("nvidia-smi", mode=os.F_OK)
    if program is None:
        unlisted = f"{_DRIVER} has GPUs, but nvidia-smi is not on the PATH"
        return _Gpus(problem=unlisted if _DRIVER.is_dir() else None)
    try:
        done = subprocess.run(
            [program, "--query-gpu=uuid,name", "--format=csv,noheader"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SMI_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _Gpus(problem=f"nvidia-smi did not answer within {_SMI_LIMIT_S:g} s")
    except OSError as error:
        return _Gpus(problem=f"nvidia-smi cannot be run ({error.strerror or error})")
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    strange = [line for line in lines if not _LISTED.fullmatch(line)]
    if done.returncode != 0:
        said = _one_line("\n".join(strange)) or _one_line(done.stderr) or "it says nothing"
        return _Gpus(problem=f"nvidia-smi ended with exit code {done.returncode} ({said})")
    found = [match for line in lines if (match := _LISTED.fullmatch(line))]
    if not found and not strange and (said := _one_line(done.stderr)):
        strange = [said]
    return _Gpus(
        tuple(Gpu(uuid=match["uuid"], name=match["name"]) for match in found),
        f"nvidia-smi printed {_one_line(strange[0])!r}" if strange else None,
    )


def _chosen(listed: _Gpus, visible: str) -> _Gpus:
    """Return the GPUs that a value of CUDA_VISIBLE_DEVICES shows, in its order."""
    chosen: list[Gpu] = []
    for word in map(str.strip, visible.split(",")):
        matches = [
            gpu
            for index, gpu in enumerate(listed.found)
            if word == str(index) or (word and gpu.uuid.startswith(word))
        ]
        if len(matches) != 1:
            # As in CUDA: entries after an invalid one are not visible.
            unknown = f"CUDA_VISIBLE_DEVICES names {word!r}, which nvidia-smi does not list"
            return _Gpus(tuple(chosen), listed.problem or unknown)
        chosen += matches
    return _Gpus(tuple(chosen), listed.problem)


def _one_line(text: str) -> str:
    line = " ".join(sanitize(text).split()).rstrip(".")
    return line if len(line) <= _LONGEST_ANSWER else f"{line[:_LONGEST_ANSWER]} ..."


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
        available = _usable(found) or "no GPU"
        if (problem := gpu_problem()) is not None:
            usable = f"; there is {available}" if found else ""
            raise UsageError(f"The device cuda:{index} cannot be used: {problem}{usable}.")
        raise UsageError(f"There is no device cuda:{index}; nvidia-smi shows {available}.")
    return found[index]


def _usable(found: tuple[Gpu, ...]) -> str:
    return ", ".join(f"cuda:{i} ({gpu.name})" for i, gpu in enumerate(found))


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


def fallback(device: str) -> str | None:
    """Return a sentence if ``auto`` is the CPU because of a problem, or a GPU beside one; or None.

    For a named GPU that is there, the problem is said too.
    """
    problem, found = gpu_problem(), gpus()
    if device == "cpu" or problem is None:
        return None
    if found:
        return f"Not every GPU may be usable: {problem}. {_usable(found)} can be used."
    if device != "auto":
        return None  # `check_device` refuses it with the problem
    return f"The device is the CPU, as no GPU can be used: {problem}."


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
        gpu_problem=gpu_problem(),
    )


def usable_processors() -> list[int]:
    """Return the numbers of the processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def default_threads() -> int:
    """Return how many processors this process may use."""
    return len(usable_processors())
