"""The figures of a study: the expected best FID, its interval, and what the FID depends on."""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gan_bench.analysis.statistics import LEVEL
from gan_bench.recipe import Between, Range
from gan_bench.sensitivity import Study
from gan_bench.sensitivity.draws import frozen, quiet
from gan_bench.streams import Stream, generator

RESAMPLES: Final = 2_000
"""Resamples of the bootstrap."""
SHUFFLES: Final = 19
"""By chance, a share is above those of 19 shuffles in one of 20 cases."""
FEWEST_FOR_IMPORTANCE: Final = 10
"""With fewer trials, the importance of a field is not estimated."""
_QUARTILES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
_BOOTSTRAP: Final = 1 << 63
_SHUFFLES: Final = _BOOTSTRAP + 1
"""Indices of the streams of bootstrap and shuffles; trials have those from 1 on."""
_SMALLEST_FID: Final = 1e-9


def expected_minimum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the expected minimum of n of the values, drawn without replacement, for every n.

    With the values in ascending order, v_1 to v_N, the minimum of n of them is v_i with the
    probability C(N - i, n - 1) / C(N, n).

    Parameters
    ----------
    values
        Shape (..., N).

    Returns
    -------
    numpy.ndarray
        Shape (..., N), for n from 1 to N.

    References
    ----------
    Lucic et al. 2018, "Are GANs created equal?", figure 4; Dodge et al. 2019, "Show your work".
    Both draw with replacement.
    """
    count = values.shape[-1]
    n = np.arange(1, count + 1)[:, None]
    i = np.arange(count - 1)[None, :]
    # C(N - i - 1, n - 1) / C(N - i, n - 1) = (N - i - n + 1) / (N - i), with i from 1; C(N, n)
    # itself overflows.
    ratios = np.clip(count - n - i, 0, None) / (count - 1 - i)
    chances = np.cumprod(np.concatenate([n / count, ratios], axis=1), axis=1)
    return np.asarray(np.sort(values, axis=-1) @ chances.T)


@dataclass(frozen=True)
class Curve:
    """The best FID against the number of trials, from 1 to N."""

    fid: NDArray[np.float64]
    low: NDArray[np.float64] | None = None
    """Lower end of the interval; None if there is no interval."""
    high: NDArray[np.float64] | None = None


def best_curve(study: Study) -> Curve | None:
    """Return the best FID of n trials for each n; None if no trial has an FID.

    With the sampler ``random``, trials are independent: it is the expected best of n, with an
    interval by the bootstrap's percentiles. With ``tpe`` it is the best of the first n.
    """
    fids = np.array(study.fids)
    if not len(fids):
        return None
    if study.sampler != "random":
        return Curve(np.minimum.accumulate(fids))
    expected = expected_minimum(fids)
    numbers = generator(study.spec.seed, Stream.SENSITIVITY, _BOOTSTRAP)
    chosen = numbers.integers(len(fids), size=(RESAMPLES, len(fids)))
    outside = (1 - LEVEL) / 2
    low, high = np.quantile(expected_minimum(fids[chosen]), [outside, 1 - outside], axis=0)
    return Curve(expected, np.minimum(low, expected), np.maximum(high, expected))


def quartiles(study: Study) -> tuple[float, ...] | None:
    """Return minimum, quartiles and maximum of the FIDs of the trials that have one, or None."""
    fids = [trial.fid for trial in study.finished if trial.fid is not None]
    return tuple(map(float, np.quantile(fids, _QUARTILES))) if fids else None


@dataclass(frozen=True)
class Importance:
    """How much of the variance of log FID a field explains alone."""

    share: float
    """Of the variance over the ranges; the shares of all fields add up to less than 1."""
    by_chance: float
    """The highest share after the FIDs were shuffled, `SHUFFLES` times."""

    @property
    def clear(self) -> bool:
        """Whether the share is above all of those by chance, by a permutation test at 5 %."""
        return self.share > self.by_chance


def importance(study: Study) -> dict[str, Importance] | None:
    """Return the importance of each field; None with too few trials, or if all FIDs are equal.

    A forest finds structure in noise, too, most of all in a field with many values. So the share
    stands beside those of the same values with shuffled FIDs.
    """
    fids = np.array(study.fids)
    if len(fids) < FEWEST_FOR_IMPORTANCE or len(set(fids)) == 1:
        return None
    numbers = generator(study.spec.seed, Stream.SENSITIVITY, _SHUFFLES)
    found = shares(study, fids)
    shuffled = [shares(study, numbers.permutation(fids)) for _ in range(SHUFFLES)]
    return {
        name: Importance(share, max(one[name] for one in shuffled)) for name, share in found.items()
    }


def shares(study: Study, fids: NDArray[np.float64]) -> dict[str, float]:
    """Return the share of the variance of log FID that each field explains alone, by fANOVA.

    A random forest predicts log FID from the drawn values. The variance of its prediction over the
    ranges is divided into that of each field and that of several together.

    References
    ----------
    Hutter, Hoos and Leyton-Brown 2014, "An efficient approach for assessing hyperparameter
    importance".
    """
    import optuna

    with quiet():
        drawn = optuna.create_study()
        for trial, fid in zip(study.counted, fids, strict=True):
            # fANOVA takes every part of a range as equally likely: of a rate, its logarithm is.
            placed = {n: _placed(value, study.ranges[n]) for n, value in trial.values.items()}
            ranges = {name: of for name, (_, of) in placed.items()}
            values = {name: value for name, (value, _) in placed.items()}
            drawn.add_trial(frozen(ranges, values, math.log(max(fid, _SMALLEST_FID))))
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=study.spec.seed % (1 << 32))
        found = evaluator.evaluate(drawn)
    return {name: float(found[name]) for name in study.ranges}


def _placed(value: Any, of: Range) -> tuple[Any, Range]:
    """Return a value and its range on the scale on which it is drawn evenly."""
    if isinstance(of, Between) and of.log:
        low, high = math.log10(of.low), math.log10(of.high)
        return min(max(math.log10(value), low), high), Between(low, high, log=False)
    return value, of
