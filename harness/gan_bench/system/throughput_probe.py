"""What the machine can do just now: a timed NumPy matrix product, in a process of its own."""

import statistics
import time

import numpy as np

from gan_bench.errors import GanBenchError
from gan_bench.system.child import ask, reply
from gan_bench.system.environment import worker_environment

SIZE = 1024
DURATION_S = 0.25
_LIMIT_S = 60.0


def measure() -> float:
    """Return the GFLOP/s of float32 products of 1024 x 1024, the median of a quarter second."""
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


def probe(device: str, threads: int) -> float | None:
    """Measure with a run's threads; None on a GPU, for which there is no neutral probe."""
    if device != "cpu":
        return None
    try:
        answer = ask(
            "gan_bench.system.throughput_probe",
            {},
            environment=worker_environment(device=device, threads=threads),
            limit_s=_LIMIT_S,
        )
    except (OSError, GanBenchError):
        return None  # the run counts without this measurement
    return float(answer)


if __name__ == "__main__":
    reply(lambda request, say: measure())
