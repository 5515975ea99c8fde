"""Finds devices without a framework, and describes this machine."""

import contextlib
import os
import platform
import re
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path

import psutil

from gan_bench.errors import UsageError
from gan_bench.system import nvml
from gan_bench.system.models import Frozen
from gan_bench.system.nvml import Gpu, Listing
from gan_bench.text import sanitize

_DEVICE = re.compile(r"cpu|cuda(:\d+)?|auto")
_NO_GPU = ("", "-1", "NoDevFiles")
"""Values of CUDA_VISIBLE_DEVICES with which users and Slurm ask for no GPU."""
_QUERY = "uuid,name,memory.total,driver_version,power.limit"
_LISTED = re.compile(
    r"(?P<uuid>GPU-\S+), (?P<name>[^,\s][^,]*)"
    r"(, (?P<memory>[^,]*), (?P<driver>[^,]*), (?P<power>[^,]*))?"
)
"""A line of nvidia-smi's answer."""
_MIG = re.compile(r"MIG (?P<profile>\S+)\s+Device\s+\d+: \(UUID: (?P<uuid>MIG-\S+)\)")
"""A line for a MIG instance, below that of its GPU, of ``nvidia-smi -L``."""
_MOST_DIGITS = 9
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


def gpus() -> tuple[Gpu, ...]:
    """Return the NVIDIA GPUs in PCI order, those in CUDA_VISIBLE_DEVICES if it is set.

    ``cuda:<index>`` is an index into this tuple. A GPU that is split by MIG has an entry for each
    of its instances, and none for itself.
    """
    return _gpus().found


def gpu_problem() -> str | None:
    """Return why GPUs of this machine cannot be used, without a full stop; None if all can."""
    return _gpus().problem


@cache
def _gpus() -> Listing:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in _NO_GPU:
        return Listing()
    listed = _listed_gpus()
    return listed if visible is None else _chosen(listed, visible)


def _listed_gpus() -> Listing:
    """Return all GPUs of this machine, by NVML if it answers, else by nvidia-smi."""
    by_nvml = nvml.listed()
    if by_nvml.answered:
        return replace(by_nvml, problem=by_nvml.problem and f"NVML {by_nvml.problem}")
    by_smi = _listed_by_smi()
    if by_nvml.absent or by_nvml.problem is None:
        return by_smi
    why = f"NVML {by_nvml.problem}"
    found = tuple(
        gpu.model_copy(update={"found_by": f"nvidia-smi, as {why}"}) for gpu in by_smi.found
    )
    if found:
        return replace(by_smi, found=found)
    return Listing(problem=f"{by_smi.problem}; {why}" if by_smi.problem else why)


def _smi(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=_SMI_LIMIT_S,
        check=False,
    )


