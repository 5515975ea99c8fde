"""Every metric of the final snapshots, external samples, and published figures."""

from collections.abc import Sequence
from dataclasses import replace

from gan_bench.analysis.scored import Final, Scored, estimate_of, interval_of_estimate
from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import Group
from gan_bench.metrics import FAMILIES, SPEED, metric
from gan_bench.report.sections.ranking_rows import score_text
from gan_bench.results.external import PublishedFigure
from gan_bench.results.scores import Score, Scores
from gan_bench.text import MISSING, Column, Table, figure, interval, listed, many

_NOTE = (
    "All values are means over the seeds. A finite number of images makes an FID too large; the "
    "estimate is the FID without that part, if it can be estimated from the images, and else the "
    "FID. The 95 % interval is that of the estimate, not of the FID: over the seeds (Student's t), "
    "or, with one seed, from leaving out groups of images (the jackknife), and where these are too "
    "few for an estimate, from a lower bound of the distance up to the FID with its error. Lower "
    "is better for FID, KID, class KL, copied (0.01 by chance), NDB (the number of 100 bins whose "
    "share differs) and NDB JS; higher is better for precision, recall, density, coverage, classes "
    "present and, unless all samples are alike, confident. The distance to the nearest training "
    "image is Euclidean, over pixels from 0 to 1: the median over 2,000 samples at most, "
    "which are also those of copied. A short one means a copy, unless all samples are alike. The "
    "row of real images shows what can be reached."
)


_BESIDE = 5
"""Columns before those of other metrics."""


def quality(group: Group) -> list[Table]:
    """Return a table for each protocol of a group under which anything was scored."""
    found = [_table(group, scored) for scored in group.protocols]
    tables = [table for table in found if table is not None]
    # How to read the columns is said once.
    return [replace(t, note=f"{t.note} {_NOTE}") if t is tables[0] else t for t in tables]


def _table(group: Group, scored: Scored) -> Table | None:
    finals = {row.label: scored.finals[row.label] for row in group.rows}
    externals = {f"External: {name}": file for name, file in scored.externals}
    measured = {name for final in finals.values() for name in final.spreads}
    measured |= {row.metric for file in externals.values() for row in file.scores}
    if not measured:
        return None
    names = _names(measured, scored.features)
    rows = [(label, *_cells(final, scored.metric, names)) for label, final in finals.items()]
    rows += [(label, *_external(file, scored.metric, names)) for label, file in externals.items()]
    floor = (score_text(name, scored.floors.get(name)) for name in names)
    floor_fid = figure(scored.floors.get(scored.metric))
    rows.append(("Floor: real against real", floor_fid, *[MISSING] * 3, *floor))
    weights = f"; {scored.features}: {scored.weights}" if scored.weights else ""
    titles = [f"FID ({scored.features})", "Estimate", "95 % interval", "N real / fake"]
    titles += [metric(name).label for name in names]
    return Table(
        [Column("Implementation"), *(Column(title, "number") for title in titles)],
        rows,
        title=f"All scores of the final snapshot ({scored.features})",
        note=f"Protocol {scored.fingerprint}{weights}.",
    )


def scores_in_short(group: Group, tables: Sequence[Table]) -> str:
    """Return what the tables of `quality` hold, in one line; empty if nothing was scored."""
    if not tables:
        return ""
    metrics = {column.title for table in tables for column in table.columns[_BESIDE:]}
    features = listed([scored.features for scored in group.protocols])
    more = f" and {many(len(metrics), 'more metric')}" if metrics else ""
    known = {label for one in group.protocols for label, f in one.finals.items() if f.spreads}
    some = f"{len(known)} of " if len(known) < len(group.rows) else ""
    return (
        f"FID ({features}) with the 95 % interval of its estimate{more}, of "
        f"{some}{many(len(group.rows), 'implementation')} and real images"
    )


def elsewhere(externals: Sequence[tuple[str, Scores]], *, beside_runs: bool = True) -> Table | None:
    """Return the table of external samples that share no protocol with a run, or None."""
    rows = [
        (
            *(name, file.fingerprint, row.metric, figure(row.value)),
            figure(estimate_of(row)) if row.low is not None else MISSING,
            _estimates_interval(row),
            figure(file.floor.get(row.metric)),
            _counts((row.n_real, row.n_fake)),
        )
        for name, file in externals
        for row in file.scores
        if row.value is not None
    ]
    if not rows:
        return None
    warnings = dict.fromkeys(sentence for _, file in externals for sentence in file.warnings)
    warnings |= {f"{f.protocol.features}: {f.weights}.": None for _, f in externals if f.weights}
    note = "Values under different protocols are not comparable."
    if beside_runs:
        note = "No run was scored under these protocols: the values do not compare with the runs."
    titles = ("Name", "Protocol", "Metric", "Value", "Estimate", "95 % interval", "Floor")
    return Table(
        [Column(title) for title in (*titles, "N real / fake")],
        rows,
        title="External samples under protocols of their own"
        if beside_runs
        else "External samples",
        note=" ".join((note, *warnings)),
    )


def _names(measured: set[str], features: str) -> list[str]:
    """Return the names of the measured metrics beside the FID, in the order of tables."""
    families = [family for family in FAMILIES if family not in ("fid", SPEED)]
    names = [name for family in families for name in (f"{family}_{features}", family)]
    return [name for name in names if name in measured]


def _cells(final: Final, metric: str, names: Sequence[str]) -> tuple[str, ...]:
    return (
        _mean("", final.spreads.get(metric)),
        figure(final.estimate[0] if final.estimate else None),
        interval(*(final.estimate[1:] if final.estimate else (None, None))),
        _counts(final.counts),
        *(_mean(name, final.spreads.get(name)) for name in names),
    )


def _external(file: Scores, metric: str, names: Sequence[str]) -> tuple[str, ...]:
    rows = {row.metric: row for row in file.scores}
    fid = rows.get(metric)
    return (
        figure(fid.value if fid else None),
        figure(estimate_of(fid) if fid and fid.low is not None else None),
        _estimates_interval(fid) if fid else MISSING,
        _counts((fid.n_real, fid.n_fake) if fid else None),
        *(score_text(name, rows[name].value if name in rows else None) for name in names),
    )


def _estimates_interval(score: Score) -> str:
    return interval(*(interval_of_estimate(score) or (None, None)))


def _mean(name: str, spread: SeedValues | None) -> str:
    return score_text(name, spread.mean if spread else None)


def _counts(counts: tuple[int, int] | None) -> str:
    return f"{counts[0]:,} / {counts[1]:,}" if counts else MISSING


_PUBLISHED_NOTE = (
    "Measured by others under their own protocols, as far as these are stated. Values under "
    "different protocols are not comparable: none of these is ranked with the tables above."
)


def published(figures: Sequence[PublishedFigure]) -> Table | None:
    """Return the table of published figures, None if the results folder names none."""
    if not figures:
        return None
    rows = [(f.name, f.dataset, f.metric, f.value, f.protocol, f.source) for f in figures]
    titles = ("What", "Data set", "Metric", "Published", "Protocol", "Source")
    columns = [Column(title) for title in titles]
    return Table(columns, rows, title="Published elsewhere", note=_PUBLISHED_NOTE)
