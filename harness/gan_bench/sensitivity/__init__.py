"""``gan-bench sensitivity``: how the FID of a recipe depends on its hyperparameters."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from gan_bench.plan import RunSpec
from gan_bench.recipe import Range

Sampler = Literal["random", "tpe"]
"""``random`` draws each trial from the whole ranges, independently of the others. ``tpe`` draws it
near the earlier ones with a low FID (Bergstra et al. 2011, "Algorithms for hyper-parameter
optimization")."""


@dataclass(frozen=True)
class Trial:
    """One run with drawn values."""

    number: int
    """From 1 on."""
    values: Mapping[str, Any]
    """The drawn values, by field."""
    run_id: str
    outcome: str
    """``ok``, ``collapsed`` or ``diverged``; any other status says nothing about the values."""
    fid: float | None
    """The FID of the last samples; None unless it is ``ok`` or ``collapsed``."""
    untrained_fid: float | None = None
    """The FID of the generator before training."""
    reason: str | None = None

    @property
    def counts(self) -> bool:
        """Whether the trial is a result of its values, not of the machine or the program."""
        return self.fid is not None or self.outcome == "diverged"


@dataclass(frozen=True)
class Study:
    """The trials of one implementation."""

    id: str
    spec: RunSpec
    """The run with the recipe's own values."""
    label: str
    """The implementation's name."""
    ranges: Mapping[str, Range]
    sampler: Sampler
    features: str
    """Name of the feature model of the FIDs."""
    trials: tuple[Trial, ...]

    @cached_property
    def counted(self) -> tuple[Trial, ...]:
        """The trials that ended with an FID or diverged, in their order."""
        return tuple(trial for trial in self.trials if trial.counts)

    @cached_property
    def finished(self) -> tuple[Trial, ...]:
        """The trials that have an FID, in their order."""
        return tuple(trial for trial in self.trials if trial.fid is not None)

    def number(self, outcome: str) -> int:
        """Return how many trials ended in this way."""
        return Counter(trial.outcome for trial in self.trials)[outcome]

    @property
    def best(self) -> Trial | None:
        """The trial with the lowest FID; None if there is no FID."""
        return min(self.finished, key=lambda trial: trial.fid or 0.0, default=None)

    @cached_property
    def worst_fid(self) -> float | None:
        """The highest FID of any trial, trained or untrained; None if there is none.

        A trial that diverged counts as this FID, so that it is never better than another.
        """
        fids = [fid for trial in self.counted for fid in (trial.fid, trial.untrained_fid)]
        return max((fid for fid in fids if fid is not None), default=None)

    @cached_property
    def fids(self) -> tuple[float, ...]:
        """The FID of each trial that counts, in their order; empty if none has one."""
        worst = self.worst_fid
        if worst is None or not self.finished:
            return ()
        return tuple(worst if trial.fid is None else trial.fid for trial in self.counted)