def _listed_by_smi() -> Listing:
    # A file that may not be run is a problem, too.
    program = shutil.which("nvidia-smi") or shutil.which("nvidia-smi", mode=os.F_OK)
    if program is None:
        unlisted = f"{_DRIVER} has GPUs, but nvidia-smi is not on the PATH"
        return Listing(problem=unlisted if _DRIVER.is_dir() else None)
    try:
        done = _smi(program, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits")
        split = _smi(program, "-L").stdout if done.returncode == 0 else ""
    except subprocess.TimeoutExpired:
        return Listing(problem=f"nvidia-smi did not answer within {_SMI_LIMIT_S:g} s")
    except OSError as error:
        return Listing(problem=f"nvidia-smi cannot be run ({error.strerror or error})")
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    strange = [line for line in lines if not _LISTED.fullmatch(line)]
    if done.returncode != 0:
        said = _one_line("\n".join(strange)) or _one_line(done.stderr) or "it says nothing"
        return Listing(problem=f"nvidia-smi ended with exit code {done.returncode} ({said})")
    found = [_of_line(match) for line in lines if (match := _LISTED.fullmatch(line))]
    if not found and not strange and (said := _one_line(done.stderr)):
        strange = [said]
    return Listing(
        tuple(part for gpu in found for part in _instances(gpu, split) or (gpu,)),
        f"nvidia-smi printed {_one_line(strange[0])!r}" if strange else None,
    )


def _of_line(match: re.Match[str]) -> Gpu:
    memory, power = _number(match["memory"]), _number(match["power"])
    return Gpu(
        uuid=match["uuid"],
        name=match["name"],
        memory_gb=None if memory is None else round(memory / 2**10, 1),
        driver=match["driver"],
        power_limit_w=power,
    )


def _number(text: str | None) -> float | None:
    """Return a figure of nvidia-smi, which may also be ``[N/A]``."""
    try:
        return float(text or "")
    except ValueError:
        return None


def _instances(gpu: Gpu, split: str) -> list[Gpu]:
    """Return the MIG instances of a GPU in the output of ``nvidia-smi -L``."""
    _, _, below = split.partition(f"(UUID: {gpu.uuid})")
    return [
        gpu.model_copy(
            update={
                "name": f"{gpu.name} MIG {match['profile']}",
                "uuid": match["uuid"],
                "mig": match["profile"],
                "card_uuid": gpu.uuid,
                "memory_gb": None,
            }
        )
        for match in _MIG.finditer(below.partition("(UUID: GPU-")[0])
    ]


def _chosen(listed: Listing, visible: str) -> Listing:
    """Return the GPUs that a value of CUDA_VISIBLE_DEVICES shows, in its order."""
    chosen: list[Gpu] = []
    by_index = _by_index(listed.found)
    for word in map(str.strip, visible.split(",")):
        if word.isdecimal() and len(word) <= _MOST_DIGITS:
            matches = by_index[int(word) : int(word) + 1]
        else:
            named = word.startswith(("GPU-", "MIG-"))
            matches = [gpu for gpu in listed.found if named and gpu.uuid.startswith(word)]
        if len(matches) == 1 and matches[0] in chosen:
            twice = f"CUDA_VISIBLE_DEVICES names {matches[0].name} twice, and CUDA then shows none"
            return Listing(problem=twice)
        if len(matches) != 1:
            # As in CUDA: entries after an invalid one are not visible.
            several = f"which is the beginning of {len(matches)} uuids"
            why = several if matches else f"which {_source(listed.found)} does not list"
            unknown = f"CUDA_VISIBLE_DEVICES names {_one_line(word)!r}, {why}"
            return Listing(tuple(chosen), listed.problem or unknown)
        chosen += matches
    return Listing(tuple(chosen), listed.problem)


def _source(found: tuple[Gpu, ...]) -> str:
    return "NVML" if found and found[0].found_by == "NVML" else "nvidia-smi"


def _by_index(found: tuple[Gpu, ...]) -> list[Gpu]:
    """Return the GPUs that CUDA counts: of one that is split by MIG, the first instance."""
    counted: list[Gpu] = []
    for gpu in found:
        if gpu.card_uuid is None or all(other.card_uuid != gpu.card_uuid for other in counted):
            counted.append(gpu)
    return counted


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
        raise UsageError(f"There is no device cuda:{index}; {_source(found)} shows {available}.")
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


def processor_name(cpuinfo: str) -> str | None:
    """Return the name of the first processor in the text of ``/proc/cpuinfo``; None without one.

    Virtual machines often hide the model: "AMD EPYC" names processors that differ twofold in speed.
    A name without a number, a frequency aside, gets the family and the model of the chip.
    """
    first = cpuinfo.strip().partition("\n\n")[0]
    fields = dict(re.findall(r"^([^:\n]+?)[ \t]*: *(.*?) *$", first, flags=re.MULTILINE))
    name, family, model = (fields.get(key) for key in ("model name", "cpu family", "model"))
    if name and family and model and not re.search(r"\d", name.partition("@")[0]):
        return f"{name} (family {family}, model {model})"
    return name


def _cpu_name() -> str:
    try:
        found = processor_name(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except OSError:
        found = None
    return found or platform.processor() or platform.machine()


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


_CGROUP = Path("/sys/fs/cgroup")


def available_memory_mb() -> float:
    """Return the memory that processes can still take, within the limit of a container, in MiB."""
    free = float(psutil.virtual_memory().available)
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
        own = next(line[3:] for line in lines if line.startswith("0::"))
        folder = _CGROUP / own.lstrip("/")
        limit = int((folder / "memory.max").read_text(encoding="ascii"))  # or the word "max"
        used = int((folder / "memory.current").read_text(encoding="ascii"))
        stat = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        cached = next(int(line.split()[1]) for line in stat if line.startswith("inactive_file "))
        free = min(free, limit - used + cached)
    return free / 2**20
