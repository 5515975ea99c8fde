"""What one implementation's runs in A and in B come to: the difference and the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from gan_bench.analysis.seeds import SeedValues
from gan_bench.analysis.statistics import Difference, Scale, holm, paired, welch
from gan_bench.compare.pairing import ESSENTIAL, MACHINE, SPEED, Folder, RunGroup, differing
from gan_bench.metrics import higher_is_better
from gan_bench.results.scores import differences
from gan_bench.text import against

Kind = Literal[
    "better", "worse", "cannot be told apart", "incomparable", "one seed", "no figure", "only"
]


@dataclass(frozen=True)
class Side:
    """An implementation in one of the folders, over the seeds that are ok."""

    figure: SeedValues | None
    """Of the metric."""
    images_per_s: SeedValues | None
    finish_s: SeedValues | None
    """Warm-up and training."""
    peak_rss_mb: SeedValues | None
    runs: int
    not_ok: dict[str, int]
    """How many runs have another status, by status."""

    @staticmethod
    def of(cell: RunGroup, metric: str, protocol: str | None) -> "Side":
        """Return what a cell comes to."""
        return Side(
            figure=cell.figure(metric, protocol),
            images_per_s=cell.figure(SPEED, None),
            finish_s=cell.measured(lambda run: run.finish_s),
            peak_rss_mb=cell.measured(lambda run: run.record.peak_rss_mb if run.record else None),
            runs=len(cell.runs),
            not_ok=cell.not_ok,
        )

    @property
    def status(self) -> str:
        """E.g. ``3 ok``, or ``2 ok, 1 diverged``."""
        ok = self.runs - sum(self.not_ok.values())
        words = [f"{ok} ok"] if ok or not self.not_ok else []
        return ", ".join([*words, *(f"{count} {status}" for status, count in self.not_ok.items())])


@dataclass(frozen=True)
class Row:
    """One implementation in both folders."""

    label: str
    a: Side | None
    b: Side | None
    kind: Kind
    verdict: str
    """The kind in words, with what makes it so."""
    protocol: str | None = None
    difference: Difference | None = None
    """B - A of the metric; of speed the ratio B / A. Its p is corrected over the rows."""
    speed: Difference | None = None
    """Of the training images per second, B / A; None where the machines differ, too."""
    notes: tuple[str, ...] = field(default=())
    """What else differs between the two, in words."""

    @property
    def comparable(self) -> bool:
        """Whether the verdict is one of the figures."""
        return self.kind in ("better", "worse", "cannot be told apart")


def judge(
    label: str,
    cells: tuple[RunGroup | None, RunGroup | None],
    folders: tuple[Folder, Folder],
    metric: str,
) -> Row:
    """Compare one implementation; the verdict on a difference comes with all rows, by `decide`."""
    one, other = cells
    if one is None or other is None:
        present = one or other
        assert present is not None
        protocol = next(iter(present.protocols(metric)), None)
        sides = [Side.of(cell, metric, protocol) if cell else None for cell in cells]
        return Row(label, sides[0], sides[1], "only", f"only in {'A' if one else 'B'}")
    of_one, of_other = one.protocols(metric), other.protocols(metric)
    common = next((protocol for protocol in of_one if protocol in of_other), None)
    row = Row(
        label,
        Side.of(one, metric, common or next(iter(of_one), None)),
        Side.of(other, metric, common or next(iter(of_other), None)),
        kind="cannot be told apart",
        verdict="cannot be told apart",
        protocol=common,
        speed=None if differing(one, other, MACHINE) else _ratio(one, other),
        notes=tuple(_notes(one, other)),
    )
    apart = _incomparable(one, other, metric)
    if not apart and of_one and of_other and common is None:
        apart = _protocols_apart(folders, of_one[0], of_other[0])
    if apart:
        return replace(row, kind="incomparable", verdict=f"incomparable: {', '.join(apart)}")
    assert row.a is not None and row.b is not None
    missing = [name for name, side in (("A", row.a), ("B", row.b)) if side.figure is None]
    if row.a.figure is None or row.b.figure is None:
        return replace(row, kind="no figure", verdict=f"no figure in {' and '.join(missing)}")
    if min(row.a.figure.seeds, row.b.figure.seeds) < 2:
        return replace(row, kind="one seed", verdict="one seed: nothing certain")
    scale: Scale = "ratio" if metric == SPEED else "difference"
    return replace(row, difference=compared(row.b.figure, row.a.figure, scale))


def decide(rows: Sequence[Row], metric: str) -> list[Row]:
    """Correct the rows' p values for their number, and say which difference is clear."""
    places = [i for i, row in enumerate(rows) if row.difference is not None]
    found = [row.difference for row in rows if row.difference is not None]
    corrected = holm([difference.p for difference in found])
    decided = list(rows)
    for i, difference, p in zip(places, found, corrected, strict=True):
        difference = replace(difference, p=p, adjusted=True)
        kind: Kind = "cannot be told apart"
        if difference.clear:
            nothing = 1 if difference.scale == "ratio" else 0
            kind = "better" if (difference.estimate > nothing) == up(metric) else "worse"
        decided[i] = replace(rows[i], difference=difference, kind=kind, verdict=kind)
    return decided


