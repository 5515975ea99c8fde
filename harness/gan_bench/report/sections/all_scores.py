"""Every metric of the final snapshots, external samples, and published figures."""

from collections.abc import Sequence

from gan_bench.analysis.statistics import SeedValues
from gan_bench.analysis.summary import Final, Group, Scored
from gan_bench.metrics import COUNTS, FAMILIES, SPEED, metric
from gan_bench.results.external import PublishedFigure
from gan_bench.results.scores import Scores
from gan_bench.text import MISSING, Column, Table, figure, interval

_NOTE = (
    "All values are means over the seeds. The 95 % interval of an implementation with several "
    "seeds is that of its mean FID over the seeds (Student's t). That of a single seed or of "
    "external samples is for the distance of the two distributions; the FID, which is too large by "
    "the bias of a finite number of images, is near its upper end. Lower is better for KID, class "
    "KL, copied (0.01 by chance), NDB (of 100 bins, 5 by chance) and NDB JS; higher is better for "
    "the rest. The distance to the nearest training image is Euclidean, over pixels from 0 to 1."
)


def quality(group: Group) -> list[Table]:
    """Return a table for each protocol of a group under which anything was scored."""
    tables = [_table(group, scored) for scored in group.protocols]
    return [table for table in tables if table is not None]


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
    floor = (_text(name, scored.floors.get(name)) for name in names)
    floor_fid = figure(scored.floors.get(scored.metric))
    rows.append(("Floor: real against real", floor_fid, MISSING, MISSING, *floor))
    weights = f"; {scored.features}: {scored.weights}" if scored.weights else ""
    titles = [f"FID ({scored.features})", "95 % interval", "N real / fake"]
    titles += [metric(name).label for name in names]
    return Table(
        [Column("Implementation"), *(Column(title, "number") for title in titles)],
        rows,
        title=f"All scores of the final snapshot ({scored.features})",
        note=f"Protocol {scored.fingerprint}{weights}. {_NOTE}",
    )


def elsewhere(externals: Sequence[tuple[str, Scores]], *, beside_runs: bool = True) -> Table | None:
    """Return the table of external samples that share no protocol with a run, or None."""
    rows = [
        (
            *(name, file.fingerprint, row.metric, figure(row.value)),
            interval(row.low, row.high),
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
    titles = ("Name", "Protocol", "Metric", "Value", "95 % interval", "Floor", "N real / fake")
    return Table(
        [Column(title) for title in titles],
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
        interval(*(final.interval or (None, None))),
        _counts(final.counts),
        *(_mean(name, final.spreads.get(name)) for name in names),
    )


def _external(file: Scores, metric: str, names: Sequence[str]) -> tuple[str, ...]:
    rows = {row.metric: row for row in file.scores}
    fid = rows.get(metric)
    return (
        figure(fid.value if fid else None),
        interval(fid.low, fid.high) if fid else MISSING,
        _counts((fid.n_real, fid.n_fake) if fid else None),
        *(_text(name, rows[name].value if name in rows else None) for name in names),
    )


def _text(name: str, value: float | None) -> str:
    return figure(value, whole=name in COUNTS)


def _mean(name: str, spread: SeedValues | None) -> str:
    return _text(name, spread.mean if spread else None)


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
