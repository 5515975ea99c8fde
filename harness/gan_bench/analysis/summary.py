"""A results folder in comparable groups, with one row for each implementation in a group."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gan_bench.analysis.final_scores import collapsed, failed, final_scores, final_values, measured
from gan_bench.analysis.groups import comparable_groups, labelled, other_protocols
from gan_bench.analysis.identity import Machine, Setting, differing, one_per_seed
from gan_bench.analysis.runs import Run
from gan_bench.analysis.scored import Final, Scored, scored_under
from gan_bench.analysis.sequential import Design
from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.studied_speed import RankedSpeed, ranked_speed, speeds_elsewhere
from gan_bench.metrics import SPEED, fid_name
from gan_bench.plan import RunSpec
from gan_bench.results.load import Results
from gan_bench.results.record import Record
from gan_bench.results.scores import Scores
from gan_bench.text import many


@dataclass(frozen=True)
class Row:
    """One implementation, over its seeds; figures are of the runs that are ok."""

    label: str
    runs: tuple[Run, ...]
    """One of each seed, by seed: `identity.one_per_seed`."""
    timed: tuple[Run, ...]
    """Those on the machine of the group's times, one of each seed. All times are theirs, unless a
    study of speed gives them."""
    repetitions: tuple[Run, ...]
    """Further runs of the same seeds, on other machines or devices."""
    fid: SeedValues | None
    """Of the final snapshot."""
    images_per_s: SeedValues | None
    """Of the repeats of a study of speed where there is one: see `Group.speed`."""
    warmup_s: SeedValues | None
    finish_s: SeedValues | None
    """Of the runs, or the one value that follows from a study of speed."""
    peak_mb: SeedValues | None
    machine_fraction: SeedValues | None
    remarks: tuple[str, ...]
    """Sentences on figures that are missing or odd."""

    @property
    def ok_runs(self) -> tuple[Run, ...]:
        """The runs that trained to the end."""
        return tuple(run for run in self.runs if run.status == "ok")

    @property
    def failed_runs(self) -> tuple[Run, ...]:
        """The runs that were started and did not succeed."""
        return tuple(run for run in self.runs if failed(run))

    @property
    def timed_ok(self) -> tuple[Run, ...]:
        """The runs that trained to the end on the machine of the group's times."""
        return tuple(run for run in self.timed if run.status == "ok")

    @property
    def elsewhere(self) -> tuple[Run, ...]:
        """The runs that trained to the end on another machine: their times are not shown."""
        here = {Machine.of(run) for run in self.timed}
        every = (*self.runs, *self.repetitions)
        return tuple(run for run in every if run.status == "ok" and Machine.of(run) not in here)

    @property
    def pending(self) -> bool:
        """Whether none of its runs has ended yet."""
        return all(run.status == "pending" for run in self.runs)

    @property
    def status(self) -> str:
        """E.g. ``ok``, or ``2 ok, 1 diverged``."""
        statuses = Counter(run.outcome for run in self.runs)
        if len(statuses) == 1:
            return next(iter(statuses))
        return ", ".join(f"{number} {status}" for status, number in statuses.most_common())

    @property
    def own_loop(self) -> bool:
        """Whether a script of the user's own trained it; then it has no twin."""
        return self.runs[0].spec.own_loop

    @property
    def recipe(self) -> str:
        """The recipe's name; of an own loop, a name that no recipe has."""
        name = self.runs[0].spec.implementation.recipe
        return f"{name} (own loop)" if self.own_loop else name

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
    speed: RankedSpeed | None = None
    """The study of the throughputs and shares of the machine rate; None if they are of the runs."""
    speeds_elsewhere: tuple[RankedSpeed, ...] = ()
    """Studies of other machines, those with most implementations first. They rank nothing."""

    @property
    def runs(self) -> list[Run]:
        """The run of each seed, of all rows."""
        return [run for row in self.rows for run in row.runs]

    @property
    def timed_ok(self) -> list[Run]:
        """The runs of all rows whose times are shown."""
        return [run for row in self.rows for run in row.timed_ok]

    @property
    def protocols(self) -> tuple[Scored, ...]:
        """The group's own and the others."""
        return (self.scored, *self.others) if self.scored else self.others

    @property
    def most_seeds(self) -> int | None:
        """The most seeds that an implementation could have, see `gan_bench.plan.Plan`."""
        return max((run.most_seeds for run in self.runs if run.most_seeds), default=None)

    @property
    def looks(self) -> int:
        """How often the scores were looked at before it was decided whether to add seeds."""
        return Design(self.most_seeds).number if self.most_seeds else 1

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


def only_elsewhere(group: Group) -> list[str]:
    """Return the labels that trained to the end on other machines alone and have no times here."""
    studied = group.speed.by_label if group.speed else {}
    lacking = [row for row in group.rows if row.elsewhere and not row.timed_ok]
    return [row.label for row in lacking if row.label not in studied]


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


def summarise(runs: Sequence[Run], results: Results) -> Summary:
    """Return the comparable groups with their rows."""
    features = {name: file.protocol.features for name, file in results.protocols.items()}
    grouped = comparable_groups(runs, features, results.speeds)
    apart = differing(list(grouped))
    groups = [
        _group(setting, members, results, setting.describe(apart) if len(grouped) > 1 else "")
        for setting, members in grouped.items()
    ]
    groups.sort(key=lambda group: -sum(len(row.ok_runs) for row in group.rows))
    shown = {scored.fingerprint for group in groups for scored in group.protocols}
    externals = [(e.facts.name, file) for e in results.externals for file in e.scores]
    return Summary(
        groups=tuple(groups),
        runs=tuple(runs),
        differing=tuple(apart),
        externals=tuple((n, file) for n, file in externals if file.fingerprint not in shown),
    )


