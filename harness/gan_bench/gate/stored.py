"""The gate: whether a change made an implementation worse than its baseline."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gan_bench.gate.baseline import FEWEST_CANDIDATES, Baseline, Entry
from gan_bench.gate.comparability import incomparable
from gan_bench.gate.entries import entries, older, preferred
from gan_bench.gate.paired_seeds import fresh_seeds, own_seeds
from gan_bench.gate.prediction_bound import SPEED
from gan_bench.gate.verdict import Row, confirmed, decide, exit_code, judge


@dataclass(frozen=True)
class Gate:
    """A gate's outcome, for every way to show it."""

    baseline_path: Path
    baseline: Baseline
    results: Path
    metric: str
    margin: float
    rows: tuple[Row, ...]
    left_out: tuple[str, ...] = ()
    """A sentence for each thing in the results folder that was not compared."""

    @property
    def exit_code(self) -> int:
        """0, 1, 3 or 4."""
        return exit_code(self.rows)


def distinct(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return rows whose labels tell them apart."""
    names = Counter(row.baseline.implementation for row in rows)
    return tuple(replace(r, distinct=names[r.baseline.implementation] == 1) for r in rows)


def compare_stored(
    baseline: Sequence[Entry], results: Path, metric: str, margin: float
) -> tuple[list[Row], tuple[str, ...]]:
    """Judge entries of a baseline against what a results folder holds.

    Where there are twice as many fresh seeds as are needed, a half is judged first, and if it trips
    the other half alone decides, as ``--run`` does it.

    Returns
    -------
    rows, left_out
        One row an entry; a sentence for each thing of the folder that was not compared.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    found = entries(results, prefer=preferred(baseline))
    pairs = [(entry, *_partner(entry, found.entries, metric)) for entry in baseline]
    halves = [_halves(entry, one, metric, margin) if one else None for entry, one, _ in pairs]
    firsts = decide(
        [
            judge(entry, one, metric, margin, seeds=half[0] if half else None)
            for (entry, one, _), half in zip(pairs, halves, strict=True)
        ]
    )
    rows = [
        replace(row, notes=(*row.notes, *notes))
        for row, (_, _, notes) in zip(firsts, pairs, strict=True)
    ]
    again = [i for i, row in enumerate(rows) if row.tripped and halves[i]]
    reruns = decide(
        [
            judge(pairs[i][0], pairs[i][1], metric, margin, seeds=half[1])
            for i in again
            if (half := halves[i])
        ]
    )
    for i, rerun in zip(again, reruns, strict=True):
        rows[i] = confirmed(rows[i], replace(rerun, notes=rows[i].notes))
    for i, row in enumerate(rows):
        if row.tripped and not halves[i]:
            why = f"{row.why}; unconfirmed, which takes {2 * FEWEST_CANDIDATES} fresh seeds"
            rows[i] = replace(row, why=why)
    return rows, found.left_out


def _partner(
    entry: Entry, candidates: Sequence[Entry], metric: str
) -> tuple[Entry | None, tuple[str, ...]]:
    """Return whom an entry is compared with, and what is said of the others.

    One that can be compared, else one of the same data and budget; of several the one that was
    planned last.
    """
    same = [one for one in candidates if one.implementation == entry.implementation]

    def likeness(one: Entry) -> tuple[bool, bool, bool]:
        comparable = not incomparable(entry, one, metric)
        return comparable, one.key == entry.key, one.data_sha256 == entry.data_sha256

    best = max(same, key=likeness, default=None)
    if best is None:
        return None, ()
    others = [one for one in same if one is not best and not incomparable(entry, one, metric)]
    return best, tuple(older(best, one) for one in others)


def _halves(
    entry: Entry, candidate: Entry, metric: str, margin: float
) -> tuple[list[int], list[int]] | None:
    """Return a candidate's fresh seeds in two halves.

    None where they are too few for that, or the baseline's own seeds decide.
    """
    fresh = fresh_seeds(entry, candidate)
    own = own_seeds(entry, candidate, metric, margin)
    settled = metric != SPEED and own.passes and own.decides(candidate, fresh)
    if len(fresh) < 2 * FEWEST_CANDIDATES or settled:
        return None
    middle = -(-len(fresh) // 2)
    return fresh[:middle], fresh[middle:]
