"""Trains the runs of the gate's calibration study; `calibration.py` makes its table.

`nox -s calibrate` runs both. Finished runs are reused, so an interrupted study resumes.
"""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PLANTED = sorted(path.parent.name for path in HERE.glob("planted/*/torch_dcgan.py"))
RESULTS = Path("results/calibration")
BASELINE, TWIN = "30", "12"
"""Seeds of torch-dcgan and of its twin keras-dcgan, which differs in rounding only."""
FRESH, TWIN_FRESH = "30,31,32,33,34,35", "30,31,32"
"""Seeds of both that are not in baselines/ci.json: those that its gate would train."""
CHANGED = 6
"""Seeds of each planted regression."""


def plan() -> list[tuple[str, str, str]]:
    """Return results folder, target and seeds of each command, the most needed first."""
    planted = [(name, f"{HERE}/planted/{name}/torch_dcgan.py") for name in PLANTED]
    return [
        ("unchanged", "torch-dcgan", BASELINE),
        *((name, path, str(CHANGED)) for name, path in planted),
        ("unchanged", "keras-dcgan", TWIN),
        ("unchanged", "torch-dcgan", FRESH),
        ("unchanged", "keras-dcgan", TWIN_FRESH),
    ]


def main() -> int:
    """Train and score all runs, with the options of `gan-bench run` that do not change bits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of folders")
    options = parser.parse_args()
    for folder, target, seeds in plan():
        command = ["run", target, "--preset", "ci", "--seeds", seeds, "--wait"]
        done = subprocess.run(
            [sys.executable, "-m", "gan_bench", *command, "--results", options.results / folder],
            check=False,
        )
        if done.returncode not in (0, 1):
            return done.returncode or 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
