"""Whether every implementation learns: ``python scripts/check_learning.py [NAME ...]``.

Trains each on full MNIST, 375 steps in batches of 32, and fails where a trained
generator's fid_lenet is not well below the untrained one's. Resumable: run it again.
"""

import subprocess
import sys
from pathlib import Path

from gan_bench import load_results
from gan_bench.registry import registered

IMAGES = 12_000
MARGIN = 0.75
"""The share of the untrained generator's distance that a trained one has to stay below."""
RESULTS = Path("results/learns")


def main(names: list[str]) -> int:
    """Train, print a row for each implementation, and return the exit code."""
    names = names or list(registered())
    smaller = [option for name in names for option in ("--set", f"{name}.batch_size=32")]
    command = [sys.executable, "-P", "-m", "gan_bench", "run", *names, *smaller]
    command += ["--preset", "quick", "--seeds", "1", "--dataset", "mnist", "--images", str(IMAGES)]
    command += ["--evaluations", "2", "--samples", "2000", "--results", str(RESULTS)]
    if subprocess.run(command, check=False).returncode not in (0, 1):
        return 2
    results = load_results(RESULTS)
    fids = results.scores.sort_values("step").groupby("run_id")["value"].agg(["first", "last"])
    newest = results.runs.sort_values("finished_at").drop_duplicates("implementation", keep="last")
    table = newest.set_index("run_id")[["implementation", "status"]].join(fids)
    table = table[table["implementation"].isin(names)]
    table["learns"] = table["last"] < MARGIN * table["first"]
    sys.stdout.write(table.to_string(index=False) + "\n")
    return 0 if len(table) == len(names) and table["learns"].all() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
