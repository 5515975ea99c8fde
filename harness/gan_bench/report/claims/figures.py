"""What a claim speaks of, measured: one figure a seed of an implementation's finished runs."""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from gan_bench.analysis.runs import Run
from gan_bench.analysis.summary import Row
from gan_bench.report.claims.loss_measures import every_step, level, loss_fid_correlation, roughness
from gan_bench.report.claims.sources import SCORES, Measure

WORDS: dict[Measure, str] = {
    "generator_loss_roughness": "roughness of the generator's loss",
    "discriminator_loss_roughness": "roughness of the discriminator's loss",
    "generator_loss": "the generator's loss at the end",
    "discriminator_loss": "the discriminator's loss at the end",
    "images_per_s": "images/s",
    "fid": "FID",
    "precision": "precision",
    "recall": "recall",
    "coverage": "coverage",
    "confident_share": "share of samples that the classifier is sure of",
    "loss_fid_correlation": "rank correlation of the generator's loss with the FID",
}
RATIOS: tuple[Measure, ...] = (
    *("generator_loss_roughness", "discriminator_loss_roughness", "images_per_s", "fid"),
)
"""The measures that spread in proportion, and so are compared by their ratio."""
_OF_FEATURES: tuple[Measure, ...] = ("fid", "precision", "recall", "coverage")


@dataclass(frozen=True)
class Figures:
    """The losses and scores of a group's runs, by run."""

    losses: dict[str, pd.DataFrame]
    scores: dict[tuple[str, str], dict[int, float]]
    """By run id and metric: the values by step."""
    features: str

    @staticmethod
    def of(
        losses: pd.DataFrame, scores: pd.DataFrame, protocol: str | None, features: str
    ) -> "Figures":
        """Return what the frames of `gan_bench.results.load.Results` hold under one protocol."""
        found: dict[tuple[str, str], dict[int, float]] = {}
        kept = scores[(scores["protocol"] == protocol) & scores["value"].notna()]
        columns = (kept[name] for name in ("run_id", "metric", "step", "value"))
        for run_id, metric, step, value in zip(*columns, strict=True):
            found.setdefault((str(run_id), str(metric)), {})[int(step)] = float(value)
        by_run = {str(run_id): rows for run_id, rows in losses.groupby("run_id", sort=False)}
        return Figures(by_run, found, features)

    def describe(self, measure: Measure) -> str:
        """Return what is measured in words, with the feature model where it matters."""
        word = WORDS[measure]
        return f"{word} ({self.features} features)" if measure in _OF_FEATURES else word

    def final(self, row: Row, measure: Measure) -> dict[int, float]:
        """Return a measure at the end of training by seed, for the seeds that have it."""
        if measure in SCORES:
            return self.at(row, measure, {run.run_id: run.spec.steps for run in row.ok_runs})
        return _known((run.spec.seed, self._of_run(run, measure)) for run in row.ok_runs)

    def at(self, row: Row, measure: Measure, steps: dict[str, int]) -> dict[int, float]:
        """Return a score by seed, each run's at the step given by its id."""
        return _known(
            (run.spec.seed, self._score(run, measure).get(steps[run.run_id]))
            for run in row.ok_runs
            if run.run_id in steps
        )

    def _of_run(self, run: Run, measure: Measure) -> float | None:
        if measure == "images_per_s":
            return run.record.images_per_s if run.record else None
        frame = self.losses.get(run.run_id)
        if frame is None:
            return None
        network = "discriminator" if measure.startswith("discriminator") else "generator"
        values = every_step(frame, network, run.spec.steps)
        if measure == "loss_fid_correlation":
            return loss_fid_correlation(values, self._score(run, "fid"))
        return roughness(values) if measure.endswith("roughness") else level(values)

    def _score(self, run: Run, measure: Measure) -> dict[int, float]:
        name = f"{measure}_{self.features}" if measure in _OF_FEATURES else measure
        return self.scores.get((run.run_id, name), {})


def _known(figures: Iterable[tuple[int, float | None]]) -> dict[int, float]:
    known = {seed: value for seed, value in figures if value is not None}
    return dict(sorted(known.items()))
