"""The ranking of a comparable group: one row an implementation, then the floor and the ceiling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gan_bench.report.answer import Standings
from gan_bench.report.numbers import MISSING, count, figure, listed
from gan_bench.report.pace import Reached
from gan_bench.report.palette import Look
from gan_bench.report.parity import RowParity, row_parity
from gan_bench.report.spread import Spread
from gan_bench.report.summary import Group, Row, Scored

READING = (
    "Rank: by the final FID, as far as the seeds allow: 1 to 3 means that none of the places can "
    "be excluded (Welch's test of the logarithms, Holm's correction over all pairs, 5 %).",
    "Final FID, KID, precision, recall, coverage and modes: of the last snapshot, never the best "
    "one; mean over the seeds that are ok, with the least and the greatest. FID and KID are better "
    "when lower, the others when higher. Modes: classes present among the samples.",
    "Images/s: training images in steady state. Time to finish: warm-up and training, without "
    "evaluation. Time to a FID: until the curve first crosses it, on straight lines between the "
    "evaluation points, of the seeds that reach it.",
    "Peak memory: of the host, the greatest over seeds. Multiply-adds: of the products and "
    "convolutions of a training step, for each real image, as the recipe counts them. Of machine "
    "rate: these as a share of what a matrix product reached on the machine just then.",
    "Parity, where a recipe has several implementations: whether a certificate says that this "
    "implementation and a twin in the table compute the same thing.",
)
"""What the columns mean."""
_LOGS_SHOWN = 5
"""Log tails of one implementation's failed runs."""


@dataclass(frozen=True)
class Cell:
    """A figure, and its range where it is of several seeds."""

    text: str
    range: str = ""
    sort: float | str | None = None
    """What the row is sorted by; None stands last."""


@dataclass(frozen=True)
class Column:
    """A column of figures or of words."""

    title: str
    kind: str = "number"
    """``number`` or ``text``."""


@dataclass(frozen=True)
class Trouble:
    """Runs of one implementation that are not in the figures, for the same reason."""

    label: str
    seeds: tuple[int, ...]
    status: str
    reason: str
    log_tail: str
    """Its last lines; empty where there is none, or enough are shown already."""

    @property
    def which(self) -> str:
        """E.g. ``1`` or ``1, 2 and 5``."""
        return listed([str(seed) for seed in self.seeds])


@dataclass(frozen=True)
class RankedRow:
    """One implementation."""

    label: str
    look: str
    """The class of its swatch."""
    words: str
    """What the filter looks for: names, parity and status, ``failed`` where a run did."""
    cells: tuple[Cell, ...]
    troubles: tuple[Trouble, ...]
    """Its runs that are not in the figures."""


@dataclass(frozen=True)
class Reference:
    """The floor, the ceiling or samples from elsewhere: figures that are no implementation's."""

    label: str
    cells: tuple[Cell, ...]
    explanation: str


