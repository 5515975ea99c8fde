"""The ranking of a comparable group: a row for each implementation, floor, ceiling and notes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gan_bench.analysis.parity import RowParity, row_parity
from gan_bench.analysis.ranks import RankedGroup
from gan_bench.analysis.runs import gpu_sharing
from gan_bench.analysis.scored import Scored
from gan_bench.analysis.summary import Group, Row
from gan_bench.metrics import COUNTS, metric
from gan_bench.report.pictures import Look
from gan_bench.report.sections.few_images import rank_notes, warnings
from gan_bench.report.sections.machines import machine_notes, times_by_machine
from gan_bench.report.sections.ranking_rows import (
    OWN_LOOP,
    WARM_UP,
    Cell,
    RankedRow,
    Ranking,
    RankingColumn,
    Reference,
    Section,
    Target,
    counted,
    failed,
    maximum,
    mean,
    median,
    multiply_adds,
    origin,
    parity_of,
    reached,
    score,
    score_text,
    status_of,
    troubles,
    utilisation,
)
from gan_bench.report.sections.standings import Standings
from gan_bench.text import MISSING, listed

_READING = {
    "Final FID": "distance between generated and real images at the end of training; lower is "
    "better. Mean over the seeds that succeeded, with the lowest and the highest seed. FIDs of "
    "different feature models, such as lenet and inception, are on different scales.",
    "Rank": "the place of an implementation by final FID. 1 to 3 means that it may be first, "
    "second or third. Recipes are compared over all frameworks together, so fewer seeds tell two "
    "recipes apart than two implementations.",
    "Time to FID": "seconds of training until the FID first falls to it; median over the seeds "
    "that reach it.",
}
"""Explanations of the first columns, by the beginnings of their titles."""
GLOSSARY = (
    "Recipe: a GAN with all its values. An implementation is a recipe in one framework; two "
    "implementations of one recipe are twins.",
    "Budget: the length of training, in training images. Protocol: everything that determines what "
    "a score means; scores under different protocols do not compare.",
    "Floor: the score of real images, scored like samples. Ceiling: the FID of the untrained "
    "generator.",
    "Rank: by Welch's test on logarithms, with each variance moderated by those of all "
    "implementations, and with Holm's correction over all pairs, at the level 5 %.",
    "KID, precision, recall, coverage, classes present: of the final samples, never of the best "
    "ones. Lower is better for KID, higher for the others. Classes present: number of classes "
    "among the samples.",
    "Warm-up: the first chunk of steps, training and compilation together, so it is no overhead. "
    "Images/s: training images per second after it. Time to finish: warm-up and training without "
    "evaluation, or what follows from a speed study (see above). The curve behind the time to a "
    "FID is a straight line between evaluation points. Quality at equal time is read from it at "
    "the time to finish of the fastest, the median over its seeds; slower ones are not at their "
    "final FID by then.",
    "Peak memory: of the training process, not of a GPU, the highest value of all seeds; 1 MiB is "
    "2^20 bytes. Multiply-adds: in matrix products and convolutions of a training step, per real "
    "image, as counted by the recipe. Share of machine rate: training's multiply-adds per second, "
    "relative to the rate of a matrix product on the same device just before and after (on a GPU "
    "only after). It may exceed 100 %: counted multiply-adds may exceed those executed, and that "
    "rate is no upper bound.",
    "From: which of several results folders and archives the runs are from. "
    "Parity: whether a certificate confirms that an implementation and a twin in the table compute "
    "the same thing.",
)
"""Explanations of the other columns, and of words of the report."""
MOST_COLUMNS = 8
"""Columns that are shown at first, with that of the names."""
_SCORES = ("kid", "precision", "recall", "coverage", "classes_present")
"""Metrics beside the FID, without the feature model's name."""


@dataclass(frozen=True)
class ScoreColumn:
    """A column of one metric under one protocol."""

    column: RankingColumn
    scored: Scored
    metric: str
    """Name of the metric, with or without the feature model's."""


