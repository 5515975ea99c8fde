"""The model of a speed study's turns: throughputs of implementations, and their ratios.

The logarithm of a turn's throughput is modelled as implementation + repeat + error. The turns of a
repeat are close in time, so a change of the whole machine cancels in their ratios. Errors may
differ from one implementation to the next.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes longer to import than pandas

from gan_bench.analysis.statistics import LEVEL

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
        logs = np.log(np.asarray(rates, dtype=np.float64))
        count, blocks = len(self._targets), len(self._repeats)
        # Effects of the repeats sum to zero, so an implementation's level is at their mean. One
        # implementation alone has no repeats to tell from errors.
        effects = np.vstack([np.eye(blocks - 1), -np.ones((1, blocks - 1))])
        design = np.eye(count)[self._of]
        if count > 1:
            design = np.hstack([design, effects[self._in]])
        self._root_weights = np.ones(len(logs))
        self._solve(design, logs)
        for _ in range(_WEIGHINGS if count > 1 else 0):
            self._root_weights = 1 / np.sqrt(self._variances()[self._of])
            self._solve(design, logs)

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
    def _parts(self) -> list[int]:
        """Number the sets of implementations that common repeats connect, by column."""
        parts = list(range(len(self._targets)))
        for block in range(len(self._repeats)):
            members = sorted({parts[column] for column in self._of[self._in == block]})
            parts = [members[0] if part in members else part for part in parts]
        return parts

    @cached_property
    def _fastest(self) -> int:
        """The column of the fastest among those that are connected to most others."""
        sizes = Counter(self._parts)
        return max(
            range(len(self._targets)),
            key=lambda column: (sizes[self._parts[column]], self._solution[column]),
        )

    def level(self, target: int) -> float:
        """Return a throughput in images per second, at the repeats' mean."""
        return float(np.exp(self._solution[self._column[target]]))

    def share(self, target: int) -> Share | None:
        """Return the ratio to the fastest with its interval; None without a common repeat."""
        column, fastest = self._column.get(target), self._fastest
        if column is None or self._parts[column] != self._parts[fastest]:
            return None
        if column == fastest:
            return Share(1.0, 1.0, 1.0)
        contrast = np.zeros(self._x.shape[1])
        contrast[[column, fastest]] = 1.0, -1.0
        estimate = float(self._solution[column] - self._solution[fastest])
        half = self._half_width(self._x @ (self._inverse @ contrast))
        if half is None:
            return None
        return Share(*(math.exp(estimate + side * half) for side in (0, -1, 1)))

    def _half_width(self, weights: _Floats) -> float | None:
        """Return half the width of the 95 % interval of a weighted sum of the values."""
        counts = self._free > _NO_FREEDOM  # the others have no weight, either
        squared = np.zeros_like(weights)
        squared[counts] = weights[counts] ** 2 / self._free[counts]
        variance = float((squared * self._errors**2).sum())
        # Traces of A and of A squared, where A is I - H with rows and columns times sqrt(squared).
        inner = self._inverse @ (self._x.T @ (squared[:, None] * self._x))
        trace = float((squared * self._free).sum())
        of_square = float(
            (squared**2).sum() - 2 * (squared**2 * (1 - self._free)).sum() + (inner * inner.T).sum()
        )
        if trace <= 0 or of_square <= 0:
            return None
        freedom = trace**2 / of_square
        if freedom < 1:
            return None
        return float(special.stdtrit(freedom, (1 + LEVEL) / 2)) * math.sqrt(variance)

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
            wider = math.sqrt(own / float(self._free[row])) if len(self._targets) > 1 else 1.0
            value = float(self._solution[column]) + wider * error
            found[self._repeats[int(self._in[row])]] = math.exp(value)
        return found
