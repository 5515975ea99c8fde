"""How smooth and how low a run's losses are, and whether they tell its quality."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

LEVEL_PART = 0.1
"""The part of the steps, the last, over which a loss's level is the mean."""
ROUGHNESS_PART = 0.5
"""The part of the steps, the last, over which its roughness is taken: the first ones fall."""
FEWEST_POINTS = 4
"""Evaluation points that a correlation needs: of three, one order in six is perfect by chance."""


def every_step(losses: pd.DataFrame, column: str, steps: int) -> NDArray[np.float64]:
    """Return a run's loss of each step, float64 (steps,), NaN where it has none.

    Parameters
    ----------
    losses
        The rows of one run, as in `gan_bench.results.load.Results`.
    column
        ``generator`` or ``discriminator``.
    steps
        The planned ones.
    """
    values = np.full(steps, np.nan)
    at = losses["step"].to_numpy(dtype=np.int64)
    within = (at >= 1) & (at <= steps)
    values[at[within] - 1] = losses[column].to_numpy(dtype=np.float64)[within]
    return values


def level(values: NDArray[np.float64]) -> float | None:
    """Return the mean over the last tenth of the steps, None where one of them has no loss."""
    last = _last(values, LEVEL_PART)
    return float(last.mean()) if last.size and np.isfinite(last).all() else None


def roughness(values: NDArray[np.float64]) -> float | None:
    """Return how much a loss jumps from step to step, against how great it is.

    The standard deviation of its change from one step to the next, divided by the magnitude of its
    mean, both over the second half of the steps. None where one of them has no loss, where there
    are fewer than two changes, or where the mean is zero.
    """
    last = _last(values, ROUGHNESS_PART)
    if last.size < 3 or not np.isfinite(last).all() or last.mean() == 0:
        return None
    return float(np.diff(last).std(ddof=1) / abs(last.mean()))


def loss_fid_correlation(values: NDArray[np.float64], fids: Mapping[int, float]) -> float | None:
    """Return Spearman's rank correlation of a run's loss with its FID over evaluation points.

    The loss of a point is the mean over the steps since the point before it. An untrained
    generator has no loss, so the first point has no part in it.

    Parameters
    ----------
    values
        Of `every_step`.
    fids
        By step.

    Returns
    -------
    float or None
        Positive where a lower loss goes with a better FID; None where there are fewer than
        `FEWEST_POINTS`, or no order among them.
    """
    losses, quality = [], []
    steps = sorted(fids)
    for before, step in zip([0, *steps], steps, strict=False):
        between = values[before:step]
        if between.size and np.isfinite(between).all() and np.isfinite(fids[step]):
            losses.append(float(between.mean()))
            quality.append(fids[step])
    if len(losses) < FEWEST_POINTS or _flat(losses) or _flat(quality):
        return None
    return float(stats.spearmanr(losses, quality).statistic)


def _last(values: NDArray[np.float64], part: float) -> NDArray[np.float64]:
    return values[len(values) - max(1, round(part * len(values))) :] if len(values) else values


def _flat(values: Sequence[float]) -> bool:
    return min(values) == max(values)
