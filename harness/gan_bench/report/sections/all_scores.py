"""What else the final snapshots come to: every metric beside the FID, with the floor."""

from collections.abc import Sequence

from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import Final, Group, Scored
from gan_bench.report.sections.tables import Matrix
from gan_bench.results.published_figures import PublishedFigure
from gan_bench.results.scores import Score, Scores
from gan_bench.text import MISSING, figure

_WORDS = {
    "fid_infinity": "FID at infinity",
    "kid": "KID",
    "precision": "Precision",
    "recall": "Recall",
    "density": "Density",
    "coverage": "Coverage",
    "classes_present": "Classes present",
    "class_kl": "Class KL",
    "confident_share": "Confident",
    "nearest_train": "Nearest training image",
    "copied_share": "Copied",
    "ndb": "NDB",
    "ndb_js": "NDB JS",
}
"""Columns by metric, without the features' name."""
_COUNTS = ("classes_present", "ndb")
_NOTE = (
    "The interval of 95 % is of the distance between the two distributions, without the bias of "
    "so few images, of the first seed; the other figures are means over the seeds. Lower is "
    "better for KID, class KL, copied (0.01 is chance), NDB (of 100 bins, 5 are chance) and its "
    "JS; higher for the rest, and the nearest training image is a distance of pixels from 0 to 1."
)


def quality(group: Group) -> list[Matrix]:
    """Return the table of each of a group's protocols that anything was scored under."""
    found = [_matrix(group, scored) for scored in group.protocols]
    return [matrix for matrix in found if matrix is not None]


def _matrix(group: Group, scored: Scored) -> Matrix | None:
    finals = {row.label: scored.finals[row.label] for row in group.rows}
    externals = {f"From elsewhere: {name}": file for name, file in scored.externals}
    measured = {name for final in finals.values() for name in final.spreads}
    measured |= {row.metric for file in externals.values() for row in file.scores}
    if not measured:
        return None
    names = _names(measured, scored.features)
    rows = [(label, _cells(final, scored.metric, names)) for label, final in finals.items()]
    rows += [(label, _external(file, scored.metric, names)) for label, file in externals.items()]
    floor = (_text(name, scored.floors.get(name)) for name in names)
    floor_fid = figure(scored.floors.get(scored.metric))
    rows.append(("Floor: real against real", (floor_fid, MISSING, MISSING, *floor)))
    return Matrix(
        title=f"All scores of the final snapshot ({scored.features})",
        corner="Implementation",
        columns=(
            *(f"FID ({scored.features})", "95 % interval", "N real / fake"),
            *(_word(name, scored.features) for name in names),
        ),
        rows=tuple(rows),
        note=f"Protocol {scored.fingerprint}. {_NOTE}",
        numeric=True,
    )


def elsewhere(externals: Sequence[tuple[str, Scores]]) -> Matrix | None:
    """Return the table of samples that no run's protocol fits, None where there are none."""
    rows = [
        (
            name,
            (
                *(file.fingerprint, row.metric, figure(row.value)),
                _range(_bounds(row)),
                figure(file.floor.get(row.metric)),
                _counts((row.n_real, row.n_fake)),
            ),
        )
        for name, file in externals
        for row in file.scores
        if row.value is not None
    ]
    if not rows:
        return None
    warnings = dict.fromkeys(sentence for _, file in externals for sentence in file.warnings)
    note = "No run here was scored under these protocols, so they do not compare with the runs."
    return Matrix(
        title="Samples from elsewhere, under protocols of their own",
        corner="Name",
        columns=("Protocol", "Metric", "Value", "95 % interval", "Floor", "N real / fake"),
        rows=tuple(rows),
        note=" ".join((note, *warnings)),
    )


def _names(measured: set[str], features: str) -> list[str]:
    known = [f"{name}_{features}" if f"{name}_{features}" in measured else name for name in _WORDS]
    return [name for name in known if name in measured]


def _word(name: str, features: str) -> str:
    return _WORDS[name.removesuffix(f"_{features}")]


def _cells(final: Final, metric: str, names: Sequence[str]) -> tuple[str, ...]:
    return (
        _mean("", final.spreads.get(metric)),
        _range(final.interval),
        _counts(final.counts),
        *(_mean(name, final.spreads.get(name)) for name in names),
    )


def _external(file: Scores, metric: str, names: Sequence[str]) -> tuple[str, ...]:
    rows = {row.metric: row for row in file.scores}
    fid = rows.get(metric)
    return (
        figure(fid.value if fid else None),
        _range(_bounds(fid)),
        _counts((fid.n_real, fid.n_fake) if fid else None),
        *(_text(name, rows[name].value if name in rows else None) for name in names),
    )


def _bounds(row: Score | None) -> tuple[float, float] | None:
    if row is None or row.low is None or row.high is None:
        return None
    return row.low, row.high


def _text(name: str, value: float | None) -> str:
    if value is not None and name in _COUNTS and value == int(value):
        return f"{value:.0f}"
    return figure(value)


def _mean(name: str, spread: SeedValues | None) -> str:
    return _text(name, spread.mean if spread else None)


def _range(bounds: tuple[float, float] | None) -> str:
    return f"{figure(bounds[0])} to {figure(bounds[1])}" if bounds else MISSING


def _counts(counts: tuple[int, int] | None) -> str:
    return f"{counts[0]:,} / {counts[1]:,}" if counts else MISSING


_PUBLISHED_NOTE = (
    "Measured by others under protocols of their own, as far as they state them. A figure of "
    "another protocol says nothing against one of the tables above: neither is ranked with the "
    "other."
)


def published(figures: Sequence[PublishedFigure]) -> Matrix | None:
    """Return the table, None where the results folder names no such figure."""
    if not figures:
        return None
    rows = [
        (one.name, (one.dataset, one.metric, one.value, one.protocol, one.source))
        for one in figures
    ]
    columns = ("data set", "metric", "published", "protocol", "source")
    return Matrix("Published elsewhere", "what", columns, tuple(rows), _PUBLISHED_NOTE)
