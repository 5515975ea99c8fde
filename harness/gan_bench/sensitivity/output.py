"""Studies as sentences and tables."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gan_bench.sensitivity import Study
from gan_bench.sensitivity.figures import (
    FEWEST_FOR_IMPORTANCE,
    RESAMPLES,
    SHUFFLES,
    Curve,
    Importance,
    best_curve,
    importance,
    quartiles,
)
from gan_bench.text import (
    MISSING,
    WIDE,
    Column,
    Table,
    count,
    figure,
    interval,
    listed,
    many,
    percent,
)


@dataclass(frozen=True)
class Measured:
    """A study with its figures, each computed once."""

    study: Study

    @cached_property
    def curve(self) -> Curve | None:
        """See `best_curve`."""
        return best_curve(self.study)

    @cached_property
    def quartiles(self) -> tuple[float, ...] | None:
        """See `quartiles`."""
        return quartiles(self.study)

    @cached_property
    def importance(self) -> dict[str, Importance] | None:
        """See `importance`."""
        return importance(self.study)


def answer(one: Measured) -> str:
    """Return what was found of an implementation, in a sentence or two."""
    study, spread = one.study, one.quartiles
    counted = many(len(study.counted), "trial")
    if study.best is None or spread is None:
        return f"{study.label}: none of {counted} has an FID; {_failures(study)}."
    values = _words(study.best.values)
    parts = [
        f"{study.label}: of {counted}, the best FID is {figure(study.best.fid)} ({values}) and "
        f"the median {figure(spread[2])}; {_failures(study)}."
    ]
    if one.importance is not None:
        clear = [
            f"{name} alone explains {percent(of.share, 0)}"
            for name, of in sorted(one.importance.items(), key=lambda item: -item[1].share)
            if of.clear
        ]
        what = "of the variance of log FID"
        parts.append(
            f"{listed(clear)} {what}."
            if clear
            else f"No field explains more {what} than by chance."
        )
    return " ".join(parts)


def _failures(study: Study) -> str:
    return f"{study.number('diverged')} diverged, {study.number('collapsed')} collapsed"


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def spread_table(measured: Sequence[Measured]) -> Table:
    """Return the distribution of the FIDs, and the trials that diverged or collapsed."""
    rows = []
    for one in measured:
        study, number = one.study, len(one.study.counted)
        spread = one.quartiles or (None,) * 5
        shares = (
            f"{study.number(outcome)} ({percent(study.number(outcome) / number, 0)})"
            if number
            else MISSING
            for outcome in ("diverged", "collapsed")
        )
        rows.append((study.label, number, len(study.finished), *map(figure, spread), *shares))
    columns = (
        *(Column("implementation", "name"), Column("N trials", "number")),
        Column("N with FID", "number", WIDE),
        *(Column("best FID", "number"), Column("25%", "number", WIDE)),
        *(Column("median", "number"), Column("75%", "number", WIDE), Column("worst", "number")),
        *(Column("diverged", "number"), Column("collapsed", "number")),
    )
    return Table(columns, rows, "FID of the trials")


def curve_table(measured: Sequence[Measured]) -> Table:
    """Return the best FID of n trials for some n."""
    most = max((len(one.curve.fid) for one in measured if one.curve), default=0)
    numbers = [n for n in (1 << power for power in range(20)) if n < most] + [most] * bool(most)
    rows = []
    for one in measured:
        cells = [_best(one.curve, n) for n in numbers]
        rows.append((one.study.label, len(one.study.counted), *cells))
    columns = [Column("implementation", "name"), Column("N", "number")]
    # A narrow terminal shows the first and the last.
    widths = [0 if n in numbers[:1] + numbers[-1:] else WIDE for n in numbers]
    columns += [
        Column(f"n = {n}", "number", width) for n, width in zip(numbers, widths, strict=True)
    ]
    return Table(columns, rows, "Best FID of n trials")


def _best(curve: Curve | None, n: int) -> str:
    if curve is None or n > len(curve.fid):
        return MISSING
    value = figure(float(curve.fid[n - 1]))
    if curve.low is None or curve.high is None:
        return value
    return f"{value} ({interval(float(curve.low[n - 1]), float(curve.high[n - 1]))})"


def importance_table(measured: Sequence[Measured]) -> Table:
    """Return what each field explains, and its range, the most important fields first."""
    rows = []
    for one in measured:
        shares = one.importance or {}
        fields = sorted(one.study.ranges, key=lambda name: -shares[name].share if shares else 0.0)
        number = len(one.study.counted)
        best = one.study.best.values if one.study.best else {}
        rows += [
            (
                *(one.study.label, field),
                *_shares(shares.get(field)),
                *(number, one.study.ranges[field], best.get(field, MISSING)),
            )
            for field in fields
        ]
    columns = (
        *(Column("implementation", "name"), Column("field", "name")),
        *(Column("importance", "number"), Column("by chance", "number"), Column("N", "number")),
        *(Column("drawn from", from_width=WIDE), Column("in the best trial", "number", WIDE)),
    )
    return Table(columns, rows, "Importance of each field")


def _shares(of: Importance | None) -> tuple[str, str]:
    if of is None:
        return MISSING, MISSING
    return percent(of.share, 0), f"up to {percent(of.by_chance, 0)}"


def notes(measured: Sequence[Measured]) -> list[str]:
    """Return what the tables leave out, a sentence each."""
    found = []
    for one in measured:
        study = one.study
        left = [trial for trial in study.trials if not trial.counts]
        if left:
            outcomes = Counter(trial.outcome for trial in left)
            words = listed([f"{number} {outcome}" for outcome, number in outcomes.items()])
            reasons = dict.fromkeys(trial.reason.rstrip(".") for trial in left if trial.reason)
            found.append(
                f"{study.label}: {len(left)} of {many(len(study.trials), 'trial')} do not count "
                f"({words}: {listed(list(reasons), 2)}); the same command tries killed ones again, "
                "with --retry also the others."
            )
        if one.importance is None:
            why = (
                "all of their FIDs are equal"
                if len(study.counted) >= FEWEST_FOR_IMPORTANCE
                else f"it takes {FEWEST_FOR_IMPORTANCE}"
            )
            found.append(
                f"{study.label}: no importance from {many(len(study.counted), 'trial')}: {why}."
            )
    return found


def setting(measured: Sequence[Measured]) -> str:
    """Return how the trials were trained, in one sentence."""
    study = measured[0].study
    spec = study.spec
    return (
        f"Each trial is one run of {count(spec.budget_images)} training images of "
        f"{spec.dataset_label} from seed {spec.seed}, with values drawn by the sampler "
        f"{study.sampler}; its FID ({study.features} features) is that of {count(spec.samples)} "
        "samples at the end."
    )


def method(measured: Sequence[Measured]) -> list[str]:
    """Return the definition of each figure, a sentence or two each."""
    sampler = measured[0].study.sampler
    best = (
        "Best FID of n trials: the expected lowest FID of n trials, drawn without replacement from "
        f"the N of the study; in brackets the 95 % interval ({RESAMPLES:,} bootstrap resamples "
        "of the N trials). With n = N it is the best that was found; then and for n close to N, "
        "the interval ends at that and says little."
        if sampler == "random"
        else "Best FID of n trials: the lowest FID of the first n trials. The sampler draws each "
        "trial near good earlier ones, so there is no interval, and the shares and the "
        "importance are those of these trials, not of the ranges."
    )
    return [
        "N is the number of trials that ended with an FID or diverged. Quartiles are of the "
        "trials with an FID.",
        best,
        "A trial that diverged counts in it as the highest FID of its study, untrained generators "
        "included.",
        "Diverged: a loss or a weight was not finite. Collapsed: the last samples are one image or "
        "nearly one; they have an FID, which counts.",
        "Importance: the share of the variance of log FID over the ranges that a field explains "
        "alone, by fANOVA (Hutter et al. 2014) on a random forest of 64 trees; what is missing to "
        "100% is due to several fields together.",
        f"By chance: the highest share of the field after each of {SHUFFLES} random shuffles of "
        "the FIDs. A field matters if its importance is higher (a test of each field at 5%).",
    ]
