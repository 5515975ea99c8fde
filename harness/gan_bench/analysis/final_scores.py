"""What a run scored at its end, and whether it failed or collapsed: one reading for all."""

from collections.abc import Callable, Collection, Iterable, Sequence

from gan_bench.analysis.runs import Run
from gan_bench.analysis.statistics import SeedValues
from gan_bench.metrics import SPEED, metric
from gan_bench.results.record import Record
from gan_bench.results.scores import Score
from gan_bench.results.status import FAILED

_COLLAPSED_SHARE = 1 / 4
"""Samples whose features fill less than this share of the real images' dimensions are collapsed.
A few dimensions less say nothing: a feature may be 0 for all samples of a generator that only
makes bad ones."""


def failed(run: Run) -> bool:
    """Return whether a run was started and did not succeed."""
    return run.status in FAILED


def final_scores(run: Run, protocol: str | None) -> dict[str, Score]:
    """Return the scores of a run's last snapshot by metric; none unless the run succeeded.

    The last snapshot is that of the last planned step, never the best one.
    """
    if run.status != "ok":
        return {}
    last = run.spec.steps
    return {score.metric: score for score in run.scores_under(protocol) if score.step == last}


def final_values(runs: Iterable[Run], name: str, protocol: str | None) -> SeedValues | None:
    """Return a metric's final values over the seeds that succeeded and have one.

    ``images_per_s`` needs no protocol.
    """
    if name == SPEED:
        return measured(runs, lambda record: record.images_per_s)
    scores = {run.spec.seed: final_scores(run, protocol).get(name) for run in runs}
    return SeedValues.by({seed: score.value if score else None for seed, score in scores.items()})


def measured(runs: Iterable[Run], of: Callable[[Record], float | None]) -> SeedValues | None:
    """Return a figure of the records over the seeds that succeeded and have one."""
    records = [run.record for run in runs if run.record and run.record.status == "ok"]
    return SeedValues.by({record.spec.seed: of(record) for record in records})


def protocols_of(runs: Sequence[Run], name: str, prefer: Collection[str] = ()) -> list[str]:
    """Return the protocols under which runs have final values of a metric, the best choice first.

    Preferred ones, those that the other side of a comparison has, come before others, and those
    with more seeds before those with fewer.
    """
    every = dict.fromkeys(file.fingerprint for run in runs for file in run.scores)
    values = {protocol: final_values(runs, name, protocol) for protocol in every}
    seeds = {protocol: found.seeds for protocol, found in values.items() if found}
    return sorted(seeds, key=lambda protocol: (protocol not in prefer, -seeds[protocol]))


def collapsed(run: Run) -> bool:
    """Return whether a run's last samples are one image, or next to it."""
    every = [s for file in run.scores for s in final_scores(run, file.fingerprint).values()]
    return any(score.all_equal or _few_dimensions(score) for score in every)


def _few_dimensions(score: Score) -> bool:
    if not metric(score.metric).is_fid or score.rank_fake is None or score.rank_real is None:
        return False
    # Samples that are fewer than the dimensions cannot fill them.
    enough = score.n_fake > score.rank_real
    return enough and score.rank_fake < _COLLAPSED_SHARE * score.rank_real