def up(metric: str) -> bool:
    """Tell whether a metric is better when it is higher."""
    return metric == SPEED or higher_is_better(metric)


def compared(x: SeedValues, y: SeedValues, scale: Scale) -> Difference | None:
    """Compare two spreads: seed by seed where they have the same ones, else as independent."""
    if x.seed_numbers == y.seed_numbers:
        return paired(x.values, y.values, scale=scale)
    return welch(x.values, y.values, scale=scale)


def _ratio(one: RunGroup, other: RunGroup) -> Difference | None:
    a, b = one.figure(SPEED, None), other.figure(SPEED, None)
    return compared(b, a, "ratio") if a and b else None


def _incomparable(one: RunGroup, other: RunGroup, metric: str) -> list[str]:
    fields = (*ESSENTIAL, *MACHINE) if metric == SPEED else ESSENTIAL
    return [
        against("data set", one.dataset, other.dataset)
        if name == "data" and one.dataset != other.dataset
        else against(name, one.identity.get(name), other.identity.get(name))
        for name in differing(one, other, fields)
        # A side that has never run has no machine, and no figure either.
        if name != "machine" or (one.identity[name] and other.identity[name])
    ] + [
        f"machine (several in {letter})"
        for letter, cell in (("A", one), ("B", other))
        if metric == SPEED and len({run.hardware for run in cell.ok}) > 1
    ]


def _protocols_apart(folders: tuple[Folder, Folder], one: str, other: str) -> list[str]:
    a, b = folders[0].protocol(one), folders[1].protocol(other)
    return [
        against(f"protocol {name}", getattr(a, name), getattr(b, name))
        for name in differences(a, b)
    ]


def _notes(one: RunGroup, other: RunGroup) -> list[str]:
    """Name what differs and is no reason not to compare."""
    notes = []
    for name in differing(one, other):
        if name in ESSENTIAL or (name == "machine" and not one.identity[name]):
            continue
        kind, _, what = name.partition(" ")
        if kind == "convention":
            notes.append(f"{what} is pinned otherwise")
        elif name == "source":
            notes.append(against("source", one.identity[name], other.identity[name]))
        else:
            notes.append(against(name, one.identity.get(name), other.identity.get(name)))
    seeds = one.weights.keys() & other.weights.keys()
    if seeds and all(one.weights[s] == other.weights[s] is not None for s in seeds):
        notes.append("the final weights are the same to the bit, seed by seed")
    for letter, cell in (("A", one), ("B", other)):
        if any(r.record and r.record.circumstances.device_exclusive is False for r in cell.ok):
            notes.append(f"the device was not exclusive in {letter}, so its times are less certain")
    return notes
