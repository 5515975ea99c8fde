"""The table of a comparable group: one row an implementation, then the floor and the ceiling."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gan_bench.report.numbers import MISSING, count, figure, listed
from gan_bench.report.palette import Look
from gan_bench.report.parity import RowParity, row_parity
from gan_bench.report.runs import Run
from gan_bench.report.summary import Group, Row, Spread
from gan_bench.score.result import Scores

READING = (
    "Final FID: of the last snapshot, never the best one; lower is better. Mean over the seeds "
    "that are ok, with the least and the greatest where there are several.",
    "Images/s: training images in steady state, median over seeds. Time to finish: warm-up and "
    "training, without evaluation. Peak memory: of the host, the greatest over seeds.",
    "Multiply-adds: of the products and convolutions of a training step, for each real image, as "
    "the recipe counts them. Of machine rate: these as a share of what a matrix product reached "
    "on the machine just then.",
    "Parity, where a recipe has several implementations: whether a certificate says that this "
    "implementation and a twin in the table compute the same thing.",
)
"""What the columns mean."""


@dataclass(frozen=True)
class Cell:
    """A figure, and its range where it is of several seeds."""

    text: str
    range: str = ""
    kind: str = "number"
    """``number`` or ``text``."""


@dataclass(frozen=True)
class TableRow:
    """One implementation."""

    label: str
    look: str
    """The class of its swatch."""
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Reference:
    """The floor, the ceiling or samples from elsewhere: a FID that is no implementation's."""

    label: str
    fid: Cell
    explanation: str


@dataclass(frozen=True)
class Trouble:
    """A run that is not in the figures."""

    label: str
    seed: int
    status: str
    reason: str
    log_tail: str


@dataclass(frozen=True)
class Table:
    """All of a group."""

    title: str
    setting: str
    columns: tuple[str, ...]
    """Without the first, which names the row."""
    rows: tuple[TableRow, ...]
    references: tuple[Reference, ...]
    notes: tuple[str, ...]
    text_columns: tuple[str, ...] = ("Parity", "Status")
    """Those of the columns that hold no figures."""


def table(group: Group, looks: Mapping[str, Look]) -> Table:
    """Return the table of a group.

    Parameters
    ----------
    group
        Its rows are kept in their order.
    looks
        By the rows' labels.
    """
    parity = row_parity(group.rows)
    columns = (
        f"Final FID ({group.features})" if group.metric else "Final FID",
        "Images/s",
        "Warm-up (s)",
        "Time to finish (s)",
        "Peak memory (MB)",
        "Parameters G",
        "Parameters D",
        "Multiply-adds per image (M)",
        "Of machine rate (%)",
        "Seeds ok",
        *(("Parity",) if parity else ()),
        "Status",
    )
    rows = tuple(
        TableRow(row.label, looks[row.label].colour_class, _cells(row, parity))
        for row in group.rows
    )
    return Table(
        title=group.title,
        setting=group.setting.describe(),
        columns=columns,
        rows=rows,
        references=_references(group) if group.metric else (),
        notes=tuple(_notes(group)),
    )


def troubles(groups: Sequence[Group], score_reasons: Mapping[str, str]) -> list[Trouble]:
    """Return every run that is not in the figures, each once.

    Parameters
    ----------
    groups
        All of them.
    score_reasons
        By run id: why a run's scoring went wrong.
    """
    found: dict[str, Trouble] = {}
    for group in groups:
        for row in group.rows:
            for run in row.runs:
                trouble = _trouble(row.label, run, score_reasons.get(run.run_id))
                if trouble:
                    found.setdefault(run.run_id, trouble)
    return list(found.values())


def _trouble(label: str, run: Run, score_reason: str | None) -> Trouble | None:
    reason = run.trouble() or score_reason
    if reason is None:
        return None
    status = "ok, scoring failed" if run.status == "ok" else run.status
    tail = run.record.log_tail if run.record else None
    return Trouble(label, run.spec.seed, status, reason, tail or "")


def _cells(row: Row, parity: Mapping[str, RowParity]) -> tuple[Cell, ...]:
    multiply_adds = row.multiply_adds_per_image
    share = row.machine_fraction
    return (
        _spread(row.fid, row.fid.mean) if row.fid else Cell(MISSING),
        _spread(row.images_per_s, row.images_per_s.median) if row.images_per_s else Cell(MISSING),
        Cell(figure(row.warmup_s.median if row.warmup_s else None)),
        Cell(figure(row.finish_s.median if row.finish_s else None)),
        Cell(figure(row.peak_mb.high if row.peak_mb else None)),
        Cell(count(row.parameters.get("generator"))),
        Cell(count(row.parameters.get("discriminator"))),
        Cell(figure(None if multiply_adds is None else multiply_adds / 1e6)),
        Cell(figure(100 * share.median if share else None)),
        Cell(f"{len(row.ok_runs)} of {len(row.runs)}"),
        *((_parity(row, parity),) if parity else ()),
        Cell(f"{row.status}{', saw the reference' * row.saw_reference}", kind="text"),
    )


def _parity(row: Row, parity: Mapping[str, RowParity]) -> Cell:
    known = parity.get(row.label)
    return Cell(known.label if known else "no twin here", kind="text")


def _spread(spread: Spread, middle: float) -> Cell:
    several = spread.seeds > 1
    return Cell(figure(middle), f"{figure(spread.low)} to {figure(spread.high)}" if several else "")


def _references(group: Group) -> tuple[Reference, ...]:
    floor_text = "as many real training images scored like samples: no generator is expected below"
    if group.floor is None:
        floor_text = group.floor_reason or "not measured"
    ceiling = group.ceiling
    externals = [_external(name, file, group) for name, file in group.externals]
    ceiling_text = "the generators of all runs before the first step"
    return (
        Reference("Floor: real against real", Cell(figure(group.floor)), floor_text),
        Reference(
            "Ceiling: untrained generator",
            _spread(ceiling, ceiling.mean) if ceiling else Cell(MISSING),
            ceiling_text if ceiling else "no snapshot of step 0 was scored",
        ),
        *externals,
    )


def _external(name: str, scores: Scores, group: Group) -> Reference:
    row = next((row for row in scores.scores if row.metric == group.metric), None)
    return Reference(
        f"From elsewhere: {name}",
        Cell(figure(row.value if row else None)),
        f"{scores.protocol.n_fake:,} images of {scores.fake.images if scores.fake else 'unknown'}, "
        "not trained here",
    )


def _notes(group: Group) -> list[str]:
    notes = list(group.warnings)
    if group.too_short and any(row.fid for row in group.rows):
        notes.append("The FID column is there to show that it works: do not rank by it.")
    deficient = [row.label for row in group.rows if row.rank_deficient]
    if deficient:
        notes.append(
            "A covariance behind a final FID, of the samples or of the reference, has less than "
            f"full rank: {listed(deficient, 6)}."
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