def ranking(
    group: Group,
    ranks: Standings,
    target: Target | None,
    looks: Mapping[str, Look],
) -> Ranking:
    """Return the table of a group."""
    parity = row_parity(group.rows)
    rows = group.rows
    columns: list[RankingColumn] = []
    cells: dict[str, list[Cell]] = {row.label: [] for row in rows}

    def add(column: RankingColumn, by_label: Mapping[str, Cell]) -> None:
        columns.append(column)
        for label, own in cells.items():
            own.append(by_label.get(label, Cell(MISSING)))

    def measure(title: str, section: Section, of: Callable[[Row], Cell], priority: int = 3) -> None:
        column = RankingColumn(title, section=section, priority=priority)
        add(column, {row.label: of(row) for row in rows})

    def add_scores(columns: Sequence[ScoreColumn]) -> None:
        for one in columns:
            spreads = {row.label: one.scored.spread(row.label, one.metric) for row in rows}
            add(one.column, {label: score(one.metric, spread) for label, spread in spreads.items()})

    if ranks.quality and len(rows) > 1:
        ranked = {label: _rank(ranks.quality, label) for label in ranks.quality.labels}
        add(RankingColumn("Rank", priority=0), ranked)
    score_columns = _score_columns(group)
    add_scores(score_columns[:1])
    if not score_columns:
        add(RankingColumn("Final FID", section="Quality", priority=0), {})
    if target and target.reached:
        times = {label: reached(found) for label, found in target.reached.items()}
        title = f"Time to FID {target.fid:g} (s)"
        add(RankingColumn(title, section="Speed", priority=0), times)
    measure("Images/s", "Speed", lambda row: mean(row.images_per_s), 0)
    measure("Time to finish (s)", "Speed", lambda row: median(row.finish_s), 0)
    measure("Peak memory (MiB)", "Speed", lambda row: maximum(row.peak_mb), 0)
    statuses = {row.label: status_of(row) for row in rows}
    # A status that is the same everywhere says least.
    uneventful = all(cell.text == "ok" for cell in statuses.values())
    add(RankingColumn("Status", "text", priority=2 if uneventful else 0), statuses)
    if any(run.source for run in group.runs):
        add(RankingColumn("From", "text", priority=1), {row.label: origin(row) for row in rows})
    add_scores(score_columns[1:])
    measure(WARM_UP, "Speed", lambda row: median(row.warmup_s))
    measure("Parameters G", "Size", lambda row: counted(row.parameters.get("generator")))
    measure("Parameters D", "Size", lambda row: counted(row.parameters.get("discriminator")))
    measure("Multiply-adds per image (M)", "Size", multiply_adds)
    measure("Share of machine rate (%)", "Speed", utilisation)
    failures = RankingColumn("Failed", section="Reliability", has_ratio=False)
    add(failures, {row.label: failed(row) for row in rows})
    if parity:
        checked = {row.label: parity_of(row, parity) for row in rows}
        add(RankingColumn("Parity", "text"), checked)
    return Ranking(
        title=group.title,
        columns=_with_leading(columns),
        rows=tuple(
            RankedRow(
                row.label,
                looks[row.label].colour_class,
                _words(row, parity),
                tuple(cells[row.label]),
                tuple(troubles(row)),
                OWN_LOOP if row.own_loop else "",
            )
            for row in rows
        ),
        references=_references(group, columns, score_columns),
        notes=tuple(_notes(group, target)),
        by_machine=times_by_machine(group),
    )


def reading(rankings: Iterable[Ranking]) -> list[str]:
    """Return explanations of the first columns that some ranking has."""
    titles = [column.title for one in rankings for column in one.columns]
    return [
        f"{start}: {text}"
        for start, text in _READING.items()
        if any(title.startswith(start) for title in titles)
    ]


def _with_leading(columns: Sequence[RankingColumn]) -> tuple[RankingColumn, ...]:
    """Return the columns, those marked that are shown at first."""
    order = sorted(columns, key=lambda column: column.priority)
    first = [id(column) for column in order[: MOST_COLUMNS - 1]]
    return tuple(replace(column, leading=id(column) in first) for column in columns)


def _score_columns(group: Group) -> list[ScoreColumn]:
    found = []
    for scored in group.protocols:
        column = RankingColumn(
            f"Final FID ({scored.features})",
            section="Quality",
            priority=int(scored is not group.scored),
        )
        found.append(ScoreColumn(column, scored, scored.metric))
    for name in _SCORES:
        for scored in group.protocols:
            if any(scored.spread(row.label, name) for row in group.rows):
                title = metric(f"{name}_{scored.features}" if name not in COUNTS else name).label
                column = RankingColumn(
                    title if scored is group.scored else f"{title} ({scored.features})",
                    section="Quality",
                    has_ratio=False,  # they may be zero or nearly so
                )
                found.append(ScoreColumn(column, scored, name))
                break
    return found


def _rank(ranks: RankedGroup, label: str) -> Cell:
    first, last = ranks.rank(label)
    return Cell(f"{first}" if first == last else f"{first} to {last}", sort=first + last / 1e6)


def _words(row: Row, parity: Mapping[str, RowParity]) -> str:
    known = parity.get(row.label)
    words = [row.label, row.recipe, row.framework, row.status]
    return " ".join(
        [*words, *["failed"] * bool(row.failed_runs), *([known.label] if known else [])]
    )


