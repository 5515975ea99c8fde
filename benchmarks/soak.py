"""Run a long plan with faults: check every row's status, and that the launcher does not grow.

`python benchmarks/soak.py --runs 500`, by `nox -s soak`. One run in five has a fault of one of
eight kinds. While the plan runs, the launcher's resident memory and open files are sampled; at
the end every row's status is compared with the one that its fault should lead to.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from gan_bench.system.processes import left_behind

FAULTS = {
    "raises": "error",
    "exits": "error",
    "killed": "killed",
    "nan": "diverged",
    "memory": "oom",
    "stops": "timeout",
    "prints": "ok",
    "leaves a child": "ok",
}
EVERY = 5
"""Every fifth run has a fault."""
SAMPLE_S = 0.5

PLUGIN = """
import os, signal, subprocess
from gan_bench.testing import FakeTrainer

FAULTS = {faults!r}

class Plugin(FakeTrainer):
    def __init__(self, *arguments, seed, **more):
        super().__init__(*arguments, seed=seed, **more)
        self.fault = FAULTS[seed // {every} % len(FAULTS)] if seed % {every} == 0 else None

    def train(self, batches, draws):
        losses = super().train(batches, draws)
        if self.fault == "raises": raise ValueError("as asked")
        if self.fault == "exits": os._exit(3)
        if self.fault == "killed": os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "nan": losses["generator"][0] = float("nan")
        if self.fault == "memory": raise MemoryError
        if self.fault == "stops": os.kill(os.getpid(), signal.SIGSTOP)
        if self.fault == "prints": print("x" * 5_000_000)
        if self.fault == "leaves a child": subprocess.Popen(["sleep", "3600"])
        return losses
"""


def expected(seed: int) -> str:
    """Return the status that a run must have."""
    names = list(FAULTS)
    return FAULTS[names[seed // EVERY % len(names)]] if seed % EVERY == 0 else "ok"


def main() -> None:
    """Run the plan and print the findings; exit with 1 if a row has the wrong status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "soak.py").write_text(PLUGIN.format(faults=list(FAULTS), every=EVERY))
        began = time.monotonic()
        sizes, files = watch(folder, runs)
        minutes = (time.monotonic() - began) / 60
        status = [sys.executable, "-P", "-m", "gan_bench", "status", "--json"]
        rows = json.loads(subprocess.check_output(status, cwd=folder))
        run_folders = (folder / "results" / "local" / "runs").iterdir()
        sleeping = [process for run in run_folders for process in left_behind(run)]
    seeds = {int(row["run_id"].split("-s")[1].split("-")[0]): row["status"] for row in rows}
    wrong = {seed: status for seed, status in seeds.items() if status != expected(seed)}
    third = len(sizes) // 3
    print(f"{len(rows)} rows of {runs} in {minutes:.0f} min: {dict(Counter(seeds.values()))}")
    print(f"rows with the wrong status: {wrong or 'none'}; children left: {len(sleeping)}")
    for what, values in (("resident MB", sizes), ("open files", files)):
        parts = {"second": values[third : 2 * third], "last": values[2 * third :]}
        medians = (
            f"{statistics.median(part):.1f} in the median and at most {max(part):.1f} in the {name}"
            for name, part in parts.items()
        )
        print(f"launcher's {what}: {', '.join(medians)} third")
    sys.exit(1 if wrong or len(rows) != runs or sleeping else 0)


def watch(folder: Path, runs: int) -> tuple[list[float], list[int]]:
    """Run the plan; return the launcher's resident memory in MB and its open files over time."""
    command = [
        *(sys.executable, "-P", "-m", "gan_bench", "run", "./soak.py", "--seeds", str(runs)),
        *("--steps", "20", "--evaluations", "2", "--samples", "20", "--silence", "8"),
        *("--metrics", "fid", "--wait"),
    ]
    sizes, files = [], []
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        launcher = psutil.Process(process.pid)
        while process.poll() is None:
            with launcher.oneshot():
                sizes.append(launcher.memory_info().rss / 1e6)
                files.append(launcher.num_fds())
            time.sleep(SAMPLE_S)
    if process.returncode != 1:  # some rows are to fail
        sys.exit((folder / "log").read_text()[-2_000:])
    return sizes, files


if __name__ == "__main__":
    main()
