"""Supervises one worker process: its environment, its time limit, its end, and what that meant."""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import psutil

from gan_bench.devices import gpu_of
from gan_bench.events import Event, EventTail
from gan_bench.folders import RunFolder
from gan_bench.spec import RunSpec

Status = Literal[
    "ok", "diverged", "timeout", "oom", "killed", "error", "missing", "unsupported", "skipped"
]
GRACE_S = 10.0
"""Between SIGTERM and SIGKILL: what a chunk may take to end with a checkpoint."""
POLL_S = 0.1
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""By which a user, a scheduler or a closed terminal asks for the end."""
LOG_TAIL_LINES = 30
LOG_TAIL_BYTES = 16_384
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Outcome:
    """How a worker's process ended."""

    status: Status
    reason: str | None
    cpu_s: float
    """Processor seconds of the worker and the children that it waited for."""
    interrupt: int | None = None
    """The signal by which the user asked for the end, of the rest of the plan too."""


def worker_environment(*, device: str, threads: int, deterministic: bool = False) -> dict[str, str]:
    """Return the environment of a worker: equal for all frameworks where they read it."""
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
    if deterministic:
        environment |= {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", "GAN_BENCH_DETERMINISTIC": "1"}
    else:
        environment.pop("GAN_BENCH_DETERMINISTIC", None)
    return environment


def become_subreaper() -> None:
    """Let orphans of a worker become this process's children, so that none outlives its run."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def log_tail(folder: RunFolder) -> str | None:
    """Return the last lines of the worker's log, however long it is."""
    try:
        with folder.log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - LOG_TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return None
    return "\n".join(lines[-LOG_TAIL_LINES:]) or None


def _end_group(process: subprocess.Popen[bytes], earlier: set[psutil.Process]) -> None:
    """Kill what is left of the worker's process group and of the orphans that it left behind."""
    _signal_group(process, signal.SIGKILL)
    process.wait()
    # As subreaper, this process has become the parent of those that left the group.
    orphans = [p for p in psutil.Process().children(recursive=True) if p not in earlier]
    for orphan in orphans:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            orphan.kill()
    psutil.wait_procs(orphans, timeout=GRACE_S)


def _signal_group(process: subprocess.Popen[bytes], signum: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signum)


class _Signals:
    """While the worker runs, the ending signals are counted instead of raising anywhere."""

    def __init__(self) -> None:
        self.received: list[int] = []

    def __enter__(self) -> "_Signals":
        self._previous = {
            signum: signal.signal(signum, lambda number, _: self.received.append(number))
            for signum in ENDING_SIGNALS
        }
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)


def launch(
    folder: RunFolder,
    spec: RunSpec,
    *,
    timeout_s: float | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Outcome:
    """Run the worker of a folder to its end, whatever that is.

    Parameters
    ----------
    folder
        Holds ``spec.json``.
    spec
        What stands in there.
    timeout_s
        Seconds after which the worker is asked to end, and soon made to.
    on_event
        Called with each of the worker's events, at most ten times a second in batches.

    An interrupt while it runs ends the worker, and the outcome says so; nothing is raised.
    """
    become_subreaper()
    earlier = set(psutil.Process().children(recursive=True))
    tail = EventTail(folder.events)
    for _ in tail.new():
        pass  # earlier attempts' events
    last: dict[str, Event] = {}
    started = time.monotonic()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    asked_to_end: float | None = None
    timed_out = False

    def relay() -> None:
        for event in tail.new():
            last[event["event"]] = event
            on_event(event)

    with folder.log.open("ab") as log, _Signals() as signals:
        process = subprocess.Popen(
            [spec.python or sys.executable, "-P", "-m", "gan_bench.worker", str(folder.path)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=worker_environment(
                device=spec.device, threads=spec.threads, deterministic=spec.deterministic
            ),
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                relay()
                now = time.monotonic()
                timed_out = timed_out or (timeout_s is not None and now - started > timeout_s)
                if (timed_out or signals.received) and asked_to_end is None:
                    asked_to_end = now
                    _signal_group(process, signal.SIGTERM)
                if asked_to_end is not None and (
                    now - asked_to_end > GRACE_S or len(signals.received) > 1
                ):
                    _signal_group(process, signal.SIGKILL)
                time.sleep(POLL_S)
        finally:
            _end_group(process, earlier)
            assert process.stdin is not None
            process.stdin.close()
        relay()
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    status, reason = _judge(process.returncode, last, timed_out, timeout_s, signals.received)
    return Outcome(
        status=status,
        reason=reason,
        cpu_s=spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime,
        interrupt=signals.received[0] if signals.received else None,
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _judge(
    code: int,
    last: dict[str, Event],
    timed_out: bool,
    timeout_s: float | None,
    interrupts: list[int],
) -> tuple[Status, str | None]:
    """Say what the end of a worker meant, by evidence only."""
    failed = last.get("failed")
    if "done" in last and code == 0:
        if "diverged" in last:
            return "diverged", last["diverged"]["reason"]
        return "ok", None
    if failed is not None and failed["kind"] != "error":
        return failed["kind"], failed["reason"]
    if interrupts:
        return "killed", f"interrupted by {_signal_name(interrupts[0])}"
    if timed_out:
        return "timeout", f"not finished within the time limit of {timeout_s:g} s"
    if failed is not None:
        return "error", failed["reason"]
    if "stopped" in last:
        return "killed", "asked to stop by a SIGTERM from outside"
    if code < 0:
        name = _signal_name(-code)
        if -code in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP):
            return "killed", f"the worker was killed by {name} from outside"
        return "error", f"the worker died of {name}"
    return "error", f"the worker ended with exit code {code} and without saying why"
