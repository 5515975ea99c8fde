"""The cells of a ranking: what was measured, written for a reader."""

from collections.abc import Mapping

from gan_bench.report.numbers import MISSING, count, figure
from gan_bench.report.pace import Reached
from gan_bench.report.parity import RowParity
from gan_bench.report.ranking_table import Cell
from gan_bench.report.spread import Spread
from gan_bench.report.summary import Row


def mean(spread: Spread | None) -> Cell:
    """Return the mean with the least and the greatest."""
    return _cell(spread, spread.mean) if spread else Cell(MISSING)


def score(name: str, spread: Spread | None) -> Cell:
    """Return a metric's mean; a count without a spread is a whole number."""
    if name == "classes_present" and spread and spread.low == spread.high:
        return Cell(f"{spread.mean:g}", sort=spread.mean)
    return mean(spread)


def median(spread: Spread | None) -> Cell:
    """Return the median alone."""
    return Cell(figure(spread.median), sort=spread.median) if spread else Cell(MISSING)


def greatest(spread: Spread | None) -> Cell:
    """Return the greatest alone."""
    return Cell(figure(spread.high), sort=spread.high) if spread else Cell(MISSING)


def _cell(spread: Spread, middle: float) -> Cell:
    several = spread.seeds > 1
    bounds = f"{figure(spread.low)} to {figure(spread.high)}" if several else ""
    return Cell(figure(middle), bounds, middle)


def counted(number: int | None) -> Cell:
    """Return a whole number."""
    return Cell(count(number), sort=number)


def reached(found: Reached) -> Cell:
    """Return when a target was reached, and by how many of the seeds."""
    if found.seconds is None:
        return Cell("not reached", f"0 of {found.seeds}")
    middle = found.seconds.median
    # Those that some seeds never reach stand after all that always do.
    sort = middle if found.reached == found.seeds else None
    return Cell(figure(middle), f"{found.reached} of {found.seeds}", sort)


def multiply_adds(row: Row) -> Cell:
    """Return those of an image, in millions."""
    number = row.multiply_adds_per_image
    return Cell(MISSING) if number is None else Cell(figure(number / 1e6), sort=number)


def share(row: Row) -> Cell:
    """Return the share of the machine's rate in per cent."""
    part = row.machine_fraction
    return Cell(MISSING) if part is None else Cell(figure(100 * part.median), sort=part.median)


def failed(row: Row) -> Cell:
    """Return how many of the ended runs failed."""
    ended = len(row.ok_runs) + len(row.failed_runs)
    if not ended:
        return Cell(MISSING)
    return Cell(f"{len(row.failed_runs)} of {ended}", sort=len(row.failed_runs) / ended)


def parity_of(row: Row, parity: Mapping[str, RowParity]) -> Cell:
    """Return what certificates say of a row."""
    known = parity.get(row.label)
    text = known.label if known else "no twin here"
    return Cell(text, sort=text)


def status_of(row: Row) -> Cell:
    """Return the statuses of a row's runs."""
    text = f"{row.status}{', saw the reference' * row.saw_reference}"
    return Cell(text, sort=text)
