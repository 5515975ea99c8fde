"""What the runs come to: one row an implementation in each comparable group, as plain values."""

from collections import Counter
from dataclasses import dataclass

from gan_bench.analysis.groups import Setting
from gan_bench.analysis.runs import Run
from gan_bench.analysis.statistics import SeedValues
from gan_bench.results.scores import Scores


@dataclass(frozen=True)
class Row:
    """One implementation, over its seeds; figures are of the runs that are ok."""

    label: str
    runs: tuple[Run, ...]
    """By seed."""
    fid: SeedValues | None
    """Of the final snapshot."""
    images_per_s: SeedValues | None
    warmup_s: SeedValues | None
    finish_s: SeedValues | None
    peak_mb: SeedValues | None
    machine_fraction: SeedValues | None
    rank_deficient: bool
    """Whether a covariance behind a final FID, the samples' or the reference's, is."""
    remarks: tuple[str, ...]
    """Sentences on figures that are missing or odd."""

    @property
    def ok_runs(self) -> tuple[Run, ...]:
        """The runs that trained to the end."""
        return tuple(run for run in self.runs if run.status == "ok")

    @property
    def failed_runs(self) -> tuple[Run, ...]:
        """The runs that ended in another way."""
        return tuple(run for run in self.runs if run.status not in ("ok", "pending"))

    @property
    def status(self) -> str:
        """E.g. ``ok``, or ``2 ok, 1 diverged``."""
        statuses = Counter(run.status for run in self.runs)
        if len(statuses) == 1:
            return next(iter(statuses))
        return ", ".join(f"{number} {status}" for status, number in statuses.most_common())

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        return self.runs[0].spec.implementation.recipe

    @property
    def framework(self) -> str:
        """The framework's name."""
        return self.runs[0].spec.implementation.framework

    @property
    def saw_reference(self) -> bool:
        """Whether it trained on the split that its scores compare with."""
        return any("test" in run.spec.train_splits for run in self.runs)

    @property
    def parameters(self) -> dict[str, int]:
        """Trainable parameters by network, empty where the recipe does not say."""
        return self.runs[0].spec.parameters or {}

    @property
    def multiply_adds_per_image(self) -> float | None:
        """Of a training step, for each real image that it consumes."""
        spec = self.runs[0].spec
        if spec.multiply_adds_per_step is None:
            return None
        return spec.multiply_adds_per_step / spec.images_per_step


@dataclass(frozen=True)
class Final:
    """All figures of an implementation's final snapshots."""

    spreads: dict[str, SeedValues]
    """By metric, over the seeds."""
    interval: tuple[float, float] | None = None
    """Of the first seed's FID, for the distributions themselves."""
    counts: tuple[int, int] | None = None
    """Real images and samples behind the FID."""


@dataclass(frozen=True)
class Scored:
    """What a group's runs come to under one protocol."""

    fingerprint: str
    features: str
    """The feature model's name."""
    finals: dict[str, Final]
    """By label, the figures of the final snapshots."""
    floors: dict[str, float | None]
    """By metric: real images of the other split, scored like samples."""
    floor_reason: str | None
    ceiling: SeedValues | None
    """The FID of the untrained generators of all runs."""
    externals: tuple[tuple[str, Scores], ...]
    """Samples from elsewhere by name, under the same protocol."""
    warnings: tuple[str, ...]
    """What a reader of the scores must know."""

    @property
    def metric(self) -> str:
        """The FID's name, e.g. ``fid_lenet``."""
        return f"fid_{self.features}"

    def spread(self, label: str, name: str) -> SeedValues | None:
        """Return a row's figure by the metric's name, with or without that of the features."""
        spreads = self.finals[label].spreads
        return spreads.get(name) or spreads.get(f"{name}_{self.features}")

    def floor_of(self, name: str) -> float | None:
        """Return a metric's floor by its name, with or without that of the features."""
        return self.floors.get(name, self.floors.get(f"{name}_{self.features}"))


@dataclass(frozen=True)
class Group:
    """Runs that may be ranked together."""

    setting: Setting
    title: str
    """What tells it from the other groups; empty if it is the only one."""
    rows: tuple[Row, ...]
    """Best first where quality is ranked, else fastest first."""
    scored: Scored | None
    """Under the protocol that ranks the group; None where nothing was scored."""
    others: tuple[Scored, ...]
    """Under protocols of other feature models."""
    too_short: str | None
    """Why quality is not ranked, as the first part of a sentence; None if it is."""

    @property
    def runs(self) -> list[Run]:
        """All runs of all rows."""
        return [run for row in self.rows for run in row.runs]

    @property
    def protocols(self) -> tuple[Scored, ...]:
        """The group's own and the others."""
        return (self.scored, *self.others) if self.scored else self.others

    @property
    def metric(self) -> str | None:
        """E.g. ``fid_lenet``; None where nothing was scored."""
        return self.scored.metric if self.scored else None

    @property
    def features(self) -> str:
        """The feature model's name."""
        return self.scored.features if self.scored else "not scored"

    @property
    def floor(self) -> float | None:
        """The FID of real images against real ones."""
        return self.scored.floors.get(self.scored.metric) if self.scored else None

    @property
    def finals(self) -> dict[str, Final]:
        """By label, the figures of the final snapshots under the group's protocol."""
        return self.scored.finals if self.scored else {row.label: Final({}) for row in self.rows}


@dataclass(frozen=True)
class Summary:
    """All of a results folder."""

    groups: tuple[Group, ...]
    """Those with most finished runs first."""
    runs: tuple[Run, ...]
    differing: tuple[str, ...]
    """The parts of `Setting` in which the groups differ."""
    externals: tuple[tuple[str, Scores], ...] = ()
    """Samples from elsewhere by name, under protocols that no run was scored with."""

    @property
    def rows(self) -> dict[str, Row]:
        """One row of each label, sorted."""
        rows = {row.label: row for group in self.groups for row in group.rows}
        return dict(sorted(rows.items()))
