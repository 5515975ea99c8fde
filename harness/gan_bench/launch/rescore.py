"""Scores the snapshots of a results folder, without training: ``gan-bench score --results``."""

from collections.abc import Iterator
from dataclasses import dataclass

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.launch.score import (
    Points,
    has_value,
    missing,
    repeated_tasks,
    score,
    scores_with,
    stored_scores,
)
from gan_bench.plan import RunSpec
from gan_bench.results.layout import ResultsFolder, RunFolder
from gan_bench.results.scores import Scores
from gan_bench.scoring.features import Scoring
from gan_bench.scoring.features.by_name import model_sha256
from gan_bench.scoring.snapshots import snapshot_paths
from gan_bench.system.locks import run_lock


@dataclass(frozen=True)
class Rescored:
    """The outcome for one run."""

    run_id: str
    problem: str | None
    scores: tuple[Scores, ...] = ()
    """All its scores with each of the features, old and new."""


def rescore(
    results: ResultsFolder, scoring: Scoring, *, points: Points, threads: int, command: str
) -> Iterator[Rescored]:
    """Compute the missing scores of every run that has snapshots.

    Each of the features is used with all of its metrics.

    Yields
    ------
    Rescored
        The outcome for each run as soon as it is known; a problem does not stop the other runs.

    Raises
    ------
    UsageError
        No run has snapshots.
    """
    folders = [folder for folder in results.run_folders() if snapshot_paths(folder)]
    if not folders:
        raise UsageError(
            f"No run in {results.path} has a snapshot to score; `gan-bench run` creates snapshots."
        )
    for folder in folders:
        run_id = folder.path.name
        try:
            with run_lock(results.locks, run_id, command):
                yield _rescore_run(folder, scoring, points, threads)
        except GanBenchError as error:
            yield Rescored(run_id, str(error))


def _rescore_run(folder: RunFolder, scoring: Scoring, points: Points, threads: int) -> Rescored:
    spec = RunSpec.read(folder.spec)
    tasks = missing(
        repeated_tasks(scoring, list(snapshot_paths(folder)), points),
        stored_scores(folder, spec, scoring),
        has_value(
            model_sha256("lenet", dataset=spec.dataset, data_sha256=spec.data_sha256, weights=None)
        ),
    )
    problems = score(folder, spec, scoring, tasks, threads=threads)
    files = [scores_with(folder, spec, features, scoring) for features in scoring.features]
    scores = tuple(file for file in files if file is not None)
    return Rescored(folder.path.name, problems[0] if problems else None, scores)
