"""Time and memory of planning, submission, status and report with very many runs.

Usage: ``python benchmarks/scale.py`` (``--runs 10000`` and three smaller folders; half an hour).
Each command runs in a process of its own over synthetic records (`report_results`). Jobs are
submitted to an executor that accepts every job and starts none. A command whose time grows
linearly takes about the same time per run at every size.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gan_bench.launch.status import JobState
from gan_bench.plan import Place
from gan_bench.schedulers.base import SchedulerOptions, Task

HERE = Path(__file__).resolve().parent
ENTRY_POINT = "[gan_bench.executors]\npatient = scale:Patient\n"


class Patient:
    """A scheduler whose jobs wait for ever."""

    def __init__(self, asked: SchedulerOptions) -> None:
        pass

    def place(self) -> Place:
        return Place(device="cpu", threads=1)

    def parameters(self, implementation: str) -> tuple[str, ...]:
        return ()

    def check(self, implementations: Sequence[str], folder: Path) -> None:
        pass

    def submit(
        self, tasks: Sequence[Task], folder: Path, *, retries: int, max_parallel: int | None
    ) -> Iterator[dict[int, str]]:
        for start in range(0, len(tasks), 1000):
            yield {task.index: f"1_{task.index}" for task in tasks[start : start + 1000]}

    def states(self, jobs: Sequence[str]) -> dict[str, JobState]:
        return {job: JobState("waiting") for job in jobs}

    def cancel(self, jobs: Sequence[str]) -> None:
        pass


@dataclass(frozen=True)
class Cost:
    """Time and peak memory of one command."""

    seconds: float
    megabytes: float


def cost(arguments: list[str], environment: dict[str, str]) -> Cost:
    """Run gan-bench with these arguments and measure it."""
    with tempfile.NamedTemporaryFile() as peak:
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-P", HERE / "peak_memory.py", peak.name, *arguments],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        seconds = time.monotonic() - started
        if done.returncode > 1:
            raise SystemExit(f"{arguments} ended with {done.returncode}")
        return Cost(seconds, float(Path(peak.name).read_text()))


def measure(folder: Path, runs: int) -> tuple[int, dict[str, Cost]]:
    """Return the number of runs, and the cost of each command over them."""
    from report_results import make_results  # here: the measured commands import this module

    metadata = folder / "site" / "patient-1.0.dist-info"
    if not metadata.exists():
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: patient\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(ENTRY_POINT)
    paths = [str(metadata.parent), str(HERE), os.environ.get("PYTHONPATH", "")]
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
    parser.add_argument("--sizes", type=int, default=4, help="number of sizes, each twice the last")
    options = parser.parse_args()
    sizes = [options.runs // 2**power for power in reversed(range(options.sizes))]
    with tempfile.TemporaryDirectory() as folder:
        costs = dict(measure(Path(folder), size) for size in sizes)
    print("| command |", " | ".join(f"{runs:,} runs" for runs in costs), "|")
    print("| --- |", " | ".join("---:" for _ in costs), "|")
    for name in next(iter(costs.values())):
        cells = [f"{of[name].seconds:.1f} s, {of[name].megabytes:,.0f} MB" for of in costs.values()]
        print(f"| {name} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
