"""Prints the rank correlation between fid_lenet and fid_inception over the same snapshots.

Usage: ``python scripts/lenet_against_inception.py [IMPLEMENTATION ...]``. Trains each on mnist-5k
with snapshots from the untrained generator to the end, scores every snapshot with both features
against the same test images, and compares the order. Run it again to resume.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from scipy.stats import spearmanr

from gan_bench import load_results

NAMES = tuple(
    f"torch-{recipe}"
    for recipe in ("dcgan", "dcgan-3g", "baseline", "enhanced", "upsampling-sgd", "decay")
)
IMAGES, POINTS, SAMPLES = 24_000, 5, 1_000


def gan_bench(*arguments: str) -> None:
    """Run gan-bench, with its output on this terminal."""
    code = subprocess.run(
        [sys.executable, "-P", "-m", "gan_bench", *arguments], check=False
    ).returncode
    if code not in (0, 1):
        sys.exit(code)


def main() -> None:
    """Train, score twice, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--results", type=Path, default=Path("results/local/correlation"))
    options = parser.parse_args()
    folder = ("--results", str(options.results))
    budget = ("--images", str(IMAGES), "--evaluations", str(POINTS), "--samples", str(SAMPLES))
    only = ("--metrics", "fid")
    data = ("--dataset", "mnist-5k", "--keep-samples")
    gan_bench("run", *options.names, *data, *budget, *only, *folder)
    gan_bench("score", *folder, "--features", "inception", *only, "--points", "all")
    results = load_results(options.results)
    table = results.scores.pivot_table(index=["run_id", "step"], columns="metric", values="value")
    names = results.runs.set_index("run_id")["implementation"]
    table = table[["fid_lenet", "fid_inception"]].dropna().reset_index()
    table["implementation"] = table["run_id"].map(names)
    columns = ["implementation", "step", "fid_lenet", "fid_inception"]
    print(table[columns].round(2).to_string(index=False))
    trained = table[table["step"] > 0]
    ends = trained[trained["step"] == trained.groupby("run_id")["step"].transform("max")]
    for name, part in (
        ("all snapshots", table),
        ("without the untrained generators", trained),
        ("the last snapshots", ends),
    ):
        correlation = spearmanr(part["fid_lenet"], part["fid_inception"])
        print(f"Spearman's rank correlation, {name}: {correlation.statistic:.3f} (n = {len(part)})")


if __name__ == "__main__":
    main()
