"""Overhead of the harness: a worker's chunks compared with bare calls of the same trainer.

``python benchmarks/overhead.py [NAME ...] [--rounds 15] [--steps 6]``

A real worker is set up for each implementation, with its journal and its heartbeat. Its chunks
(making batches and latents, training, checking and journalling the losses) take turns, in one
process, with bare calls of its trainer's ``train`` on prepared arrays. The ratio of their wall
times is the overhead, within the machine's noise. The share of a chunk's wall time spent outside
``train`` can be measured exactly. Snapshots and checkpoints are taken between chunks and not
included.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gan_bench.plan.expand import expand
from gan_bench.plan.request import request
from gan_bench.plugins.frameworks import worker_environment
from gan_bench.plugins.registry import registered


def measure(name: str, rounds: int, steps: int) -> None:
    from gan_bench.results.events import EventWriter, read_events
    from gan_bench.results.layout import RunFolder
    from gan_bench.worker.progress import heartbeat
    from gan_bench.worker.training import Training

    # Two evaluation points and a budget of a multiple of the chunk give chunks of --steps.
    values = {"targets": (name,), "steps": 10_000, "device": "cpu"}
    (spec,) = expand(request(values), "benchmark").runs
    spec = spec.model_copy(update={"chunk_steps": steps})
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder(Path(folder))
        run.spec.write_text(spec.model_dump_json())
        worker = Training(run, EventWriter(run.events))
        worker.setup()
        recipe = worker.inputs.recipe
        rows, draws = worker.inputs.batches(0, steps), worker.inputs.draws(0, steps)
        times: dict[str, list[float]] = {"worker": [], "bare": []}
        with heartbeat(worker.events, lambda: worker.step, sys.stderr):
            worker.chunk()
            for turn in range(rounds):
                for kind in ("worker", "bare") if turn % 2 else ("bare", "worker"):
                    started = time.perf_counter()
                    worker.chunk() if kind == "worker" else worker.trainer.train(rows, draws)
                    times[kind].append(time.perf_counter() - started)
        chunks = [event for event in read_events(run.events) if event["event"] == "chunk"]
        within = [event["seconds"] for event in chunks[1:]]
    outside = 1 - sum(within) / sum(times["worker"])
    ratios = [bare / own for bare, own in zip(times["bare"], times["worker"], strict=True)]
    print(
        f"{name:22}{recipe.images_per_step * steps / statistics.median(times['worker']):10.1f}"
        f"{recipe.images_per_step * steps / statistics.median(times['bare']):10.1f}"
        f"{statistics.median(ratios):9.4f}  ({min(ratios):.3f} to {max(ratios):.3f})"
        f"{100 * outside:10.2f} %",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=6, help="of a chunk")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        measure(options.names[0], options.rounds, options.steps)
        return
    print(
        f"{'images a second':22}{'worker':>10}{'bare':>10}{'ratio':>9}  (range)"
        f"{'outside train':>15}"
    )
    threads = len(os.sched_getaffinity(0))
    for name in options.names or registered():
        subprocess.run(
            [
                *(sys.executable, __file__, name, "--child"),
                *(f"--rounds={options.rounds}", f"--steps={options.steps}"),
            ],
            check=True,
            env=worker_environment(registered()[name].framework, device="cpu", threads=threads),
            stderr=subprocess.DEVNULL,
        )


if __name__ == "__main__":
    main()
