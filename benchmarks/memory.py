"""The harness's memory: of a worker, compared with a bare trainer, and of the launcher over time.

``python benchmarks/memory.py [NAME ...] [--runs 30]``

First the peak resident memory of each implementation's worker in a short run, compared with a
process that imports the same trainer, trains on the same data, samples and saves, all without the
harness. Then the launcher's own memory during a plan of many runs of the harness's FakeTrainer.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from gan_bench import data
from gan_bench.plugins.frameworks import worker_environment
from gan_bench.plugins.registry import registered

SHORT = (
    *("--preset", "standard", "--dataset", "mnist-5k", "--seeds", "1"),
    *("--steps", "4", "--evaluations", "2", "--samples", "1000", "--device", "cpu"),
)

PLUGIN = "from gan_bench.testing import FakeTrainer\nclass Plugin(FakeTrainer): pass\n"


def bare_trainer(name: str) -> None:
    """Train, sample and save without the harness; print the peak memory in MiB."""
    import numpy as np

    from bare import build
    from gan_bench.system.processes import peak_rss_mb

    train = data.load("mnist-5k").train
    recipe, trainer = build(name, train.images, train.labels, "cpu")
    batches = np.zeros((4, recipe.real_batches_per_step, recipe.batch_size), np.int64)
    shape = (4, recipe.latent_batches_per_step, recipe.batch_size, recipe.latent_size)
    draws = {"latents": np.zeros(shape, np.float32)}
    trainer.sample(np.zeros((1000, recipe.latent_size), np.float32))
    trainer.train(batches, draws)
    trainer.sample(np.zeros((1000, recipe.latent_size), np.float32))
    with tempfile.TemporaryDirectory() as folder:
        trainer.save(Path(folder))
    weights = trainer.weights()  # held while the peak is read, as a worker holds it
    print(peak_rss_mb())
    del weights


def launcher(path: str, runs: int) -> None:
    """Execute a plan of many runs; print this process's memory and open files after some."""
    import psutil

    from gan_bench.launch.local import execute
    from gan_bench.launch.run_one import Options
    from gan_bench.plan.expand import expand
    from gan_bench.plan.request import request
    from gan_bench.results.layout import open_results

    process = psutil.Process()

    class Observer:
        def run_started(self, *_: object) -> None: ...
        def event(self, *_: object) -> None: ...
        def run_finished(self, index: int, *_: object) -> None:
            if index in (0, runs // 3, 2 * runs // 3, runs - 1):
                memory_mb = process.memory_info().rss / 2**20
                print(f"{index + 1:6}{memory_mb:10.1f}{process.num_fds():12}", flush=True)

    values = {"targets": (path,), "images": 64, "evaluations": 2, "samples": 100, "device": "cpu"}
    plan = expand(request({**values, "seeds": tuple(range(runs))}), "benchmark")
    results = open_results(Path("results"), create=True)
    execute(results, plan, Options(command="benchmark"), Observer())


def worker_memory(name: str) -> None:
    threads = len(os.sched_getaffinity(0))
    bare = subprocess.run(
        [sys.executable, __file__, name, "--child", "bare"],
        env=worker_environment(registered()[name].framework, device="cpu", threads=threads),
        capture_output=True,
        text=True,
        check=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-P", "-m", "gan_bench", "run", name, *SHORT, "--results", folder],
            env={**os.environ, "TMPDIR": folder},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        (record,) = (json.loads(p.read_text()) for p in Path(folder).glob("runs/*/record.json"))
    own, alone = record["peak_rss_mb"], float(bare.stdout.split()[-1])
    print(f"{name:22}{own:10.1f}{alone:10.1f}{own - alone:12.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--runs", type=int, default=30, help="in the launcher's plan")
    parser.add_argument("--child", choices=("bare", "launcher"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child == "bare":
        return bare_trainer(*options.names)
    if options.child == "launcher":
        return launcher(*options.names, options.runs)
    size = data.load("mnist-5k").train.images.nbytes / 2**20
    print(f"training images {size:.1f} MiB, a snapshot of 1,000 {1000 * 784 / 2**20:.1f} MiB")
    print(f"{'peak memory, MiB':22}{'worker':>10}{'bare':>10}{'difference':>12}")
    for name in options.names or registered():
        worker_memory(name)
    print(f"\n{'run':>6}{'launcher MiB':>12}{'open files':>10}")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "plugin.py").write_text(PLUGIN)
        subprocess.run(
            [
                *(sys.executable, Path(__file__).resolve(), "./plugin.py"),
                *("--child", "launcher", "--runs", str(options.runs)),
            ],
            cwd=folder,
            env={**os.environ, "TMPDIR": folder},
            check=True,
        )


if __name__ == "__main__":
    main()