@dataclass(frozen=True)
class Ranking:
    """All of a group."""

    title: str
    columns: tuple[Column, ...]
    """Without the first, which names the row."""
    rows: tuple[RankedRow, ...]
    references: tuple[Reference, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """The FID whose time is shown."""

    fid: float
    reached: Mapping[str, Reached]
    """By label."""


_SCORES = (
    ("KID", "kid"),
    ("Precision", "precision"),
    ("Recall", "recall"),
    ("Coverage", "coverage"),
    ("Modes", "classes_present"),
)


def ranking(
    group: Group,
    ranks: Standings,
    target: Target | None,
    looks: Mapping[str, Look],
    score_reasons: Mapping[str, str],
) -> Ranking:
    """Return the table of a group.

    Parameters
    ----------
    group
        Its rows are kept in their order.
    ranks
        What is certain of the order.
    target
        None where no FID is a target.
    looks
        By the rows' labels.
    score_reasons
        By run id: why a run's scoring went wrong.
    """
    parity = row_parity(group.rows)
    columns: list[Column] = []
    cells: dict[str, list[Cell]] = {row.label: [] for row in group.rows}

    def column(title: str, by_label: Mapping[str, Cell], kind: str = "number") -> None:
        columns.append(Column(title, kind))
        for label, own in cells.items():
            own.append(by_label.get(label, Cell(MISSING)))

    rows = group.rows
    if ranks.quality and len(rows) > 1:
        column("Rank", {label: _rank(ranks, label) for label in ranks.quality.labels})
    scored_columns = _score_columns(group)
    for title, scored, name in scored_columns:
        column(title, {row.label: _score(name, scored.spread(row.label, name)) for row in rows})
    if not scored_columns:
        column("Final FID", {})
    column("Images/s", {row.label: _mean(row.images_per_s) for row in rows})
    column("Warm-up (s)", {row.label: _median(row.warmup_s) for row in rows})
    column("Time to finish (s)", {row.label: _median(row.finish_s) for row in rows})
    if target:
        reached = {label: _reached(found) for label, found in target.reached.items()}
        column(f"Time to FID {target.fid:g} (s)", reached)
    column("Peak memory (MB)", {row.label: _greatest(row.peak_mb) for row in rows})
    for title, network in (("Parameters G", "generator"), ("Parameters D", "discriminator")):
        column(title, {row.label: _count(row.parameters.get(network)) for row in rows})
    column("Multiply-adds per image (M)", {row.label: _multiply_adds(row) for row in rows})
    column("Of machine rate (%)", {row.label: _share(row) for row in rows})
    column("Failed", {row.label: _failed(row) for row in rows})
    if parity:
        column("Parity", {row.label: _parity(row, parity) for row in rows}, "text")
    column("Status", {row.label: _status(row) for row in rows}, "text")
    return Ranking(
        title=group.title,
        columns=tuple(columns),
        rows=tuple(
            RankedRow(
                row.label,
                looks[row.label].colour_class,
                _words(row, parity),
                tuple(cells[row.label]),
                tuple(_troubles(row, score_reasons)),
            )
            for row in rows
        ),
        references=_references(group, [c.title for c in columns], scored_columns),
        notes=tuple(_notes(group, target)),
    )


def _score_columns(group: Group) -> list[tuple[str, Scored, str]]:
    """Return the columns that hold scores: title, protocol and the metric's name."""
    found = []
    if group.scored:
        found.append((f"Final FID ({group.features})", group.scored, group.scored.metric))
    found += [(f"Final FID ({other.features})", other, other.metric) for other in group.others]
    for title, name in _SCORES:
        for scored in group.protocols:
            if any(scored.spread(row.label, name) for row in group.rows):
                word = title if scored is group.scored else f"{title} ({scored.features})"
                found.append((word, scored, name))
                break
    return found


def _rank(ranks: Standings, label: str) -> Cell:
    assert ranks.quality is not None
    first, last = ranks.quality.rank(label)
    return Cell(f"{first}" if first == last else f"{first} to {last}", sort=first + last / 1e6)


def _mean(spread: Spread | None) -> Cell:
    return _cell(spread, spread.mean) if spread else Cell(MISSING)


def _score(name: str, spread: Spread | None) -> Cell:
    if name == "classes_present" and spread and spread.low == spread.high:
        return Cell(f"{spread.mean:g}", sort=spread.mean)
    return _mean(spread)


def _median(spread: Spread | None) -> Cell:
    return Cell(figure(spread.median), sort=spread.median) if spread else Cell(MISSING)


def _greatest(spread: Spread | None) -> Cell:
    return Cell(figure(spread.high), sort=spread.high) if spread else Cell(MISSING)


def _cell(spread: Spread, middle: float) -> Cell:
    several = spread.seeds > 1
    bounds = f"{figure(spread.low)} to {figure(spread.high)}" if several else ""
    return Cell(figure(middle), bounds, middle)


def _count(number: int | None) -> Cell:
    return Cell(count(number), sort=number)


def _reached(found: Reached) -> Cell:
    if found.seconds is None:
        return Cell("not reached", f"0 of {found.seeds}")
    middle = found.seconds.median
    # Those that some seeds never reach stand after all that always do.
    sort = middle if found.reached == found.seeds else None
    return Cell(figure(middle), f"{found.reached} of {found.seeds}", sort)


def _multiply_adds(row: Row) -> Cell:
    number = row.multiply_adds_per_image
    return Cell(MISSING) if number is None else Cell(figure(number / 1e6), sort=number)


def _share(row: Row) -> Cell:
    share = row.machine_fraction
    return Cell(MISSING) if share is None else Cell(figure(100 * share.median), sort=share.median)


def _failed(row: Row) -> Cell:
    ended = len(row.ok_runs) + len(row.failed_runs)
    if not ended:
        return Cell(MISSING)
    return Cell(f"{len(row.failed_runs)} of {ended}", sort=len(row.failed_runs) / ended)


def _parity(row: Row, parity: Mapping[str, RowParity]) -> Cell:
    known = parity.get(row.label)
    text = known.label if known else "no twin here"
    return Cell(text, sort=text)


def _status(row: Row) -> Cell:
    text = f"{row.status}{', saw the reference' * row.saw_reference}"
    return Cell(text, sort=text)


def _words(row: Row, parity: Mapping[str, RowParity]) -> str:
    known = parity.get(row.label)
    words = [row.label, row.recipe, row.framework, row.status]
    return " ".join(
        [*words, *["failed"] * bool(row.failed_runs), *([known.label] if known else [])]
    )


def _troubles(row: Row, score_reasons: Mapping[str, str]) -> list[Trouble]:
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


def _references(
    group: Group, titles: Sequence[str], columns: Sequence[tuple[str, Scored, str]]
) -> tuple[Reference, ...]:
    if group.scored is None:
        return ()

    def cells(by_title: Mapping[str, Cell]) -> tuple[Cell, ...]:
        return tuple(by_title.get(title, Cell("")) for title in titles)

    floors = {title: scored.floor_of(name) for title, scored, name in columns}
    floor = "as many real training images scored like samples: no generator is expected below"
    if group.floor is None:
        floor = group.scored.floor_reason or "not measured"
    ceilings = {
        title: _mean(scored.ceiling) for title, scored, name in columns if name == scored.metric
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


def _notes(group: Group, target: Target | None) -> list[str]:
    notes = list(dict.fromkeys(text for scored in group.protocols for text in scored.warnings))
    if group.too_short and any(row.fid for row in group.rows):
        notes.append("The score columns are there to show that they work: do not rank by them.")
    deficient = [row.label for row in group.rows if row.rank_deficient]
    if deficient:
        notes.append(
            "A covariance behind a final FID, of the samples or of the reference, has less than "
            f"full rank: {listed(deficient, 6)}."
        )
    if target is None and group.scored and any(row.fid for row in group.rows):
        notes.append(
            "No time to a FID is shown: this data set has no target of its own; name one with "
            "--target-fid."
        )
    missing = _missing(group)
    if missing:
        notes.append(f"{MISSING} not measured: {missing}")
    return [*notes, *(remark for row in group.rows for remark in row.remarks)]


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
