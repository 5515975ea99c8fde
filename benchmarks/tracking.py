"""Cost of a tracked loop: a plain script's steps with `bench.step` and without, in turns.

``python benchmarks/tracking.py [--rounds 20] [--steps 10] [--threads 1]``

The script is the plain dcgan in PyTorch of ``plain_torch.py``, with batches of 128. In each round,
the same networks train some steps without and some with the tracked lines, in one process. The
ratio of their wall times is the cost, within the machine's noise. The time inside of the tracked
lines, which end a chunk every 50 steps, is measured exactly.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import gan_bench
from gan_bench import data
from plain_torch import Dcgan


def measure(rounds: int, steps: int) -> None:
    script = Dcgan(data.load("mnist-5k").train.images, "cpu")
    blank = np.zeros((1000, 28, 28), np.uint8)
    within: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = gan_bench.track(
            *("plain-dcgan",),
            dataset="mnist-5k",
            seed=0,
            budget="1M steps",
            batch_size=script.batch_size,
            evaluations=2,
            results=Path(folder),
        )
        bench.samples(blank)

        def train(tracked: bool) -> float:
            started = time.perf_counter()
            for _ in range(steps):
                values = script.step(next(script.batches))
                generator, discriminator = map(torch.tensor, values[:2])
                if tracked:
                    began = time.perf_counter()
                    bench.step(generator=generator, discriminator=discriminator)
                    bench.samples(blank)
                    within.append(time.perf_counter() - began)
            return time.perf_counter() - started

        times: dict[bool, list[float]] = {True: [], False: []}
        train(False)
        for turn in range(rounds):
            for tracked in (True, False) if turn % 2 else (False, True):
                times[tracked].append(train(tracked))
        bench.end()
    ratios = [own / bare for own, bare in zip(times[True], times[False], strict=True)]
    step_s = statistics.median(times[False]) / steps
    share = sum(within) / sum(times[True])
    print(f"a step without: {1e3 * step_s:.1f} ms")
    spread = f"({min(ratios):.3f} to {max(ratios):.3f})"
    print(f"with / without: {statistics.median(ratios):.4f} {spread}")
    print(
        f"inside of the tracked lines: {1e6 * statistics.fmean(within):.0f} us a step, "
        f"{1e6 * statistics.median(within):.1f} us in the median, {100 * share:.3f} % of the time"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10, help="of a round, each way")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    measure(options.rounds, options.steps)


if __name__ == "__main__":
    main()
