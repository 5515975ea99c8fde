"""Measures how fast this machine is, and the load of other processes on a run's processors."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

# The child that measures runs before and after every run, and needs nothing else of gan-bench: the
# functions of the parent import what they need.


EXCLUSIVE_BELOW = 0.05
"""Load by other processes below which the device counts as exclusive."""


def _busy_s(processors: Sequence[int]) -> float | None:
    """Return the seconds that all processes have used these processors, None if unknown."""
    import psutil

    total = 0.0
    every = psutil.cpu_times(percpu=True)
    if len(every) <= max(processors):
        return None  # some are offline or hidden: an index is not the processor's number
    for times in (every[number] for number in processors):
        idle = times.idle + getattr(times, "iowait", 0.0)
        # User time already includes guest time.
        guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        total += sum(times) - idle - guests
    return float(total)


class LoadMeter:
    """Measures the share of a run's processors that other processes use until ``stop``.

    The run's processors are those that this process and its children may use.
    """

    def __init__(self) -> None:
        from gan_bench.system.devices import usable_processors

        self._processors = usable_processors()
        self._busy = _busy_s(self._processors)
        self._own = time.process_time()
        self._started = time.monotonic()

    def stop(self, worker_cpu_s: float) -> float | None:
        """Return the share, 0 to 1, given the processor time of the run itself."""
        wall = time.monotonic() - self._started
        busy = _busy_s(self._processors)
        if wall <= 0 or busy is None or self._busy is None:
            return None
        own = time.process_time() - self._own + worker_cpu_s
        others = busy - self._busy - own
        return min(1.0, max(0.0, others / (wall * len(self._processors))))


SIZE = 1024
DURATION_S = 0.25
_LIMIT_S = 60.0


def measure() -> float:
    """Return the median GFLOP/s of float32 products of 1024 x 1024 within a quarter second."""
    left = np.full((SIZE, SIZE), 0.5, dtype=np.float32)
    right = np.full((SIZE, SIZE), 0.25, dtype=np.float32)
    out = np.empty_like(left)
    np.matmul(left, right, out=out)
    seconds = []
    end = time.perf_counter() + DURATION_S
    while time.perf_counter() < end:
        started = time.perf_counter()
        np.matmul(left, right, out=out)
        seconds.append(time.perf_counter() - started)
    return 2 * SIZE**3 / statistics.median(seconds) / 1e9


GPU_SIZE = 8192
_AT_LEAST_S = 0.05
_TIMES = 3
_MOST_REPETITIONS = 1 << 16
"""No GPU needs more of them; work that never takes long would be repeated for ever."""


def gpu_rates(
    multiply: Callable[[int], object], copy: Callable[[int], object], size: int
) -> tuple[float, float]:
    """Return the GFLOP/s of products and the GB/s, read and written, of copies on a GPU.

    Parameters
    ----------
    multiply, copy
        Multiply and copy float32 matrices as often as their argument says, and wait for the GPU.
    size
        The rows and columns of a matrix.
    """
    product_s, copy_s = _seconds_each(multiply), _seconds_each(copy)
    return 2 * size**3 / product_s / 1e9, 2 * 4 * size**2 / copy_s / 1e9


def _seconds_each(work: Callable[[int], object]) -> float:
    """Return the median time of one repetition, of measurements of 0.05 s or more."""
    work(1)  # loads kernels, and compiles
    times, seconds = 1, [_seconds(work, 1)]
    while seconds[0] < _AT_LEAST_S and times < _MOST_REPETITIONS:
        times *= 2
        seconds = [_seconds(work, times)]
    seconds += [_seconds(work, times) for _ in range(_TIMES - 1)]
    return statistics.median(seconds) / times


def _seconds(work: Callable[[int], object], times: int) -> float:
    started = time.perf_counter()
    work(times)
    return time.perf_counter() - started


def probe(device: str, threads: int) -> float | None:
    """Return the GFLOP/s of a CPU with a run's threads; None for a GPU: see `gpu_rates`."""
    if device != "cpu":
        return None
    from gan_bench.system.processes import process_environment

    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "gan_bench.system.calibration"],
            env=process_environment(device=device, threads=threads),
            timeout=_LIMIT_S,
            capture_output=True,
            check=True,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        return float(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None  # the run counts without this measurement


if __name__ == "__main__":
    sys.stdout.write(f"{measure()}\n")
