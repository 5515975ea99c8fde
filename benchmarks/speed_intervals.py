"""How often the intervals of `gan-bench speed` contain the true ratio, and how soon it ends.

``python benchmarks/speed_intervals.py [--studies 2000] [--markdown FILE]``

Simulates studies: the logarithm of a turn's throughput is implementation + repeat + error. Repeats
differ by 5 %. Errors are normal, or have heavy tails (Student's t with 3 degrees of freedom); their
standard deviation is equal for all implementations, or four times as large for every second one. A
share of the turns may be missing, as if it had been discarded. The slowest has half the speed of
the fastest, or all are equal. A study ends by the rule of `gan_bench.launch.speed`: after 5 or more
repeats, when the interval of every ratio is narrower than 2 %, or after 20 repeats. In two groups,
the last quarter of the implementations takes turns after 8 repeats of the others, with the first
two of these, in 6 repeats. The fastest is chosen from the simulated values, as in a study.

Printed: the share of ratios whose 95 % interval contains the true ratio, and the mean number of
repeats.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from gan_bench.analysis.turns import Fit, Share
from gan_bench.launch.speed import FEWEST_FOR_CERTAINTY

MOST, WITHIN, LINE = 20, 0.02, "| {:>3} | {:<25} | {:>5} | {:>7} | {:>8} | {:>7} |"
REPEATS_DIFFER = 0.05
FIRST, SECOND = 8, 6
"""Repeats of two groups."""


@dataclass(frozen=True)
class Case:
    """What is simulated."""

    count: int
    sd: float = 0.01
    errors: Literal["normal", "normal, uneven", "heavy tails, uneven"] = "normal"
    missing: float = 0.0
    equal: bool = False
    groups: bool = False

    @property
    def shape(self) -> str:
        return self.errors + ", equal" * self.equal + ", two groups" * self.groups


CASES = [
    *(
        Case(count, sd, errors, missing)
        for count in (2, 3, 12, 39)
        for sd, errors, missing in (
            (0.01, "normal", 0.0),
            (0.02, "normal", 0.0),
            (0.01, "normal, uneven", 0.0),
            (0.01, "normal, uneven", 0.2),
            (0.01, "heavy tails, uneven", 0.2),
        )
    ),
    *(Case(count, 0.02, equal=True) for count in (2, 3, 12)),
    *(
        Case(16, 0.02, groups=True, missing=missing, equal=e)
        for e in (False, True)
        for missing in (0.0, 0.2)
    ),
]


def simulated(random: np.random.Generator, case: Case) -> tuple[list[bool], int]:
    """Return for each ratio of a study whether its interval has the true one, and the repeats."""
    count = case.count
    sds = case.sd * np.where(np.arange(count) % 2 & ("uneven" in case.errors), 4.0, 1.0)
    true = np.log(np.linspace(1.0, 1.0 if case.equal else 0.5, count))
    turns: list[tuple[int, int, float]] = []
    for repeat in range(FIRST + SECOND if case.groups else MOST):
        block = random.normal(0, REPEATS_DIFFER)
        heavy = case.errors.startswith("heavy")
        errors = random.standard_t(3, count) / 3**0.5 if heavy else random.standard_normal(count)
        values = np.exp(true + block + sds * errors)
        kept = random.random(count) >= case.missing
        if case.groups:
            last = np.arange(count) >= count * 3 // 4
            kept &= ~last if repeat < FIRST else last | (np.arange(count) < 2)
        turns += [(target, repeat, values[target]) for target in np.flatnonzero(kept)]
        if repeat + 1 < FEWEST_FOR_CERTAINTY or case.groups:
            continue
        shares = shares_of(turns, count)
        known = [share for share in shares.values() if share is not None]
        if len(known) == count and max(share.within for share in known) < WITHIN:
            break
    shares = shares_of(turns, count)
    fastest = next(t for t, share in shares.items() if share and share.low == share.high)
    ratios = {t: float(np.exp(true[t] - true[fastest])) for t in shares}
    covered = [
        share.low <= ratios[t] <= share.high
        for t, share in shares.items()
        if share is not None and t != fastest
    ]
    return covered, repeat + 1


def shares_of(turns: list[tuple[int, int, float]], count: int) -> dict[int, Share | None]:
    fit = Fit(*map(list, zip(*turns, strict=True)))
    return {target: fit.share(target) for target in range(count)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=2000, help="simulated studies of each row")
    parser.add_argument("--first", type=int, default=0, help="number of rows to leave out")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table")
    options = parser.parse_args()
    lines = [
        LINE.format("n", "errors", "sd", "missing", "coverage", "repeats"),
        "| ---: | --- | ---: | ---: | ---: | ---: |",
    ]
    random = np.random.default_rng(0)
    for case in CASES[options.first :]:
        many = case.count >= 12
        studies = max(100, options.studies // case.count) if many else options.studies
        found = [simulated(random, case) for _ in range(studies)]
        covered = np.mean([one for covered, _ in found for one in covered])
        mean = np.mean([repeats for _, repeats in found])
        cells = (f"{case.sd:.0%}", f"{case.missing:.0%}", f"{covered:.1%}", f"{mean:.1f}")
        lines.append(LINE.format(case.count, case.shape, *cells))
        print(lines[-1], flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
