"""How long plan, submission, status and report take with very many runs, and how much memory.

Usage: ``python benchmarks/scale.py`` (``--runs 10000`` and three smaller folders; half an hour).
Each is the command of that name in a process of its own, over a folder of synthetic records
(`report_results`); submission goes to an executor that takes every job and starts none. What grows
linearly takes about as long a run at every size.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from report_results import make_results

ENGINE = """
from gan_bench.schedulers.base import JobState, Place

class Patient:
    def __init__(self, asked):
        pass
    def place(self):
        return Place(device="cpu", threads=1)
    def parameters(self, implementation):
        return ()
    def check(self, implementations, folder):
        pass
    def submit(self, tasks, folder, *, retries, max_parallel):
        for start in range(0, len(tasks), 1000):
            yield {task.index: f"1_{task.index}" for task in tasks[start:start + 1000]}
    def states(self, jobs):
        return {job: JobState("waiting") for job in jobs}
    def cancel(self, jobs):
        pass
"""


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    seconds: float
    megabytes: float


COMMAND = """
import atexit, sys
from gan_bench.cli import main
from gan_bench.vitals import peak_rss_mb
atexit.register(lambda: open(sys.argv.pop(1), "w").write(str(peak_rss_mb())))
main(sys.argv[2:], prog_name="gan-bench")
"""
"""A child's own account: what its parent is told counts the parent's memory at the fork, too."""


def cost(command: list[str], environment: dict[str, str]) -> Cost:
    """Run a command of gan-bench's and measure it."""
    with tempfile.NamedTemporaryFile() as told:
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-P", "-c", COMMAND, told.name, *command],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        seconds = time.monotonic() - started
        if done.returncode > 1:
            raise SystemExit(f"{command} ended with {done.returncode}")
        return Cost(seconds, float(Path(told.name).read_text()))


def measure(folder: Path, runs: int) -> tuple[int, dict[str, Cost]]:
    """Return how many runs there were, and the cost of each command over them."""
    site = folder / "site"
    metadata = site / "patient-1.0.dist-info"
    if not site.exists():
        metadata.mkdir(parents=True)
        (site / "patient.py").write_text(ENGINE)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: patient\nVersion: 1.0\n")
        entry = "[gan_bench.executors]\npatient = patient:Patient\n"
        (metadata / "entry_points.txt").write_text(entry)
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    seeds = max(1, round(runs / 12))
    finished = make_results(folder / f"finished-{runs}", runs=runs, points=5)
    submitted = folder / f"submitted-{runs}"
    plan = ["run", "--all", "--steps", "200", "--dataset", "mnist-5k", "--seeds", str(seeds)]
    submission = [*plan, "--executor", "patient", "--detach", "--results", str(submitted)]
    report = ["report", "--results", str(finished), "--out", str(folder / f"report-{runs}")]
    return 12 * seeds, {
        "plan (`run --dry-run`)": cost([*plan, "--dry-run"], environment),
        "submit (`run --detach`)": cost(submission, environment),
        "`status`, none begun": cost(["status", "--results", str(submitted)], environment),
        "`status`, all finished": cost(["status", "--results", str(finished)], environment),
        "`report`": cost(report, environment),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--sizes", type=int, default=4, help="twice the last")
    options = parser.parse_args()
    sizes = [options.runs // 2**power for power in reversed(range(options.sizes))]
    with tempfile.TemporaryDirectory() as folder:
        found = dict(measure(Path(folder), size) for size in sizes)
    print("| command |", " | ".join(f"{runs:,} runs" for runs in found), "|")
    print("| --- |", " | ".join("---:" for _ in found), "|")
    for name in next(iter(found.values())):
        cells = [
            f"{one[name].seconds:.1f} s, {one[name].megabytes:,.0f} MB" for one in found.values()
        ]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
