"""The gate fails when an implementation is worse than its baseline: its outcome."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gan_bench.analysis.statistics import FEWEST_SEEDS
from gan_bench.errors import UsageError
from gan_bench.gate.baseline import Baseline, Entry
from gan_bench.gate.bounds import fresh_seeds, paired_seeds
from gan_bench.gate.comparability import incomparable
from gan_bench.gate.entries import entries, not_compared, preferred_protocols
from gan_bench.gate.verdict import GateRow, assess, confirmed, exit_code, with_verdicts
from gan_bench.metrics import SPEED, metric
from gan_bench.plugins.registry import is_path, path_name, registered, registration_problems
from gan_bench.text import did_you_mean, listed


@dataclass(frozen=True)
class Gate:
    """The outcome of a gate."""

    baseline_path: Path
    baseline: Baseline
    results: Path
    metric: str
    margin: float
    rows: tuple[GateRow, ...]
    left_out: tuple[str, ...] = ()
    """One sentence for each thing in the results folder that was not compared."""

    @property
    def exit_code(self) -> int:
        """0, 1, 3 or 4."""
        return exit_code(self.rows)


def with_labels(rows: Sequence[GateRow]) -> tuple[GateRow, ...]:
    """Return the rows with distinct labels."""
    names = Counter(row.baseline.implementation for row in rows)
    return tuple(replace(r, distinct=names[r.baseline.implementation] == 1) for r in rows)


def choose_metric(baseline: Baseline, name: str | None) -> str:
    """Return the name of the metric to compare; by default fid_lenet, otherwise another FID.

    Raises
    ------
    UsageError
        The baseline does not have the metric, or no metric is named and it has no FID.
    """
    known = baseline.metrics
    timed = any(run.images_per_s is not None for e in baseline.entries for run in e.seeds)
    everything = [*known, SPEED] if timed else list(known)
    if name is None:
        fids = [n for n in known if metric(n).is_fid]
        if not fids:
            if not everything:
                raise UsageError("The baseline has no metric; freeze one from scored runs.")
            names = listed(everything, last="or")
            raise UsageError(f"The baseline has no FID; give --metric {names}.")
        return "fid_lenet" if "fid_lenet" in fids else fids[0]
    if name not in everything:
        raise UsageError(f"The baseline has no metric {name!r}; it has {listed(everything)}.")
    return name


def chosen_targets(targets: Sequence[str], known: Sequence[str], *, run: bool) -> dict[str, str]:
    """Return the chosen targets by the name of their implementation.

    If ``targets`` is empty, these are all implementations of the baseline, ``known``. With ``run``,
    targets are to be trained, and may be paths of plugins.

    Raises
    ------
    UsageError
        A target is not in the baseline, is named twice, or cannot be trained.
    """
    found: dict[str, str] = {}
    for target in targets:
        if is_path(target) and not run:
            raise UsageError(f"{target}: a path needs --run; without it, name an implementation.")
        name = path_name(target) if is_path(target) else target
        if name not in known:
            hint = did_you_mean(name, known, f"it has {listed(known)}.")
            raise UsageError(f"{name!r} is not in the baseline; {hint}")
        if name in found:
            raise UsageError(f"{name} was named twice; give it once.")
        found[name] = target
    found = found or {name: name for name in known}
    for name, target in found.items():
        if run and not is_path(target) and target not in registered():
            if problem := registration_problems().get(target):
                raise UsageError(f"{problem}.")
            stem, colon, attribute = name.partition(":")
            file = f"{stem.replace('-', '_')}.py{colon}{attribute}"
            raise UsageError(
                f"The baseline's {name} is no registered implementation; give the path of its "
                f"file, as in `gan-bench gate --run ./{file}`, or, if its own script trained it, "
                "name the others."
            )
    return found


def compare_stored(
    baseline: Sequence[Entry], results: Path, name: str, margin: float
) -> tuple[list[GateRow], tuple[str, ...]]:
    """Compare entries of a baseline with the runs of a results folder.

    With twice as many fresh seeds as needed, the first half is tested first, and if it fails, the
    second half alone decides, as with ``--run``.

    Returns
    -------
    rows, left_out
        One row for each entry; one sentence for each thing in the folder that was not compared.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    found = entries(results, prefer=preferred_protocols(baseline))
    compared = [_Compared.of(entry, found.entries, name, margin) for entry in baseline]
    rows = with_verdicts([one.assess(one.first) for one in compared])
    again = [i for i, row in enumerate(rows) if row.fails and compared[i].rerun]
    reruns = with_verdicts([compared[i].assess(compared[i].rerun) for i in again])
    for i, rerun in zip(again, reruns, strict=True):
        rows[i] = confirmed(rows[i], rerun)
    for i, row in enumerate(rows):
        if row.fails and not compared[i].rerun:
            why = f"{row.why}; unconfirmed, as that needs {2 * FEWEST_SEEDS} fresh seeds"
            rows[i] = replace(row, why=why)
    return rows, found.left_out


@dataclass(frozen=True)
class _Compared:
    """An entry of the baseline with the candidate that it is compared with."""

    baseline: Entry
    candidate: Entry | None
    metric: str
    margin: float
    first: list[int] | None
    """Seeds of the first test; None for all."""
    rerun: list[int] | None
    """Seeds of the test that confirms a failure; None if there are too few."""
    notes: tuple[str, ...]
    """Sentences on other runs of the implementation."""

    @staticmethod
    def of(baseline: Entry, candidates: Sequence[Entry], metric: str, margin: float) -> "_Compared":
        candidate, notes = _partner(baseline, candidates, metric)
        fresh = fresh_seeds(baseline, candidate) if candidate else []
        enough = (
            metric != SPEED
            and candidate is not None
            and paired_seeds(baseline, candidate, metric, margin).is_enough(candidate, fresh)
        )
        if len(fresh) >= 2 * FEWEST_SEEDS and not enough:
            middle = -(-len(fresh) // 2)
            return _Compared(
                baseline, candidate, metric, margin, fresh[:middle], fresh[middle:], notes
            )
        return _Compared(baseline, candidate, metric, margin, None, None, notes)

    def assess(self, seeds: list[int] | None) -> GateRow:
        row = assess(self.baseline, self.candidate, self.metric, self.margin, seeds=seeds)
        return replace(row, notes=(*row.notes, *self.notes))


def _partner(
    baseline: Entry, candidates: Sequence[Entry], metric: str
) -> tuple[Entry | None, tuple[str, ...]]:
    """Return the entry to compare with, and sentences on the others of its implementation.

    A comparable one is preferred, then one with the same data and budget.
    """
    same = [entry for entry in candidates if entry.implementation == baseline.implementation]

    def similarity(entry: Entry) -> tuple[bool, bool, bool]:
        comparable = not incomparable(baseline, entry, metric)
        return comparable, entry.key == baseline.key, entry.data_sha256 == baseline.data_sha256

    best = max(same, key=similarity, default=None)
    if best is None:
        return None, ()
    others = [e for e in same if e is not best and not incomparable(baseline, e, metric)]
    return best, tuple(not_compared(best, entry) for entry in others)
