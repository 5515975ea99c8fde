"""What else happens on the machine during a run, and the state of the user's repository."""

import subprocess
import time
from collections.abc import Sequence
from functools import cache

import psutil

from gan_bench.devices import machine, usable_processors
from gan_bench.record import EXCLUSIVE_BELOW, Circumstances, Job


def _busy_s(processors: Sequence[int]) -> float | None:
    """Return for how long all processes have used these processors, None if it is not known."""
    total = 0.0
    every = psutil.cpu_times(percpu=True)
    if len(every) <= max(processors):
        return None  # some are offline or hidden, so that places are no numbers
    for times in (every[number] for number in processors):
        idle = times.idle + getattr(times, "iowait", 0.0)
        # Guest time is counted in user time already.
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        total += sum(times) - idle - guests
    return float(total)


class LoadMeter:
    """Measures what share of a run's processors other processes use, from start to ``stop``.

    The run's processors are those that this process, and so its children, may use: what happens
    on the others is no load of the run's.
    """

    def __init__(self) -> None:
        self._processors = usable_processors()
        self._busy = _busy_s(self._processors)
        self._own = time.process_time()
        self._started = time.monotonic()

    def stop(self, worker_cpu_s: float) -> float | None:
        """Return the share, 0 to 1, given the processor seconds of the run itself."""
        wall = time.monotonic() - self._started
        busy = _busy_s(self._processors)
        if wall <= 0 or busy is None or self._busy is None:
            return None
        own = time.process_time() - self._own + worker_cpu_s
        others = busy - self._busy - own
        return min(1.0, max(0.0, others / (wall * len(self._processors))))


@cache
def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def circumstances(
    *,
    command: str,
    device: str,
    probes: tuple[float | None, float | None],
    other_load: float | None,
    job: Job | None = None,
) -> Circumstances:
    """Gather what a record says of the machine."""
    status = _git("status", "--porcelain")
    # A GPU's other users do not show in the processors' load.
    exclusive = None if other_load is None or device != "cpu" else other_load < EXCLUSIVE_BELOW
    return Circumstances(
        machine=machine(),
        probe_gflops_before=probes[0],
        probe_gflops_after=probes[1],
        other_load=other_load,
        device_exclusive=exclusive,
        git_commit=_git("rev-parse", "HEAD"),
        git_dirty=None if status is None else bool(status),
        command=command,
        job=job,
    )
