"""The gate's tests: fresh seeds by a prediction bound, the baseline's own seeds in pairs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from gan_bench.analysis.statistics import FEWEST_SEEDS, geometric_or_mean, on_scale
from gan_bench.gate.baseline import Entry
from gan_bench.metrics import Metric, Scale, metric
from gan_bench.text import listed, percent

LEVEL: Final = 0.05
"""Chance that the first test fails for any implementation although nothing is worse (one-sided)."""
LEAST_SPREAD: Final = 0.02
"""Minimum standard deviation assumed for a baseline, as a share of its mean."""


@dataclass(frozen=True)
class Measured:
    """A candidate's seeds against a baseline's, before the correction for the number of rows.

    Means are those of the logarithms if ``scale`` is ``ratio``. If higher is better, their sign is
    reversed: greater always means worse.
    """

    baseline: tuple[float, ...]
    """One measured value for each seed."""
    candidate: tuple[float, ...]
    scale: Scale
    sign: int
    """1 if lower is better, -1 if higher is better."""
    baseline_mean: float
    candidate_mean: float
    error: float
    """Standard error of the difference of the means, s_b sqrt(1/n + 1/m)."""
    margin: float
    p_worse: float
    """One-sided p value for the candidate being worse by more than the margin."""
    p_better: float
    """One-sided p value for it being better by more than the margin."""

    @property
    def mean(self) -> tuple[float, float]:
        """Means of baseline and candidate in the metric's unit; geometric for ratios."""
        return self._figure(self.baseline_mean), self._figure(self.candidate_mean)

    @property
    def spread(self) -> float:
        """The baseline's standard deviation: a share for ratios, else in the metric's unit."""
        x = np.asarray(self.baseline)
        return float(np.std(np.log(x) if self.scale == "ratio" else x, ddof=1))

    def worst(self, level: float) -> float:
        """Return the bound beyond which the candidate's mean is a regression, in its unit."""
        return self._figure(self.baseline_mean + self.margin + self._reach(level))

    def best(self, level: float) -> float:
        """Return the bound beyond which the candidate's mean is an improvement, in its unit."""
        return self._figure(self.baseline_mean - self.margin - self._reach(level))

    def _reach(self, level: float) -> float:
        return float(stats.t.isf(level, len(self.baseline) - 1)) * self.error

    def _figure(self, value: float) -> float:
        return math.exp(self.sign * value) if self.scale == "ratio" else self.sign * value


def measure(
    name: str, baseline: Sequence[float], candidate: Sequence[float], margin: float
) -> Measured:
    """Compare the mean of a candidate's seeds with a prediction from the baseline's seeds.

    Parameters
    ----------
    name
        Name of the metric.
    baseline, candidate
        At least two values of the baseline and one of the candidate; greater than 0 if the metric
        is compared as a ratio.
    margin
        How much worse a mean may be, as a share of the baseline's.

    Raises
    ------
    ValueError
        There are too few values, or one has no logarithm.

    Notes
    -----
    The bound is that of the mean of m further observations of a normal distribution of which n
    are known (Hahn and Meeker 1991, "Statistical Intervals", section 4.7):
    mean + t(1 - level, n - 1) s sqrt(1/n + 1/m). Only the baseline's spread counts, because the
    few seeds of a candidate say little about theirs.
    """
    scale, sign = metric(name).scale, metric(name).sign
    if len(baseline) < 2 or len(candidate) < 1:
        counts = f"{len(baseline)} of the baseline and {len(candidate)} of the candidate"
        raise ValueError(f"too few seeds: {counts}")
    x, y = on_scale(baseline, scale), on_scale(candidate, scale)
    if x is None or y is None:
        raise ValueError("a ratio needs values greater than 0")
    if scale == "ratio":
        allowed, floor = math.log1p(margin), LEAST_SPREAD
    else:
        allowed, floor = margin * abs(float(x.mean())), LEAST_SPREAD * abs(float(x.mean()))
    x, y = sign * x, sign * y
    error = max(float(x.std(ddof=1)), floor) * math.sqrt(1 / len(x) + 1 / len(y))
    apart = float(y.mean() - x.mean())
    return Measured(
        baseline=tuple(baseline),
        candidate=tuple(candidate),
        scale=scale,
        sign=sign,
        baseline_mean=float(x.mean()),
        candidate_mean=float(y.mean()),
        error=error,
        margin=allowed,
        p_worse=_p(apart - allowed, error, len(x) - 1),
        p_better=_p(-apart - allowed, error, len(x) - 1),
    )


