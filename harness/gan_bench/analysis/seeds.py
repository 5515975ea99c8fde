"""A figure over several seeds."""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class SeedValues:
    """At least one finite figure, with the seed of each."""

    values: tuple[float, ...]
    seed_numbers: tuple[int, ...] = ()
    """Of the values, in their order; empty where they are not of one implementation's seeds."""

    @staticmethod
    def of(values: Iterable[float | None]) -> "SeedValues | None":
        """Return the spread of what was measured, or None if nothing was."""
        kept = tuple(v for v in values if v is not None and math.isfinite(v))
        return SeedValues(kept) if kept else None

    @staticmethod
    def by(seeds: Mapping[int, float | None]) -> "SeedValues | None":
        """Return the spread of figures by seed, or None if nothing was measured."""
        kept = {s: v for s, v in sorted(seeds.items()) if v is not None and math.isfinite(v)}
        return SeedValues(tuple(kept.values()), tuple(kept)) if kept else None

    @property
    def by_seed(self) -> dict[int, float]:
        """The values by seed."""
        return dict(zip(self.seed_numbers, self.values, strict=False))

    @property
    def mean(self) -> float:
        """The arithmetic mean."""
        return statistics.fmean(self.values)

    @property
    def median(self) -> float:
        """The median."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The least."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The greatest."""
        return max(self.values)

    @property
    def seeds(self) -> int:
        """How many there are."""
        return len(self.values)
