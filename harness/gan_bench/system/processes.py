"""Processes: their environment, groups of them, dying with the parent, and the OOM killer."""

import contextlib
import ctypes
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import psutil

from gan_bench.system.devices import gpu_of

SILENCE_VARIABLE = "GAN_BENCH_SILENCE_S"
"""Tells a worker after how long a silence its supervisor ends it."""
RUN_MARK = "GAN_BENCH_RUN"
"""Names a run's folder in the environment of its worker and of all that descends from it."""


def worker_environment(
    *,
    device: str,
    threads: int,
    deterministic: bool = False,
    run: Path | None = None,
    silence_s: float | None = None,
) -> dict[str, str]:
    """Return the environment of a worker.

    Parameters
    ----------
    device
        ``cpu`` or ``cuda:<index>``; the worker sees this GPU only.
    threads
        Of each framework's operations.
    deterministic
        Whether frameworks are asked for it.
    run
        The run's folder, by which what descends from the worker can be found.
    silence_s
        After how long without a sign of life its supervisor ends it.
    """
    intra_op = str(threads)
    gpu = gpu_of(device)
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "" if gpu is None else gpu.uuid,
        "KERAS_BACKEND": "tensorflow",
        "MKL_NUM_THREADS": intra_op,
        # Plain float32 in every framework: TensorFlow and cuDNN would take TF32, torch would not.
        "NVIDIA_TF32_OVERRIDE": "0",
        "OMP_NUM_THREADS": intra_op,
        "OPENBLAS_NUM_THREADS": intra_op,
        "PYTHONFAULTHANDLER": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": intra_op,
    }
    if silence_s is not None:
        environment[SILENCE_VARIABLE] = str(silence_s)
    if run is not None:
        environment[RUN_MARK] = str(run.resolve())
    if deterministic:
        environment |= {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "GAN_BENCH_DETERMINISTIC": "1"}
    else:
        environment.pop("GAN_BENCH_DETERMINISTIC", None)
    return environment


DISK_FULL_EXIT_CODE = 74
"""By which a worker says that the disk is full, where its journal cannot (EX_IOERR)."""
STOPPED_EXIT_CODE = 75
"""The worker ended because it was asked to, after a checkpoint (EX_TEMPFAIL)."""
STACKS_SIGNAL = signal.SIGUSR1
"""At which a worker writes the stacks of its threads to its log, however it hangs."""
DISK_FULL = "there is no space left for the results; free some, and the same command continues"


_PR_SET_CHILD_SUBREAPER = 36
_END_S = 10.0
"""How long a killed process may take to be gone, in a driver's hands perhaps."""


def peak_rss_mb() -> float:
    """Return the largest resident memory of this process so far."""
    with contextlib.suppress(OSError):
        # The kernel's ru_maxrss starts at that of the process which started this one.
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def become_subreaper() -> None:
    """Let orphans of a worker become this process's children, so that none outlives its run."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> set[psutil.Process]:
    """Return all that descend from this process."""
    return set(psutil.Process().children(recursive=True))


def signal_group(process: subprocess.Popen[bytes], signum: int) -> None:
    """Send a signal to a child's process group, if there is still one."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signum)


def end_group(process: subprocess.Popen[bytes], earlier: set[psutil.Process]) -> None:
    """Kill what is left of a worker's process group and of the orphans that it left behind.

    Parameters
    ----------
    process
        The worker, the leader of its group.
    earlier
        The descendants of this process from before the worker; they are left alone.
    """
    signal_group(process, signal.SIGKILL)
    process.wait()
    # As subreaper, this process has become the parent of those that left the group.
    end(descendants() - earlier)


def left_behind(run: Path) -> list[psutil.Process]:
    """Return the processes of a run's folder that live, this one excepted; see `by_run`."""
    return by_run().get(run.resolve(), [])


def by_run() -> dict[Path, list[psutil.Process]]:
    """Return the living processes of all runs by the run's folder, this process excepted.

    They carry its mark in their environment, which outlives the worker and its supervisor. Those
    of other users, whose environment this process may not read, are not found.
    """
    found: dict[Path, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            mark = process.environ().get(RUN_MARK)
            if mark is not None and process.pid != os.getpid():
                found.setdefault(Path(mark), []).append(process)
    return found


def end(processes: Iterable[psutil.Process]) -> None:
    """Kill processes and wait until they are gone."""
    ended = list(processes)
    for process in ended:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            process.kill()
    psutil.wait_procs(ended, timeout=_END_S)


def end_with_parent(run: Path | None = None) -> None:
    """End this process group when the parent's end of stdin, a pipe, closes.

    Does nothing where stdin is no pipe: then a person started the process by hand.

    Parameters
    ----------
    run
        The folder of the run that this process trains: all that carries its mark is ended, too.
    """
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1):
                pass
        if run is not None:
            from gan_bench.system.processes import end, left_behind

            with contextlib.suppress(Exception):
                end(left_behind(run))
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


_CGROUPS = Path("/sys/fs/cgroup")


class OomWatch:
    """Notices what the kernel's out-of-memory killer does from now on."""

    def __init__(self) -> None:
        self._counters = {path: _count(path) for path in _counters()}

    def happened(self) -> str | None:
        """Return a sentence where it has killed something since, None where it has not."""
        for path, before in self._counters.items():
            now = _count(path)
            if before is not None and now is not None and now > before:
                where = "this machine" if path.name == "vmstat" else "the memory limit's group"
                return f"the kernel's out-of-memory killer ended the worker (it counted in {where})"
        return None


def _counters() -> list[Path]:
    """Return the files that count its kills: of this process's group, or of the machine."""
    found = []
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found.append(_CGROUPS / path.lstrip("/") / "memory.events")
        elif "memory" in controllers.split(","):
            found.append(_CGROUPS / "memory" / path.lstrip("/") / "memory.oom_control")
    found = [path for path in found if _count(path) is not None]
    # In a group of its own, what others on the machine do is no evidence.
    return found or [Path("/proc/vmstat")]


def _count(path: Path) -> int | None:
    """Return the number on the line ``oom_kill``, None where there is none."""
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(" ")
            if name == "oom_kill":
                return int(value)
    except (OSError, ValueError):
        pass
    return None