def paired_bound(name: str, baseline: Sequence[float], candidate: Sequence[float]) -> float | None:
    """Return how much worse a candidate is at most, paired by seed, with 95 % confidence.

    Both have values of the same seeds in the same order.

    Returns
    -------
    float or None
        A share of the baseline: the upper end of the one-sided interval of the mean difference by
        Student's t. None with fewer than two pairs, or if a ratio has a value that is not positive.

    Notes
    -----
    Runs with the same seed share initial weights, data and noise. If they differ by rounding alone,
    their FIDs are nearly equal, and this bound is much tighter than that of fresh seeds. After a
    larger change it is wider, and decides nothing.
    """
    compared: Metric = metric(name)
    x, y = on_scale(baseline, compared.scale), on_scale(candidate, compared.scale)
    if x is None or y is None or len(x) < 2:
        return None
    worse = (y - x) * compared.sign
    reach = float(stats.t.isf(LEVEL, len(x) - 1)) * float(worse.std(ddof=1)) / math.sqrt(len(x))
    bound = float(worse.mean()) + reach
    if compared.scale == "ratio":
        return math.expm1(bound)
    mean = abs(float(x.mean()))
    return bound / mean if mean else (math.inf if bound > 0 else 0.0)


def _p(apart: float, error: float, freedom: int) -> float:
    if error == 0:  # all values of the baseline are 0
        return 0.0 if apart > 0 else 1.0
    return float(stats.t.sf(apart / error, freedom))


@dataclass(frozen=True)
class PairedSeeds:
    """The candidate's runs on the baseline's own seeds, compared seed by seed."""

    metric: str
    seeds: tuple[int, ...] = ()
    """Seeds that succeeded on both sides; empty if one failed on the candidate's side only."""
    identical: bool = False
    """True if all weights and values are bit-identical."""
    bound: float | None = None
    """How much worse the candidate is at most, with 95 % confidence, as a share."""
    margin: float = 0.0
    means: tuple[float, float] | None = None
    """Means of baseline and candidate; geometric if the metric is compared as a ratio."""

    @property
    def within_margin(self) -> bool:
        """True if these seeds would pass."""
        return self.identical or (self.bound is not None and self.bound <= self.margin)

    def is_enough(self, candidate: Entry, fresh: Sequence[int]) -> bool:
        """Return whether these seeds are enough to pass the candidate.

        If there are fresh seeds, they decide, unless the own seeds are bit-identical and no fresh
        seed failed or lacks its value.
        """
        enough = len(self.seeds) >= FEWEST_SEEDS and self.within_margin
        runs = [run for run in candidate.seeds if run.seed in fresh]
        fine = self.identical and not any(run.failed or run.lacks(self.metric) for run in runs)
        return enough and (fine or not runs)

    @property
    def improvement(self) -> bool:
        """True if the candidate is better by more than the margin."""
        better = self.bound is not None and self.bound <= -self.margin / (1 + self.margin)
        return better and not self.identical

    @property
    def why(self) -> str:
        """The reason, in words."""
        seeds = listed([str(seed) for seed in self.seeds], 6)
        if self.identical:
            return f"weights and values are bit-identical on the baseline's seeds {seeds}"
        bound = self.bound or 0.0
        much = (
            f"at most {percent(bound, 1)} worse"
            if bound > 0
            else f"at least {percent(-bound, 1)} better"
        )
        less = "more" if self.improvement else "less"
        than = "" if not self.improvement and bound <= 0 else f", {less} than the margin"
        return f"paired with the baseline's own seeds {seeds}, it is {much} (95 % bound){than}"


def paired_seeds(baseline: Entry, candidate: Entry, name: str, margin: float) -> PairedSeeds:
    """Compare both sides on the seeds that they share.

    Returns
    -------
    PairedSeeds
        Without seeds if none is shared, or if one of the candidate's has no value.
    """
    known = {run.seed: run for run in baseline.trained}
    both = [(known[run.seed], run) for run in candidate.seeds if run.seed in known]
    values = [(a.figures.get(name), b.figures.get(name)) for a, b in both if b.status == "ok"]
    before = [a for a, b in values if a is not None and b is not None]
    after = [b for a, b in values if a is not None and b is not None]
    complete = len(after) == len(both)
    if not both or not complete or any(b.failed and not a.failed for a, b in both):
        return PairedSeeds(name)
    identical = all(
        a.weights_sha256 is not None
        and a.weights_sha256 == b.weights_sha256
        and a.figures[name] == b.figures[name]
        for a, b in both
    )
    bound = paired_bound(name, before, after)
    if len(both) == 1 and not identical:  # one pair has no interval: take its difference
        bound = paired_bound(name, before * 2, after * 2)
    scale = metric(name).scale
    means = geometric_or_mean(before, scale), geometric_or_mean(after, scale)
    return PairedSeeds(name, tuple(b.seed for _, b in both), identical, bound, margin, means)


def fresh_seeds(baseline: Entry, candidate: Entry) -> list[int]:
    """Return the candidate's seeds that the baseline does not have, in their order."""
    own = {run.seed for run in baseline.seeds}
    return [run.seed for run in candidate.seeds if run.seed not in own]