def _references(
    group: Group, columns: Sequence[RankingColumn], score_columns: Sequence[ScoreColumn]
) -> tuple[Reference, ...]:
    """Return the rows of floor, ceiling and external samples."""
    if group.scored is None:
        return ()

    def row(label: str, of: Callable[[ScoreColumn], Cell], explanation: str) -> Reference:
        by_title = {one.column.title: of(one) for one in score_columns}
        cells = (by_title.get(column.title, Cell("")) for column in columns)
        return Reference(label, tuple(cells), explanation)

    def floor(one: ScoreColumn) -> Cell:
        return Cell(score_text(one.metric, one.scored.floor_of(one.metric)))

    def ceiling(one: ScoreColumn) -> Cell:
        return mean(one.scored.ceiling) if one.metric == one.scored.metric else Cell("")

    explanation = "real training images scored like samples: the best that a generator can expect"
    if group.floor is None:
        explanation = (group.scored.floor_reason or "not measured").rstrip(".")
    untrained = "generators of all runs before the first step"
    found = [
        row("Floor: real against real", floor, explanation),
        row(
            "Ceiling: untrained generator",
            ceiling,
            untrained if group.scored.ceiling else "no snapshot of step 0 was scored",
        ),
    ]
    names = dict.fromkeys(name for scored in group.protocols for name, _ in scored.externals)
    return (*found, *(_external(name, row, score_columns) for name in names))


def _external(
    name: str,
    row: Callable[[str, Callable[[ScoreColumn], Cell], str], Reference],
    score_columns: Sequence[ScoreColumn],
) -> Reference:
    def cell(one: ScoreColumn) -> Cell:
        file = dict(one.scored.externals).get(name)
        if file is None:
            return Cell("")
        values = {score.metric: score.value for score in file.scores}
        value = values.get(one.metric, values.get(f"{one.metric}_{one.scored.features}"))
        return Cell(score_text(one.metric, value))

    files = [file for one in score_columns if (file := dict(one.scored.externals).get(name))]
    last = files[-1]
    source = last.fake.images if last.fake else "unknown"
    explanation = f"{last.protocol.n_fake:,} images of {source}, not trained here"
    return row(f"External: {name}", cell, explanation)


def _notes(group: Group, target: Target | None) -> list[str]:
    """Return what a reader of the ranking must know."""
    found = list(dict.fromkeys(text for scored in group.protocols for text in warnings(scored)))
    found += machine_notes(group)
    if group.speed is not None:
        found.append(
            f"Images/s and the share of the machine rate are from {group.speed}: means over its "
            "repeats, with the lowest and the highest one. Times to finish and to an FID follow "
            "from it: compiling, and the images at this speed. Warm-up and memory are those of the "
            "runs."
        )
    found += [
        f"The weights of {one.features} are {one.weights}."
        for one in group.protocols
        if one.weights
    ]
    if group.too_short and any(row.fid for row in group.rows):
        found.append(
            "With this budget, the scores only show that scoring works: do not rank by them."
        )
    found += [note for scored in group.protocols for note in rank_notes(scored)]
    if target is None and group.scored and any(row.fid for row in group.rows):
        found.append(
            "No time to an FID is shown, as this data set has no default target: name one with "
            "--target-fid."
        )
    if own := [row.label for row in group.rows if row.own_loop]:
        found.append(
            f"{OWN_LOOP[0].upper()}{OWN_LOOP[1:]}: a script of its own trained {listed(own, 6)}, "
            "with initial weights and random numbers of its own; the times include its data "
            "pipeline."
        )
    found += gpu_sharing(group.timed_ok)
    missing = _missing(group)
    if missing:
        found.append(f"{MISSING} not measured: {missing}")
    return [*found, *(remark for row in group.rows for remark in row.remarks)]


def _missing(group: Group) -> str:
    reasons = []
    pending = [row.label for row in group.rows if row.pending]
    if pending:
        reasons.append(f"not trained yet ({listed(pending, 6)})")
    unfinished = [row.label for row in group.rows if not row.ok_runs and not row.pending]
    if unfinished:
        reasons.append(f"no run succeeded ({listed(unfinished, 6)})")
    ok = [row for row in group.rows if row.ok_runs]
    timed = [row for row in ok if row.timed_ok]
    if any(row.machine_fraction is None and row.multiply_adds_per_image for row in timed):
        alone = {
            run.record.circumstances.device_exclusive
            for row in timed
            for run in row.timed_ok
            if run.record is not None
        }
        what = "the GPU" if group.setting.device == "GPU" else "the machine"
        if False in alone:
            reasons.append(f"other processes used {what}, so its rate during the run is unknown")
        elif None in alone:
            reasons.append(f"whether other processes used {what} is unknown")
        else:
            reasons.append(f"a run was too short for a rate, or {what} was not measured")
    if any(not row.parameters or row.multiply_adds_per_image is None for row in ok):
        reasons.append("not every recipe counts its parameters and multiply-adds")
    if any(row.fid is None for row in ok):
        reasons.append("not every finished run was scored")
    return f"{'; '.join(reasons)}." if reasons else ""
