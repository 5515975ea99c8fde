"""The figures of a certificate, each with the bound that it has to keep."""

import math
from collections.abc import Iterable
from typing import Final, Literal

from gan_bench.spec import Frozen

Level = Literal["held weights", "forward", "losses", "updates"]
LEVELS: Final[tuple[Level, ...]] = ("held weights", "forward", "losses", "updates")
"""In the order in which a deviation shows; losses and updates are of the ten steps."""


class Bounds(Frozen):
    """What two implementations may differ by and still count as twins."""

    held_weights: float = 0.0
    """Of max |difference|: the recipe's initial weights to the bit."""
    forward: float = 1e-4
    """Of max |difference|, of G(z) and of D(x), float32."""
    samples: float = 1.0
    """Of max |difference| in grey levels."""
    losses: float = 1e-10
    """Of |difference| / max(1, |loss|), float64."""
    updates: float = 1e-9
    """Of ||Da - Db|| / ||Da|| for each tensor's update D since the start, float64."""
    zero_updates: float = 1e-12
    """Updates below this share of the network's greatest count as zero."""


BOUNDS: Final = Bounds()


class Figure(Frozen):
    """How far two implementations are apart in one thing, at its worst."""

    level: Level
    of: str
    """A network and mode, a loss, a tensor."""
    step: int | None = None
    """The step at which it was worst."""
    value: float | None
    """None where there is no finite figure."""
    bound: float
    passed: bool
    note: str = ""
    """What is to be said beside the figure."""

    @property
    def share(self) -> float:
        """How much of the bound it takes; more than 1 fails."""
        if self.value is None or (self.value == 0 and not self.passed):
            return math.inf
        return self.value / self.bound if self.bound else (0.0 if self.value == 0 else math.inf)

    def __str__(self) -> str:
        """Return e.g. ``updates of generator.0.kernel: 2.1e-07 > 1e-09 at step 10``."""
        if self.value is None:
            text = self.note or "not a finite number"
            return f"{self.level}, {self.of}: {text}{self._when}"
        sign = "<=" if self.passed else ">"
        note = f" ({self.note})" if self.note else ""
        return f"{self.level}, {self.of}: {self.value:.2g} {sign} {self.bound:g}{self._when}{note}"

    @property
    def _when(self) -> str:
        return "" if self.step is None else f" at step {self.step}"


def measured(
    level: Level, of: str, value: float, bound: float, *, step: int | None = None, note: str = ""
) -> Figure:
    """Return the figure of a difference, which fails where it is not a number."""
    finite = math.isfinite(value)
    return Figure(
        level=level,
        of=of,
        step=step,
        value=value if finite else None,
        bound=bound,
        passed=finite and value <= bound,
        note=note,
    )


def incomparable(level: Level, of: str, why: str, bound: float, step: int | None = None) -> Figure:
    """Return the figure of two things that cannot be subtracted."""
    return Figure(level=level, of=of, step=step, value=None, bound=bound, passed=False, note=why)


def worst(figures: Iterable[Figure]) -> tuple[Figure, ...]:
    """Return the worst figure of each thing, in the order in which the things first come."""
    found: dict[tuple[Level, str], Figure] = {}
    for figure in figures:
        key = figure.level, figure.of
        if key not in found or figure.share > found[key].share:
            found[key] = figure
    return tuple(found.values())


def worst_of_level(figures: Iterable[Figure], level: Level) -> Figure | None:
    """Return the figure that takes most of its bound, None where the level was not reached."""
    ours = [figure for figure in figures if figure.level == level]
    return max(ours, key=lambda figure: figure.share, default=None)
