"""How often the intervals of `gan-bench speed` contain the true ratio, and how soon it ends.

``python benchmarks/speed_intervals.py [--studies 2000] [--markdown FILE]``

Simulates studies: the logarithm of a turn's throughput is implementation + repeat + error. Repeats
differ by 5 %. Errors are normal, or have heavy tails (Student's t with 3 degrees of freedom); their
standard deviation is equal for all implementations, or four times as large for every second one. A
share of the turns may be missing, as if it had been discarded. A study ends by the rule of
`gan_bench.launch.speed`: after 5 or more repeats, when the interval of every ratio is narrower than
2 %, or after 20 repeats. The fastest is chosen from the simulated values, as in a study.

Printed: the share of ratios whose 95 % interval contains the true ratio, and the mean number of
repeats.
"""

import argparse
from pathlib import Path

import numpy as np

from gan_bench.analysis.turns import Fit
from gan_bench.launch.speed import FEWEST_FOR_CERTAINTY

MOST, WITHIN, LINE = 20, 0.02, "| {:>3} | {:<18} | {:>5} | {:>7} | {:>8} | {:>7} |"
REPEATS_DIFFER = 0.05


def simulated(
    random: np.random.Generator, count: int, sds: np.ndarray, heavy: bool, missing: float
) -> tuple[list[bool], int]:
    """Return for each ratio of a study whether its interval has the true one, and the repeats."""
    true = np.log(np.linspace(1.0, 0.5, count))
    turns: list[tuple[int, int, float]] = []
    for repeat in range(MOST):
        block = random.normal(0, REPEATS_DIFFER)
        errors = random.standard_t(3, count) / 3**0.5 if heavy else random.standard_normal(count)
        values = np.exp(true + block + sds * errors)
        kept = random.random(count) >= missing
        turns += [(target, repeat, values[target]) for target in np.flatnonzero(kept)]
        if repeat + 1 < FEWEST_FOR_CERTAINTY:
            continue
        fit = Fit(*map(list, zip(*turns, strict=True)))
        shares = {target: fit.share(target) for target in range(count)}
        known = [share for share in shares.values() if share is not None]
        if len(known) == count and max(share.within for share in known) < WITHIN:
            break
    fastest = next(t for t, share in shares.items() if share and share.low == share.high)
    ratios = {t: float(np.exp(true[t] - true[fastest])) for t in shares}
    covered = [
        share.low <= ratios[t] <= share.high
        for t, share in shares.items()
        if share is not None and t != fastest
    ]
    return covered, repeat + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies of each row")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table")
    options = parser.parse_args()
    lines = [
        LINE.format("n", "errors", "sd", "missing", "coverage", "repeats"),
        "| ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    random = np.random.default_rng(0)
    for count in (2, 3, 12, 39):
        for sd, heavy, uneven, missing in (
            (0.01, False, False, 0.0),
            (0.02, False, False, 0.0),
            (0.01, False, True, 0.0),
            (0.01, False, True, 0.2),
            (0.01, True, True, 0.2),
        ):
            sds = sd * np.where(np.arange(count) % 2 & uneven, 4.0, 1.0)
            studies = options.studies if count < 12 else max(100, options.studies // count)
            found = [simulated(random, count, sds, heavy, missing) for _ in range(studies)]
            covered = np.mean([one for covered, _ in found for one in covered])
            shape = ("heavy tails" if heavy else "normal") + (", uneven" if uneven else "")
            mean = np.mean([repeats for _, repeats in found])
            cells = (f"{sd:.0%}", f"{missing:.0%}", f"{covered:.1%}", f"{mean:.1f}")
            lines.append(LINE.format(count, shape, *cells))
            print(lines[-1], flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
