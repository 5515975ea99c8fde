"""Coverage of the Fréchet distance's interval, for Gaussians whose distance is known.

Usage: ``python benchmarks/intervals.py [--trials 100]``. Prints a table in markdown: coverage of
95 % intervals over equal distributions, equal covariances and different ones, in 16 and 64
dimensions whose variances fall off as k^-0.5 and k^-1.5, by images for each dimension and method.
"""

import argparse
import itertools
import tempfile
from pathlib import Path

import numpy as np

from gan_bench.scoring.array_file import FeatureFile
from gan_bench.scoring.metrics import fid
from gan_bench.scoring.metrics.fid import frechet_interval
from gan_bench.scoring.metrics.frechet import frechet_distance, gaussian

CASES = ((0.0, 1.0), (0.5, 1.0), (1.0, 1.5))
"""Shift of three means, and factor between the variances."""


def coverage(
    folder: Path, dimensions: int, count: int, decay: float, case: tuple[float, float], trials: int
) -> float:
    """Return the share of trials whose interval contains the known distance."""
    shift, scale = case
    variances = (1.0 + np.arange(dimensions)) ** -decay
    mean = np.zeros(dimensions)
    mean[:3] = shift
    known = (mean**2).sum() + ((1 - np.sqrt(scale)) ** 2 * variances).sum()
    covered = 0
    for trial in range(trials):
        random = np.random.default_rng(trial)
        real, fake = random.normal(size=(2, count, dimensions)) * np.sqrt(variances)
        sides = [
            FeatureFile.write(folder / name, [side.astype(np.float32)])
            for name, side in (("real", real), ("fake", fake * np.sqrt(scale) + mean))
        ]
        both = (gaussian(sides[0]), gaussian(sides[1]))
        estimated = frechet_interval(*sides, both, frechet_distance(*both).value)
        covered += estimated is not None and estimated.low <= known <= estimated.high
    return covered / trials


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100)
    options = parser.parse_args()
    print("| images for each dimension | method | least coverage | mean | greatest |")
    print("| ---: | --- | ---: | ---: | ---: |")
    enough = fid.IMAGES_PER_DIMENSION
    with tempfile.TemporaryDirectory() as folder:
        for method, ratio in itertools.product(("jackknife", "bounds"), (1.5, 2, 4, 8, 16)):
            fid.IMAGES_PER_DIMENSION = enough if method == "jackknife" else np.inf
            shares = [
                coverage(Path(folder), d, int(ratio * d), decay, case, options.trials)
                for d, decay, case in itertools.product((16, 64), (0.5, 1.5), CASES)
            ]
            print(
                f"| {ratio:g} | {method} | {min(shares):.0%} | {np.mean(shares):.0%} | "
                f"{max(shares):.0%} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
