"""What a ranking consists of, and its cells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from gan_bench.analysis.parity import RowParity
from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import Row
from gan_bench.analysis.time_to_quality import Reached
from gan_bench.metrics import COUNTS
from gan_bench.text import MISSING, Column, Kind, Table, count, figure, listed

OWN_LOOP = "own loop, not paired"
"""The mark of a run that the user's own script trained."""
Section = Literal["Recipe", "Size", "Quality", "Speed", "Reliability", "Curves"]
"""Kinds of facts in "Compare two"."""


@dataclass(frozen=True)
class Cell:
    """One value of an implementation, with its range over several seeds."""

    text: str
    range: str = ""
    sort: float | str | None = None
    """Value to sort rows by; None comes last."""


WARM_UP = "Warm-up (s)"
"""Title of the column of the first chunk: it trains, too, so it does not compare as overhead."""


@dataclass(frozen=True)
class RankingColumn(Column):
    """A column of the ranking, and how "Compare two" uses it."""

    kind: Kind = "number"
    section: Section | None = None
    """Kind of fact in "Compare two"; None if the column is not shown there."""
    has_ratio: bool = True
    """True if the ratio of two implementations' values means something."""
    priority: int = 3
    """The columns with the lowest numbers are shown at first, others only with all columns."""
    leading: bool = False
    """True if the column is shown at first."""


@dataclass(frozen=True)
class Trouble:
    """Runs of one implementation that the figures leave out, for one reason."""

    label: str
    seeds: tuple[int, ...]
    status: str
    reason: str
    log_tail: str
    """Last lines of the log; empty if there is none or enough are shown already."""

    @property
    def which(self) -> str:
        """The seeds in words, e.g. ``1`` or ``1, 2 and 5``."""
        return listed([str(seed) for seed in self.seeds])


@dataclass(frozen=True)
class RankedRow:
    """One implementation's row."""

    label: str
    look: str
    """Style class of its swatch."""
    words: str
    """Words that the filter searches: names, parity, status, and ``failed`` if a run failed."""
    cells: tuple[Cell, ...]
    troubles: tuple[Trouble, ...]
    """Its runs that the figures leave out."""
    mark: str = ""
    """What stands beside its name."""


@dataclass(frozen=True)
class Reference:
    """A row for comparison: the floor, the ceiling or external samples."""

    label: str
    cells: tuple[Cell, ...]
    explanation: str


@dataclass(frozen=True)
class Ranking:
    """The ranking of one group."""

    title: str
    columns: tuple[RankingColumn, ...]
    """All but the first, which names the implementation."""
    rows: tuple[RankedRow, ...]
    references: tuple[Reference, ...]
    notes: tuple[str, ...]
    by_machine: Table | None = None
    """Times on each machine; None if all runs were on one."""

    def leading(self) -> "Ranking":
        """Return the ranking with the columns that are shown at first."""
        kept = [place for place, column in enumerate(self.columns) if column.leading]

        def of(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
            return tuple(cells[place] for place in kept)

        return replace(
            self,
            columns=tuple(self.columns[place] for place in kept),
            rows=tuple(replace(row, cells=of(row.cells)) for row in self.rows),
            references=tuple(replace(one, cells=of(one.cells)) for one in self.references),
        )


@dataclass(frozen=True)
class Target:
    """The target FID, and when each implementation reached it."""

    fid: float
    reached: Mapping[str, Reached]
    """By label."""


def mean(spread: SeedValues | None, text: Callable[[float], str] = figure) -> Cell:
    """Return the mean with the lowest and highest value, each as ``text`` writes it."""
    if spread is None:
        return Cell(MISSING)
    low, high = text(spread.low), text(spread.high)
    return Cell(text(spread.mean), f"{low} to {high}" if spread.seeds > 1 else "", spread.mean)


_SHARES = (
    *("precision", "recall", "coverage", "confident_share", "class_accuracy", "copied_share"),
    "ndb_js",
)


def score_text(metric: str, value: float | None) -> str:
    """Return a metric's value: counts without decimals, numbers from 0 to 1 with three."""
    small = value is not None and 0 < value < 0.0005
    if value and metric.startswith(_SHARES):
        return "<0.001" if small else f"{value:.3f}"
    return figure(value, whole=metric in COUNTS)


def score(metric: str, spread: SeedValues | None) -> Cell:
    """Return a metric's mean with the lowest and highest value."""
    cell = mean(spread, partial(score_text, metric))
    equal = metric in COUNTS and spread is not None and spread.low == spread.high
    return replace(cell, range="") if equal else cell


def median(spread: SeedValues | None) -> Cell:
    """Return the median."""
    return Cell(figure(spread.median), sort=spread.median) if spread else Cell(MISSING)


def maximum(spread: SeedValues | None) -> Cell:
    """Return the highest value."""
    return Cell(figure(spread.high), sort=spread.high) if spread else Cell(MISSING)


def counted(number: int | None) -> Cell:
    """Return a whole number."""
    return Cell(count(number), sort=number)


def reached(found: Reached) -> Cell:
    """Return the time to the target, and how many seeds reached it."""
    if found.seconds is None:
        return Cell("not reached", f"0 of {found.seeds}")
    middle = found.seconds.median
    # An implementation with a seed that never reached it sorts last.
    sort = middle if found.reached == found.seeds else None
    return Cell(figure(middle), f"{found.reached} of {found.seeds}", sort)


def multiply_adds(row: Row) -> Cell:
    """Return the multiply-adds for one image, in millions."""
    number = row.multiply_adds_per_image
    return Cell(MISSING) if number is None else Cell(figure(number / 1e6), sort=number)


def utilisation(row: Row) -> Cell:
    """Return the share of the machine's peak rate, in percent."""
    part = row.machine_fraction
    return Cell(MISSING) if part is None else Cell(figure(100 * part.median), sort=part.median)


def failed(row: Row) -> Cell:
    """Return how many of the finished runs failed."""
    ended = len(row.ok_runs) + len(row.failed_runs)
    if not ended:
        return Cell(MISSING)
    return Cell(f"{len(row.failed_runs)} of {ended}", sort=len(row.failed_runs) / ended)


def parity_of(row: Row, parity: Mapping[str, RowParity]) -> Cell:
    """Return what parity certificates say about a row."""
    known = parity.get(row.label)
    text = known.label if known else OWN_LOOP if row.own_loop else "no twin here"
    return Cell(text, sort=text)


def origin(row: Row) -> Cell:
    """Return the results folders or archives that a row's runs are from."""
    text = listed(list(dict.fromkeys(run.source for run in row.runs)))
    return Cell(text, sort=text)


def status_of(row: Row) -> Cell:
    """Return the statuses of a row's runs."""
    text = f"{row.status}{', saw the reference' * row.saw_reference}"
    return Cell(text, sort=text)


_LOGS_SHOWN = 5
"""Failed runs of one implementation whose log is shown."""


def troubles(row: Row) -> list[Trouble]:
    """Return a row's runs that the figures leave out, those with one reason together."""
    found: dict[tuple[str, str, str], list[int]] = {}
    logs = 0
    for run in (*row.runs, *row.repetitions):
        reason = run.trouble()
        if reason is None:
            continue
        status = run.outcome
        tail = run.log_tail
        logs += bool(tail)
        shown = tail if tail and logs <= _LOGS_SHOWN else ""
        found.setdefault((status, reason, shown), []).append(run.spec.seed)
    return [
        Trouble(row.label, tuple(seeds), status, reason, tail)
        for (status, reason, tail), seeds in found.items()
    ]
