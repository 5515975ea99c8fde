"""The ranking of a comparable group: one row an implementation, then the floor and the ceiling."""

from collections.abc import Mapping

from gan_bench.analysis.parity import RowParity, row_parity
from gan_bench.analysis.summary import Group, Row, Scored
from gan_bench.report.pictures import Look
from gan_bench.report.sections.answer import Standings
from gan_bench.report.sections.ranking_rows import (
    counted,
    failed,
    greatest,
    mean,
    median,
    multiply_adds,
    notes,
    parity_of,
    reached,
    references,
    score,
    share,
    status_of,
    troubles,
)
from gan_bench.report.sections.tables import Cell, Column, RankedRow, Ranking, Target
from gan_bench.text import MISSING

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
        column(title, {row.label: score(name, scored.spread(row.label, name)) for row in rows})
    if not scored_columns:
        column("Final FID", {})
    column("Images/s", {row.label: mean(row.images_per_s) for row in rows})
    column("Warm-up (s)", {row.label: median(row.warmup_s) for row in rows})
    column("Time to finish (s)", {row.label: median(row.finish_s) for row in rows})
    if target:
        times = {label: reached(found) for label, found in target.reached.items()}
        column(f"Time to FID {target.fid:g} (s)", times)
    column("Peak memory (MB)", {row.label: greatest(row.peak_mb) for row in rows})
    for title, network in (("Parameters G", "generator"), ("Parameters D", "discriminator")):
        column(title, {row.label: counted(row.parameters.get(network)) for row in rows})
    column("Multiply-adds per image (M)", {row.label: multiply_adds(row) for row in rows})
    column("Of machine rate (%)", {row.label: share(row) for row in rows})
    column("Failed", {row.label: failed(row) for row in rows})
    if parity:
        column("Parity", {row.label: parity_of(row, parity) for row in rows}, "text")
    column("Status", {row.label: status_of(row) for row in rows}, "text")
    return Ranking(
        title=group.title,
        columns=tuple(columns),
        rows=tuple(
            RankedRow(
                row.label,
                looks[row.label].colour_class,
                _words(row, parity),
                tuple(cells[row.label]),
                tuple(troubles(row, score_reasons)),
            )
            for row in rows
        ),
        references=references(group, [c.title for c in columns], scored_columns),
        notes=tuple(notes(group, target)),
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


def _words(row: Row, parity: Mapping[str, RowParity]) -> str:
    known = parity.get(row.label)
    words = [row.label, row.recipe, row.framework, row.status]
    return " ".join(
        [*words, *["failed"] * bool(row.failed_runs), *([known.label] if known else [])]
    )
