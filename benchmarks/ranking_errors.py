"""Error rate of the ranking: how often equal implementations are ranked as different.

Usage: ``python benchmarks/ranking_errors.py``. Simulates values for the seeds of equal
implementations (with equal or different spreads), ranks them, and counts the rankings in which the
best is significantly better than another: by the report's rule, Holm's correction over all pairs,
and by an alternative that the report does not use, Holm's correction over the pairs with the best.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from gan_bench.analysis.ranks import AllPairs
from gan_bench.analysis.statistics import LEVEL, holm, welch

SPREADS_APART = 0.5
"""Standard deviation of the logarithm of the spreads, where they differ."""


def wrong(figures: NDArray[np.float64]) -> tuple[bool, bool]:
    """Return whether the best is ranked above an equal one, by each of the two rules."""
    best = int(figures.mean(axis=1).argmin())
    rest = [place for place in range(len(figures)) if place != best]
    alone = [welch(figures[best].tolist(), figures[place].tolist()) for place in rest]
    with_best = holm([difference.p for difference in alone if difference])
    over_all = AllPairs(figures.tolist()).p[best]
    level = 1 - LEVEL
    return bool((over_all < level).any()), min(with_best) < level


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rankings", type=int, default=2_000)
    rankings = parser.parse_args().rankings
    random = np.random.default_rng(0)
    print(f"{'':22}  equal spreads         spreads that differ")
    print(f"{'implementations':>15} {'seeds':>6}  {2 * 'all pairs  with best  '}")
    for implementations in (3, 6, 12):
        for seeds in (3, 5, 10):
            shares = []
            for apart in (0.0, SPREADS_APART):
                spread = np.exp(random.normal(0, apart, (rankings, implementations, 1)))
                values = random.normal(0, 1, (rankings, implementations, seeds)) * spread
                counts = np.array([wrong(figures) for figures in values]).mean(axis=0)
                shares += [f"{share:9.1%}" for share in counts]
            print(f"{implementations:15} {seeds:6}  {'  '.join(shares)}")


if __name__ == "__main__":
    main()
