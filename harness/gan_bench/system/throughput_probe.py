"""What the machine can do just now: a timed NumPy matrix product, in a process of its own."""

import json
import statistics
import subprocess
import sys
import time

import numpy as np

from gan_bench.system.environment import worker_environment

SIZE = 1024
DURATION_S = 0.25


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
        done = subprocess.run(
            [sys.executable, "-P", "-m", "gan_bench.system.throughput_probe"],
            env=worker_environment(device=device, threads=threads),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return float(json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError):
        # A run's figures are worth having without the machine's.
        return None


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure()))
