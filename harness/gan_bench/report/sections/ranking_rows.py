"""What stands in a ranking beside the figures: runs that failed, floor and ceiling, notes."""

from collections.abc import Mapping, Sequence

from gan_bench.analysis.parity import RowParity
from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import Group, Row, Scored
from gan_bench.analysis.time_to_quality import Reached
from gan_bench.report.sections.tables import Cell, Reference, Target, Trouble
from gan_bench.text import MISSING, count, figure, listed


def mean(spread: SeedValues | None) -> Cell:
    """Return the mean with the least and the greatest."""
    return _cell(spread, spread.mean) if spread else Cell(MISSING)


def score(name: str, spread: SeedValues | None) -> Cell:
    """Return a metric's mean; a count without a spread is a whole number."""
    if name == "classes_present" and spread and spread.low == spread.high:
        return Cell(f"{spread.mean:g}", sort=spread.mean)
    return mean(spread)


def median(spread: SeedValues | None) -> Cell:
    """Return the median alone."""
    return Cell(figure(spread.median), sort=spread.median) if spread else Cell(MISSING)


def greatest(spread: SeedValues | None) -> Cell:
    """Return the greatest alone."""
    return Cell(figure(spread.high), sort=spread.high) if spread else Cell(MISSING)


def _cell(spread: SeedValues, middle: float) -> Cell:
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


_LOGS_SHOWN = 5
"""Log tails of one implementation's failed runs."""


def troubles(row: Row, score_reasons: Mapping[str, str]) -> list[Trouble]:
    """Return a row's runs that are not in the figures; see `ranking.ranking`."""
    found: dict[tuple[str, str, str], list[int]] = {}
    logs = 0
    for run in row.runs:
        reason = run.trouble() or score_reasons.get(run.run_id)
        if reason is None:
            continue
        status = "ok, scoring failed" if run.status == "ok" else run.status
        tail = run.record.log_tail if run.record else None
        logs += bool(tail)
        shown = tail if tail and logs <= _LOGS_SHOWN else ""
        found.setdefault((status, reason, shown), []).append(run.spec.seed)
    return [
        Trouble(row.label, tuple(seeds), status, reason, tail)
        for (status, reason, tail), seeds in found.items()
    ]


def references(
    group: Group, titles: Sequence[str], columns: Sequence[tuple[str, Scored, str]]
) -> tuple[Reference, ...]:
    """Return floor, ceiling and samples from elsewhere.

    Parameters
    ----------
    group
        Whose they are.
    titles
        Of all columns.
    columns
        Those that hold scores: title, protocol and the metric's name.
    """
    if group.scored is None:
        return ()

    def cells(by_title: Mapping[str, Cell]) -> tuple[Cell, ...]:
        return tuple(by_title.get(title, Cell("")) for title in titles)

    floors = {title: scored.floor_of(name) for title, scored, name in columns}
    floor = "as many real training images scored like samples: no generator is expected below"
    if group.floor is None:
        floor = group.scored.floor_reason or "not measured"
    ceilings = {
        title: mean(scored.ceiling) for title, scored, name in columns if name == scored.metric
    }
    found = [
        Reference(
            "Floor: real against real",
            cells(
                {
                    title: Cell(f"{v:g}" if title == "Modes" and v else figure(v))
                    for title, v in floors.items()
                }
            ),
            floor,
        ),
        Reference(
            "Ceiling: untrained generator",
            cells(ceilings),
            "the generators of all runs before the first step"
            if group.scored.ceiling
            else "no snapshot of step 0 was scored",
        ),
    ]
    names = dict.fromkeys(name for scored in group.protocols for name, _ in scored.externals)
    for external in names:
        values, explanation = {}, ""
        for title, scored, name in columns:
            file = dict(scored.externals).get(external)
            if file is None:
                continue
            rows = {row.metric: row.value for row in file.scores}
            value = rows.get(name, rows.get(f"{name}_{scored.features}"))
            values[title] = Cell(figure(value))
            source = file.fake.images if file.fake else "unknown"
            explanation = f"{file.protocol.n_fake:,} images of {source}, not trained here"
        found.append(Reference(f"From elsewhere: {external}", cells(values), explanation))
    return tuple(found)


def notes(group: Group, target: Target | None) -> list[str]:
    """Return what a reader of the table must know."""
    found = list(dict.fromkeys(text for scored in group.protocols for text in scored.warnings))
    if group.too_short and any(row.fid for row in group.rows):
        found.append("The score columns are there to show that they work: do not rank by them.")
    deficient = [row.label for row in group.rows if row.rank_deficient]
    if deficient:
        found.append(
            "A covariance behind a final FID, of the samples or of the reference, has less than "
            f"full rank: {listed(deficient, 6)}."
        )
    if target is None and group.scored and any(row.fid for row in group.rows):
        found.append(
            "No time to a FID is shown: this data set has no target of its own; name one with "
            "--target-fid."
        )
    missing = _missing(group)
    if missing:
        found.append(f"{MISSING} not measured: {missing}")
    return [*found, *(remark for row in group.rows for remark in row.remarks)]


def _missing(group: Group) -> str:
    reasons = []
    unfinished = [row.label for row in group.rows if not row.ok_runs]
    if unfinished:
        reasons.append(f"no run ended well ({listed(unfinished, 6)})")
    ok = [row for row in group.rows if row.ok_runs]
    if any(row.machine_fraction is None and row.multiply_adds_per_image for row in ok):
        shared = any(
            run.record is not None and run.record.circumstances.device_exclusive is False
            for row in ok
            for run in row.ok_runs
        )
        if group.setting.device == "GPU":
            reasons.append("there is no framework-neutral probe on a GPU")
        elif shared:
            reasons.append(
                "other processes used the machine too, so its rate during the run is not known"
            )
        else:
            reasons.append("a run was too short for a rate, or the machine was not probed")
    if any(not row.parameters or row.multiply_adds_per_image is None for row in ok):
        reasons.append("not every recipe counts its parameters and multiply-adds")
    if any(row.fid is None for row in ok):
        reasons.append("not every finished run was scored")
    return f"{'; '.join(reasons)}." if reasons else ""