def _group(setting: Setting, runs: Sequence[Run], results: Results, title: str) -> Group:
    protocol = setting.protocol
    by_label = labelled(runs)
    features = {name: file.protocol.features for name, file in results.protocols.items()}
    rows = [_row(label, members, results, setting) for label, members in by_label.items()]
    too_short = too_short_to_rank([run.spec for run in runs], setting.budget_images)
    speed = ranked_speed(results.speeds, setting.machine, by_label)
    if speed is not None:
        rows = [_with_speed(row, speed) for row in rows]
    rows.sort(key=_by_speed if too_short else _by_quality)
    of_seeds = {row.label: row.runs for row in rows}
    return Group(
        setting=setting,
        title=title,
        rows=tuple(rows),
        scored=scored_under(protocol, of_seeds, results) if protocol else None,
        others=tuple(
            scored_under(other, of_seeds, results)
            for other in other_protocols(runs, protocol, features)
        ),
        too_short=too_short,
        speed=speed,
        speeds_elsewhere=speeds_elsewhere(results.speeds, setting.machine, by_label),
    )


def _by_quality(row: Row) -> tuple[bool, float, float, str]:
    # An FID against a reference that was seen in training does not compare with the others.
    return (row.saw_reference, row.fid.mean if row.fid else math.inf, *_by_speed(row))


def _by_speed(row: Row) -> tuple[float, str]:
    return (-row.images_per_s.mean if row.images_per_s else math.inf, row.label)


def _row(label: str, every: Sequence[Run], results: Results, setting: Setting) -> Row:
    protocol, machine = setting.protocol, setting.machine
    runs, repetitions = one_per_seed(every, machine, protocol)
    here = [run for run in every if Machine.of(run) == machine]
    timed, _ = one_per_seed(here, machine, protocol)
    fid = fid_name(results.protocols[protocol].protocol.features) if protocol else ""
    finish = {run.spec.seed: run.finish_s for run in timed if run.status == "ok"}
    return Row(
        label=label,
        runs=tuple(runs),
        timed=tuple(timed),
        repetitions=tuple(repetitions),
        fid=final_values(runs, fid, protocol),
        images_per_s=final_values(timed, SPEED, None),
        warmup_s=measured(timed, lambda record: record.warmup_s),
        finish_s=SeedValues.by(finish),
        peak_mb=measured(timed, lambda record: record.peak_rss_mb),
        machine_fraction=measured(timed, lambda record: record.multiply_adds_fraction),
        remarks=tuple(_remarks(label, runs, timed, protocol, fid)),
    )


def _with_speed(row: Row, speed: RankedSpeed) -> Row:
    """Return a row with the speed of a study in place of that of its runs."""
    found = speed.by_label.get(row.label)
    if found is None:
        return row
    spec = row.runs[0].spec
    seconds = found.seconds_for(spec.steps * spec.images_per_step)
    return replace(
        row,
        images_per_s=speed.rates.get(row.label),
        finish_s=SeedValues.of([seconds]) if row.ok_runs else None,
        machine_fraction=SeedValues.of([found.machine_fraction]),
    )


def _remarks(
    label: str, runs: Sequence[Run], timed: Sequence[Run], protocol: str | None, fid: str
) -> Iterable[str]:
    records, clocked = (_records(some) for some in (runs, timed))
    fids = [score for run in runs if (score := final_scores(run, protocol).get(fid))]
    if any("test" in run.spec.train_splits for run in runs):
        yield (
            f"{label}: it trained on the test split too, so the reference of its scores was seen "
            "in training and its FID is not ranked."
        )
    for record in clocked:
        if record.untimed_steps:
            yield (
                f"{label}: seed {record.spec.seed} was resumed; {record.untimed_steps:,} of "
                f"{many(record.spec.steps, 'step')}, the first ones after a resumption, have no "
                "time of their own, so this run has no time to finish of its own."
            )
    if any(record.images_per_s is None for record in clocked):
        yield f"{label}: too few steps for a steady rate, all of them were warm-up."
    if any(score.all_equal for score in fids):
        yield f"{label}: all samples of a final snapshot are one and the same image."
    elif number := sum(collapsed(run) for run in runs):
        yield (
            f"{label}: {number} of {many(len(records), 'run')} collapsed: the features of their "
            "samples fill less than a quarter of the real images' dimensions."
        )
    missing = len(records) - sum(score.value is not None for score in fids)
    if records and missing:
        yield f"{label}: no final FID for {missing} of {many(len(records), 'finished seed')}."


def _records(runs: Sequence[Run]) -> list[Record]:
    return [run.record for run in runs if run.record and run.status == "ok"]


_ENOUGH_IMAGES = 60_000
_ENOUGH_STEPS = 400
"""With these, recipes that learn fast draw strokes: those of the presets standard and quick."""


def too_short_to_rank(specs: Sequence[RunSpec], images: int) -> str | None:
    """Return why runs of one budget do not rank quality, as the first part of a sentence.

    None if they do.
    """
    # A recipe's own epochs are what its authors found enough.
    own = all(spec.budget.unit == "recipe" for spec in specs)
    updated = all(spec.steps >= _ENOUGH_STEPS for spec in specs)
    if images >= _ENOUGH_IMAGES or own or updated:
        return None
    presets = sorted({spec.preset for spec in specs if spec.preset})
    named = f"preset {' and '.join(presets)}" if presets else "no preset"
    return f"{images:,} images ({named}) are too few to rank quality"
