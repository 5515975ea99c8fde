"""Processes: their environment, their groups, their end, and the out-of-memory killer."""

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
from typing import ClassVar

import psutil

from gan_bench.system.devices import gpu_of

SILENCE_VARIABLE = "GAN_BENCH_SILENCE_S"
"""Seconds without a heartbeat after which the supervisor kills the worker."""
CARD_VARIABLE = "GAN_BENCH_CARD"
"""The card of a run on a GPU, which the worker writes to its journal."""
RUN_MARK = "GAN_BENCH_RUN"
"""The run's folder, in the environment of its worker and the worker's descendants."""


def process_environment(
    *,
    device: str,
    threads: int,
    deterministic: bool = False,
    precision: str = "ieee",
    run: Path | None = None,
    silence_s: float | None = None,
) -> dict[str, str]:
    """Return the environment variables of a worker that name no framework.

    Parameters
    ----------
    device
        ``cpu`` or ``cuda:<index>``; the worker sees this GPU only.
    threads
        Threads of each framework's operations.
    deterministic
        Whether frameworks must use deterministic kernels.
    precision
        The arithmetic of products; see `gan_bench.trainer.Trainer`.
    run
        The run's folder, which marks the worker's descendants.
    silence_s
        Seconds without a heartbeat after which the supervisor kills it.
    """
    intra_op = str(threads)
    gpu = gpu_of(device)
    environment = {
        **os.environ,
        **UTF8_OUTPUT,
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_VISIBLE_DEVICES": "" if gpu is None else gpu.uuid,
        "MKL_NUM_THREADS": intra_op,
        "GAN_BENCH_PRECISION": precision,
        "OMP_NUM_THREADS": intra_op,
        "OPENBLAS_NUM_THREADS": intra_op,
        "PYTHONFAULTHANDLER": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUNBUFFERED": "1",
    }
    if precision == "ieee":  # cuDNN and some frameworks would use TF32 by default
        environment["NVIDIA_TF32_OVERRIDE"] = "0"
    if silence_s is not None:
        environment[SILENCE_VARIABLE] = str(silence_s)
    if gpu is not None:
        environment[CARD_VARIABLE] = gpu.card
    if run is not None:
        environment[RUN_MARK] = str(run.resolve())
    if deterministic:
        environment["GAN_BENCH_DETERMINISTIC"] = "1"
    else:
        environment.pop("GAN_BENCH_DETERMINISTIC", None)
    return environment


UTF8_OUTPUT = {"PYTHONIOENCODING": "utf-8:backslashreplace"}
"""The environment in which a process prints to a log; the terminal's encoding is not the log's."""
DISK_FULL_EXIT_CODE = 74
"""The worker found the disk full and could not write that to its journal (EX_IOERR)."""
STOPPED_EXIT_CODE = 75
"""The worker was interrupted and ended after a checkpoint (EX_TEMPFAIL)."""
STACKS_SIGNAL = signal.SIGUSR1
"""Makes a worker write its threads' stacks to its log, even if it hangs."""
DISK_FULL = "there is no space left for the results; free some, and the same command resumes"
_PR_SET_CHILD_SUBREAPER = 36
_END_S = 10.0
"""How long a killed process may take to end, for example in a driver call."""


def in_notebook() -> bool:
    """Return whether this process is a notebook's kernel: its stdout is the cell."""
    return "ipykernel" in sys.modules


def peak_rss_mb() -> float:
    """Return the largest resident memory of this process so far."""
    with contextlib.suppress(OSError):
        # ru_maxrss would start at the value of the parent process.
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


_CLEAR_PEAK = "5"
"""What resets the peak of a process in Linux, see proc(5)."""


class PeakMemory:
    """The largest resident memory of this process from now on; several may overlap.

    Where the system cannot reset its own figure, an earlier peak may hide what was reached since:
    then it is unknown.
    """

    _open: ClassVar[list["PeakMemory"]] = []

    def __init__(self) -> None:
        before = peak_rss_mb()
        for other in self._open:  # the reset takes their peak away
            other._note(before)
        self._most: float | None = None
        self._hidden_below = before
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text(_CLEAR_PEAK, encoding="ascii")
            self._hidden_below = 0.0
        self._open.append(self)

    def _note(self, peak: float) -> None:
        if peak > self._hidden_below:
            self._most = max(peak, self._most or 0.0)

    def end(self) -> float | None:
        """Return it in MiB, or None if an earlier peak of the process hides it."""
        if self in self._open:
            self._open.remove(self)
            self._note(peak_rss_mb())
        return self._most


def become_subreaper() -> None:
    """Adopt orphans of a worker, so that none outlives its run."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> set[psutil.Process]:
    """Return all descendants of this process."""
    return set(psutil.Process().children(recursive=True))


def signal_group(process: subprocess.Popen[bytes], signum: int) -> None:
    """Send a signal to a child's process group, if it still exists."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signum)


def end_group(process: subprocess.Popen[bytes], earlier: set[psutil.Process]) -> None:
    """Kill the remaining processes of a worker's group, and its orphans.

    ``earlier`` has the descendants of this process from before the worker; they and their own
    descendants are not killed.
    """
    signal_group(process, signal.SIGKILL)
    process.wait()
    found, others = descendants(), set(earlier)
    for one in earlier:
        with contextlib.suppress(psutil.Error):
            others.update(one.children(recursive=True))
    # This process, a subreaper, is now the parent of processes that left the group. The worker
    # began a session, so what is in this process's own was started by another of its threads.
    end(one for one in found - others if not _is_in_this_session(one))


def _is_in_this_session(process: psutil.Process) -> bool:
    try:
        return os.getsid(process.pid) == os.getsid(0)
    except OSError:  # it has ended
        return False


def left_behind(run: Path) -> list[psutil.Process]:
    """Return the living processes of a run's folder except this one; see `by_run`."""
    return by_run().get(run.resolve(), [])


def by_run() -> dict[Path, list[psutil.Process]]:
    """Return the living processes of all runs except this one, by the run's folder.

    Their environment names the folder, even after worker and supervisor have ended. Processes of
    other users are not found: their environment cannot be read.
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

    Does nothing if stdin is not a pipe: then a user started the process.

    All processes of ``run``, the folder of a run that this process trains, are killed, too.
    """
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1):
                pass
        if run is not None:
            with contextlib.suppress(Exception):
                end(left_behind(run))
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


_CGROUPS = Path("/sys/fs/cgroup")


class OomWatch:
    """Watches the kernel's out-of-memory killer."""

    def __init__(self) -> None:
        self._counters = {path: _count(path) for path in _counters()}

    def happened(self) -> str | None:
        """Return a sentence if it has killed a process since the start of the watch, else None."""
        for path, before in self._counters.items():
            now = _count(path)
            if before is not None and now is not None and now > before:
                where = "this machine" if path.name == "vmstat" else "the memory limit's group"
                return f"the kernel's out-of-memory killer ended the worker (it counted in {where})"
        return None


def _counters() -> list[Path]:
    """Return the files that count its kills in this process's group or on the machine."""
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
    # Kills outside of this process's own group are no evidence.
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
