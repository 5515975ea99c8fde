"""What the harness weighs: a worker's memory beyond a bare trainer's, and the launcher's over time.

``python benchmarks/memory.py [NAME ...] [--runs 60]``

First the peak resident memory of each implementation's worker in a short run, against a process
that imports the same trainer, trains on the same data, samples and saves as much, without the
harness.
Then the launcher's own memory after each of many runs of the harness's FakeTrainer in one plan.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from gan_bench import data
from gan_bench.plugins.registry import registered
from gan_bench.system.environment import worker_environment

SHORT = ("--steps", "4", "--evaluations", "2", "--samples", "1000", "--device", "cpu")

BARE = """
import importlib, sys, tempfile
from pathlib import Path
import numpy as np
from gan_bench import data
from gan_bench.data.batches import batches
from gan_bench.data.latents import training_latents
module, name = sys.argv[1:]
trainer_class = getattr(importlib.import_module(module), name)
train = data.load("mnist-5k").train
recipe = trainer_class.recipe_class()
trainer = trainer_class(recipe, train.images, train.labels, device="cpu", planned_steps=4, seed=0)
trainer.set_weights(recipe.initial_weights(0))
rows = np.zeros((4, recipe.real_batches_per_step, recipe.batch_size), dtype=np.int64)
latents = np.zeros((4, recipe.draws_per_step, recipe.batch_size, recipe.latent_size), np.float32)
trainer.sample(np.zeros((1000, recipe.latent_size), np.float32))
trainer.train(rows, latents)
trainer.sample(np.zeros((1000, recipe.latent_size), np.float32))
with tempfile.TemporaryDirectory() as folder:
    trainer.save(Path(folder))
weights = trainer.weights()
from gan_bench.vitals import peak_rss_mb
print(peak_rss_mb())
"""

PLUGIN = "from gan_bench.testing import FakeTrainer\nclass Plugin(FakeTrainer): pass\n"

LAUNCHER = """
import sys
from pathlib import Path
import psutil
from gan_bench.launch.local import execute
from gan_bench.launch.run_one import Options
from gan_bench.results.layout import open_results
from gan_bench.plan.expand import expand
from gan_bench.plan.request import request
path, runs = sys.argv[1], int(sys.argv[2])
here = psutil.Process()
class Observer:
    def run_started(self, index, spec, reused): pass
    def event(self, index, spec, event): pass
    def run_finished(self, index, spec, record, reused):
        if index in (0, runs // 3, 2 * runs // 3, runs - 1):
            print(f"{index + 1:6}{here.memory_info().rss / 2**20:10.1f}{here.num_fds():12}")
asked = {"targets": (path,), "images": 64, "evaluations": 2, "samples": 100, "device": "cpu"}
plan = expand(request({**asked, "seeds": tuple(range(runs))}), "benchmark")
execute(open_results(Path("results"), create=True), plan, Options(command="benchmark"), Observer())
"""


def worker_memory(name: str) -> None:
    implementation = registered()[name]
    threads = len(os.sched_getaffinity(0))
    bare = subprocess.run(
        [sys.executable, "-P", "-c", BARE, implementation.module, implementation.attribute],
        env=worker_environment(device="cpu", threads=threads),
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
    parser.add_argument("--runs", type=int, default=60)
    options = parser.parse_args()
    size = data.load("mnist-5k").train.images.nbytes / 2**20
    print(f"training images {size:.1f} MB, a snapshot of 1,000 {1000 * 784 / 2**20:.1f} MB")
    print(f"{'peak memory, MB':22}{'worker':>10}{'bare':>10}{'difference':>12}")
    for name in options.names or registered():
        worker_memory(name)
    print(f"\n{'run':>6}{'launcher MB':>12}{'open files':>10}")
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "plugin.py").write_text(textwrap.dedent(PLUGIN))
        subprocess.run(
            [sys.executable, "-P", "-c", LAUNCHER, "./plugin.py", str(options.runs)],
            cwd=folder,
            env={**os.environ, "TMPDIR": folder},
            check=True,
        )


if __name__ == "__main__":
    main()
