"""The model of a speed study's turns: throughputs of implementations, and their ratios.

The logarithm of a turn's throughput is modelled as implementation + repeat + error. The turns of a
repeat are close in time, so a change of the whole machine cancels in their ratios. Errors may
differ from one implementation to the next.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes longer to import than pandas

from gan_bench.analysis.statistics import LEVEL

FEWEST_TURNS: Final = 3
"""Turns of each implementation without which no figure is made of undisturbed turns alone."""
_Floats = NDArray[np.float64]
_WEIGHINGS = 2
"""How often the variances are estimated, and the turns weighed by them."""
_NO_FREEDOM = 1e-9
"""A turn alone in its repeat has no error, up to rounding."""
_LEAST_VARIANCE = 1e-12
_PRIOR_TURNS = 4
"""Number of turns of the median variance that are added to each implementation's own: a variance
that is small by chance must not decide the repeats' effects alone."""


@dataclass(frozen=True)
class Share:
    """A throughput as a share of the fastest one, with its 95 % interval."""

    estimate: float
    low: float
    high: float

    @property
    def within(self) -> float:
        """Half the width of the interval, relative to the ratio."""
        return math.sqrt(self.high / self.low) - 1


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of logarithms of throughputs, such as the logarithm of a ratio."""

    estimate: float
    error: float
    """Its standard error."""
    freedom: float
    """Degrees of freedom of the error."""


def _connected(of: NDArray[np.intp], blocks: NDArray[np.intp]) -> list[int]:
    """Return the number of the connected set that each implementation is in.

    Common repeats connect implementations. By column.
    """
    parts = list(range(int(of.max()) + 1))
    for block in np.unique(blocks):
        members = sorted({parts[column] for column in of[blocks == block]})
        parts = [members[0] if part in members else part for part in parts]
    return parts


class Fit:
    """Least squares of log throughput = implementation + repeat + error.

    Each implementation has its own variance of errors, by which its turns are weighed. The standard
    error of a ratio does not rely on these estimates, and its degrees of freedom are estimated,
    too: the estimator HC2 with the correction of Bell and McCaffrey 2002, "Bias reduction in
    standard errors for linear regression with multi-stage samples". For two implementations without
    a missing turn this is the paired t test over the repeats.
    """

    def __init__(
        self, targets: Sequence[int], repeats: Sequence[int], rates: Sequence[float]
    ) -> None:
        """Fit turns: at least one, each with its implementation, repeat and throughput."""
        self._targets, self._repeats = sorted(set(targets)), sorted(set(repeats))
        self._column = {target: column for column, target in enumerate(self._targets)}
        blocks_of = {repeat: block for block, repeat in enumerate(self._repeats)}
        self._of = np.array([self._column[target] for target in targets])
        self._in = np.array([blocks_of[repeat] for repeat in repeats])
        self._parts = _connected(self._of, self._in)
        self._part_sizes = Counter(self._parts)
        logs = np.log(np.asarray(rates, dtype=np.float64))
        design = np.hstack([np.eye(len(self._targets))[self._of], *self._effects()])
        self._root_weights = np.ones(len(logs))
        self._solve(design, logs)
        for _ in range(_WEIGHINGS if len(self._targets) > 1 else 0):
            self._root_weights = 1 / np.sqrt(self._variances()[self._of])
            self._solve(design, logs)

    def _effects(self) -> Iterator[_Floats]:
        """Yield the design of the repeats' effects in each part: (turns, repeats of the part - 1).

        The effects in a part sum to zero, so that an implementation's level is at the mean of its
        part's repeats. One implementation alone has no repeats to tell from errors.
        """
        part_of_turn = np.array(self._parts)[self._of]
        for part, size in self._part_sizes.items():
            blocks = np.unique(self._in[part_of_turn == part])
            if size == 1:
                continue
            design = np.zeros((len(self._of), len(blocks) - 1))
            for place, block in enumerate(blocks[:-1]):
                design[self._in == block, place] = 1.0
            design[self._in == blocks[-1]] = -1.0
            yield design

    def _solve(self, design: _Floats, logs: _Floats) -> None:
        """Fit with the present weights; what is kept of the turns is multiplied by their roots."""
        self._x = design * self._root_weights[:, None]
        self._inverse = np.linalg.pinv(self._x.T @ self._x)
        weighed = logs * self._root_weights
        self._solution = self._inverse @ self._x.T @ weighed
        self._errors = weighed - self._x @ self._solution
        hat = ((self._x @ self._inverse) * self._x).sum(axis=1)
        self._free = np.clip(1.0 - hat, 0.0, 1.0)
        """Share of a turn's variance that the fit leaves in its error."""

    def _variances(self) -> _Floats:
        """Return the variance of each implementation's errors, shrunk towards their median."""
        counts = self._free > _NO_FREEDOM
        squares = np.zeros(len(self._errors))
        squares[counts] = self._errors[counts] ** 2 / self._free[counts]
        squares /= self._root_weights**2
        number = np.bincount(self._of[counts], minlength=len(self._targets))
        totals = np.bincount(self._of, weights=squares, minlength=len(self._targets))
        known = number > 0
        if not known.any():
            return np.ones(len(self._targets))
        median = float(np.median(totals[known] / number[known])) or _LEAST_VARIANCE
        return np.asarray((totals + _PRIOR_TURNS * median) / (number + _PRIOR_TURNS))

    @cached_property
    def _fastest(self) -> int:
        """The column of the fastest of those that are connected to most others.

        With enough turns, if there is one: the error of too few would be in no interval.
        """
        turns = np.bincount(self._of)
        return max(
            range(len(self._targets)),
            key=lambda column: (
                turns[column] >= FEWEST_TURNS,
                self._part_sizes[self._parts[column]],
                self._solution[column],
            ),
        )

    def level(self, target: int) -> float:
        """Return a throughput in images per second, at the mean of the repeats of its part."""
        return float(np.exp(self._solution[self._column[target]]))

    def share(self, target: int) -> Share | None:
        """Return the ratio to the fastest with its interval; None without a common repeat."""
        column, fastest = self._column.get(target), self._fastest
        if column is None:
            return None
        if column == fastest:
            return Share(1.0, 1.0, 1.0)
        found = self.contrast({target: 1.0, self._targets[fastest]: -1.0})
        if found is None:
            return None
        half = float(special.stdtrit(found.freedom, (1 + LEVEL) / 2)) * found.error
        return Share(*(math.exp(found.estimate + side * half) for side in (0, -1, 1)))

    def contrast(self, weights: Mapping[int, float]) -> Contrast | None:
        """Return a weighted sum of logarithms of throughputs; the weights sum to zero.

        None if no common repeats connect the implementations, or if one of them has so few turns
        that the error is unknown.
        """
        if not weights.keys() <= self._column.keys():
            return None
        columns = [self._column[target] for target in weights]
        if len({self._parts[column] for column in columns}) != 1:
            return None
        contrast = np.zeros(self._x.shape[1])
        contrast[columns] = list(weights.values())
        of_turns = self._x @ (self._inverse @ contrast)
        counts = self._free > _NO_FREEDOM
        # A turn alone in its repeat has no weight; an implementation's only turn has.
        if np.abs(of_turns[~counts]).max(initial=0.0) > _NO_FREEDOM * np.abs(of_turns).max():
            return None
        squared = np.zeros_like(of_turns)
        squared[counts] = of_turns[counts] ** 2 / self._free[counts]
        variance = float((squared * self._errors**2).sum())
        # Traces of A and of A squared, where A is I - H with rows and columns times sqrt(squared).
        inner = self._inverse @ (self._x.T @ (squared[:, None] * self._x))
        trace = float((squared * self._free).sum())
        of_square = float(
            (squared**2).sum() - 2 * (squared**2 * (1 - self._free)).sum() + (inner * inner.T).sum()
        )
        if trace <= 0 or of_square <= 0 or trace**2 / of_square < 1:
            return None
        estimate = float(contrast @ self._solution)
        return Contrast(estimate, math.sqrt(variance), trace**2 / of_square)

    def by_repeat(self, target: int) -> dict[int, float]:
        """Return an implementation's throughput in each repeat, without the repeats' effects.

        Errors are extended by what the fit of the repeats took from them, so that the spread over
        the repeats is that of one implementation.
        """
        column, found = self._column[target], {}
        rows = np.flatnonzero((self._of == column) & (self._free > _NO_FREEDOM))
        for row in rows:
            error = float(self._errors[row] / self._root_weights[row])
            # What an implementation's own mean takes from its errors stays: it is no repeat's.
            own = 1 - 1 / len(rows)
            alone = self._part_sizes[self._parts[column]] == 1
            wider = 1.0 if alone else math.sqrt(own / float(self._free[row]))
            value = float(self._solution[column]) + wider * error
            found[self._repeats[int(self._in[row])]] = math.exp(value)
        return found
