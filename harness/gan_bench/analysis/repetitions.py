"""How far runs of one seed differ that ought to be the same measurement, and how far seeds do."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gan_bench.analysis.final_scores import final_scores
from gan_bench.analysis.identity import Machine
from gan_bench.analysis.summary import Group, Row


@dataclass(frozen=True)
class Repetitions:
    """The spread over runs of one seed, and that over the seeds of the same implementations."""

    seeds: int
    """Seeds with several runs that have a final FID."""
    machines: int
    """Machines of these runs."""
    of_one_seed: float
    """Standard deviation of the logarithm of the final FID over the runs of a seed, pooled."""
    of_seeds: float | None
    """The same over the seeds of an implementation; None without two seeds."""


def repetitions(group: Group) -> Repetitions | None:
    """Return how far the final FIDs of a group's repeated seeds differ, None if there are none."""
    rows = [row for row in group.rows if row.repetitions and not row.saw_reference]
    repeated = [values for row in rows for values in _by_seed(row, group) if len(values) > 1]
    spread = pooled_spread([list(values.values()) for values in repeated])
    if spread is None:
        return None
    return Repetitions(
        seeds=len(repeated),
        machines=len({machine for values in repeated for machine, _ in values}),
        of_one_seed=spread,
        of_seeds=pooled_spread([row.fid.values for row in rows if row.fid]),
    )


def _by_seed(row: Row, group: Group) -> Iterable[dict[tuple[Machine, str], float]]:
    """Return the final FIDs of each seed by machine and run."""
    found: dict[int, dict[tuple[Machine, str], float]] = {}
    for run in (*row.runs, *row.repetitions):
        score = final_scores(run, group.setting.protocol).get(group.metric or "")
        if score and score.value is not None:
            key = Machine.of(run), run.run_id
            found.setdefault(run.spec.seed, {})[key] = score.value
    return found.values()


def pooled_spread(samples: Iterable[Sequence[float]]) -> float | None:
    """Return the standard deviation of logarithms within samples, pooled over them.

    None without a sample of two positive values; others are left out.
    """
    squares, freedom = 0.0, 0
    for values in samples:
        if len(values) < 2 or min(values) <= 0:
            continue
        logarithms = [math.log(value) for value in values]
        mean = math.fsum(logarithms) / len(logarithms)
        squares += math.fsum((x - mean) ** 2 for x in logarithms)
        freedom += len(logarithms) - 1
    return math.sqrt(squares / freedom) if freedom else None
