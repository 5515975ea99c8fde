"""How often a claim about two recipes is decided wrongly, and how often rightly.

Usage: ``python benchmarks/claim_errors.py --studies 5000``; prints a table in markdown. A study has
PyTorch and its two twins. The logarithm of an FID has one standard deviation over seeds; a part of
its variance is common to twins with the same seed: none, half, or all. Its effect is what the claim
is about, in standard deviations; without an effect, every decision is wrong.
"""

import argparse
import math
from collections.abc import Iterator

import numpy as np

from gan_bench.report.claims.effects import measured_effect
from gan_bench.report.claims.evidence import Evidence
from gan_bench.report.claims.measures import Measures
from gan_bench.report.claims.sources import sources_claims

FRAMEWORKS = ("torch", "keras", "jax")
SEEDS = ((3, 3, 3), (5, 3, 3), (5, 5, 5))
EFFECTS = (0, 2, 3, 5)
COMMON = (0.0, 0.5, 1.0)
"""Parts of the variance that twins with one seed have in common."""
LEVEL = 0.05
CLAIMS = 11
"""Claims that are tested in a report of all recipes, by which Holm's correction begins."""
SPREAD = 0.05
"""Standard deviation of the logarithm."""


def decided(
    seeds: tuple[int, ...], effect: float, common: float, level: float, studies: int
) -> float:
    """Return the share of the studies in which the two recipes are told apart."""
    random = np.random.default_rng(1)
    claim = next(one for one in sources_claims() if one.than and one.measure == "fid")
    measures = Measures({}, None, "lenet")
    found = 0
    for _ in range(studies):
        shared = random.normal(0, math.sqrt(common), (2, max(seeds)))
        every = []
        for framework, count in zip(FRAMEWORKS, seeds, strict=True):
            values = shared + random.normal(0, math.sqrt(1 - common), shared.shape)
            values[0] -= effect
            a, b = (
                {seed: math.exp(SPREAD * side[seed]) for seed in range(count)} for side in values
            )
            every.append(Evidence(framework, "", "", a, b))
        _, difference, _ = measured_effect(claim, every, measures)
        found += difference is not None and difference.p < level
    return found / studies


def rows(studies: int) -> Iterator[str]:
    """Yield the lines of the table."""
    yield (
        "| seeds | effect, standard deviations | level | "
        + " | ".join(f"common {part:.0%}" for part in COMMON)
        + " |"
    )
    yield "| :--- | ---: | ---: |" + " ---: |" * len(COMMON)
    for seeds in SEEDS:
        for effect in EFFECTS:
            level = LEVEL / CLAIMS if effect else LEVEL
            shares = [decided(seeds, effect, part, level, studies) for part in COMMON]
            cells = " | ".join(f"{share:.1%}" for share in shares)
            named = ", ".join(map(str, seeds))
            yield f"| {named} | {effect} | {level:.2%} | {cells} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=5_000)
    options = parser.parse_args()
    for row in rows(options.studies):
        print(row, flush=True)


if __name__ == "__main__":
    main()
