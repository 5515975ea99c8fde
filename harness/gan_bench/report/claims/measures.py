"""The measures of claims: one value for each seed of an implementation that succeeded."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from gan_bench.analysis.runs import Run
from gan_bench.analysis.studied_factors import StudiedFactors
from gan_bench.analysis.summary import Row
from gan_bench.metrics import SPEED, Metric, metric
from gan_bench.report.claims.sources import SCORES, Measure

WORDS: dict[Measure, str] = {
    "generator_loss_roughness": "roughness of the generator's loss",
    "discriminator_loss_roughness": "roughness of the discriminator's loss",
    "generator_loss": "the generator's loss (last tenth)",
    "discriminator_loss": "the discriminator's loss (last tenth)",
    "images_per_s": "images/s",
    "fid": "FID",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "confident_share": "share of samples that the classifier is confident about",
    "loss_fid_correlation": "rank correlation of the generator's loss with the FID",
}
SHORT: dict[Measure, str] = {
    **WORDS,
    "generator_loss": "generator's loss",
    "discriminator_loss": "discriminator's loss",
    "confident_share": "share of confidently classified samples",
    "loss_fid_correlation": "rank correlation of the generator's loss with the FID",
}
"""The measures after a word such as ``lower``."""
_PROPORTIONAL: tuple[Measure, ...] = ("generator_loss_roughness", "discriminator_loss_roughness")
"""Measures of losses that vary in proportion to their size and are compared by their ratio."""
_OF_FEATURES: tuple[Measure, ...] = ("fid", "precision", "recall", "coverage")
LEVEL_PART = 0.1
"""The level of a loss is its mean over this last part of the steps."""
ROUGHNESS_PART = 0.5
"""The roughness of a loss is measured over this last part of the steps, after its initial fall."""
FEWEST_POINTS = 4
"""Evaluation points that a correlation needs; with three, one order in six is perfect by chance."""


@dataclass(frozen=True)
class Measures:
    """The measures of a group's runs under one protocol."""

    losses: Mapping[str, pd.DataFrame]
    """By run id, as in `gan_bench.results.load.Results`."""
    protocol: str | None
    """Its fingerprint."""
    features: str
    speed: StudiedFactors | None = None
    """The throughputs, if a study of speed gives them."""

    def describe(self, measure: Measure) -> str:
        """Return the measure in words, with the feature model if it has one."""
        word = WORDS[measure]
        return f"{word} ({self.features} features)" if measure in _OF_FEATURES else word

    def metric(self, measure: Measure) -> Metric:
        """Return the metric of a measure, which has the scale for comparisons."""
        if measure in _PROPORTIONAL:
            return Metric(measure, WORDS[measure], higher_is_better=False, scale="ratio")
        return metric(self._name(measure))

    def final(self, row: Row, measure: Measure) -> dict[int, float]:
        """Return a measure at the end of training by seed."""
        if measure in SCORES:
            return self.at(row, measure, {run.run_id: run.spec.steps for run in row.ok_runs})
        if measure == SPEED:
            return row.images_per_s.by_seed if row.images_per_s else {}
        return _known((run.spec.seed, self._of_run(run, measure)) for run in row.ok_runs)

    def at(self, row: Row, measure: Measure, steps: dict[str, int]) -> dict[int, float]:
        """Return a score by seed, at a step given by run id."""
        return _known(
            (run.spec.seed, self._score(run, measure).get(steps[run.run_id]))
            for run in row.ok_runs
            if run.run_id in steps
        )

    def _of_run(self, run: Run, measure: Measure) -> float | None:
        frame = self.losses.get(run.run_id)
        if frame is None:
            return None
        network = "discriminator" if measure.startswith("discriminator") else "generator"
        if network not in run.spec.losses:
            return None
        values = every_step(frame, network, run.spec.steps)
        if measure == "loss_fid_correlation":
            return loss_fid_correlation(values, self._score(run, "fid"))
        return roughness(values) if measure.endswith("roughness") else level(values)

    def _score(self, run: Run, measure: Measure) -> dict[int, float]:
        scores = [s for s in run.scores_under(self.protocol) if s.metric == self._name(measure)]
        return {score.step: score.value for score in scores if score.value is not None}

    def _name(self, measure: Measure) -> str:
        return f"{measure}_{self.features}" if measure in _OF_FEATURES else measure


def _known(figures: Iterable[tuple[int, float | None]]) -> dict[int, float]:
    known = {seed: value for seed, value in figures if value is not None}
    return dict(sorted(known.items()))


def every_step(losses: pd.DataFrame, column: str, steps: int) -> NDArray[np.float64]:
    """Return a loss at each step, float64 (steps,), NaN where it is missing.

    ``losses`` has the rows of one run; ``column`` is ``generator`` or ``discriminator``.
    """
    values = np.full(steps, np.nan)
    at = losses["step"].to_numpy(dtype=np.int64)
    within = (at >= 1) & (at <= steps)
    values[at[within] - 1] = losses[column].to_numpy(dtype=np.float64)[within]
    return values


def level(values: NDArray[np.float64]) -> float | None:
    """Return the mean over the last tenth of the steps, None if one of them has no loss."""
    last = _last(values, LEVEL_PART)
    return float(last.mean()) if last.size and np.isfinite(last).all() else None


def roughness(values: NDArray[np.float64]) -> float | None:
    """Return how much a loss varies from step to step, relative to its size.

    The standard deviation of the change from one step to the next, divided by the absolute mean,
    both over the second half of the steps. None if one of these steps has no loss, if there are
    fewer than two changes, or if the mean is zero.
    """
    last = _last(values, ROUGHNESS_PART)
    if last.size < 3 or not np.isfinite(last).all() or last.mean() == 0:
        return None
    return float(np.diff(last).std(ddof=1) / abs(last.mean()))


def loss_fid_correlation(values: NDArray[np.float64], fids: Mapping[int, float]) -> float | None:
    """Return Spearman's rank correlation of a run's loss with its FID over evaluation points.

    The loss of a point is the mean over the steps since the previous point. The first point is left
    out, because an untrained generator has no loss.

    Returns
    -------
    float or None
        Positive if a lower loss goes with a better FID; None with fewer than `FEWEST_POINTS`
        points, or if all losses or all FIDs are equal.
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
