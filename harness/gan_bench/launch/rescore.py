"""Scores kept snapshots again, later, without training: ``gan-bench score --results DIR``."""

from collections.abc import Iterator
from dataclasses import dataclass

from gan_bench.errors import GanBenchError, UsageError
from gan_bench.launch.score import score, scores_with
from gan_bench.plan.spec import RunSpec
from gan_bench.results.layout import ResultsFolder, RunFolder
from gan_bench.results.scores import Scores
from gan_bench.scoring.features.choice import Scoring
from gan_bench.system.locks import run_lock


@dataclass(frozen=True)
class Rescored:
    """What came of one run."""

    run_id: str
    scores: tuple[Scores, ...]
    """All of its figures with each of the features, also those of before."""
    problem: str | None


def rescore(
    results: ResultsFolder, scoring: Scoring, *, points: str, threads: int, command: str
) -> Iterator[Rescored]:
    """Score every run that has snapshots; what is scored already is kept.

    Parameters
    ----------
    results
        The results folder.
    scoring
        Every one of its features is applied with all of its metrics.
    points
        ``final`` or ``all``.
    threads
        For the feature model.
    command
        For whoever meets the lock.

    Yields
    ------
    Rescored
        One for each run, as soon as it is done; what is wrong with one does not stop the others.

    Raises
    ------
    UsageError
        No run has snapshots.
    """
    folders = [
        folder for folder in results.run_folders() if any(folder.snapshots.glob("[0-9]*.npz"))
    ]
    if not folders:
        raise UsageError(
            f"No run in {results.path} has a snapshot to score; `gan-bench run` makes them."
        )
    for folder in folders:
        run_id = folder.path.name
        try:
            with run_lock(results.locks, run_id, command):
                yield _one(folder, scoring, points, threads)
        except GanBenchError as error:
            yield Rescored(run_id, (), str(error))


def _one(folder: RunFolder, scoring: Scoring, points: str, threads: int) -> Rescored:
    problems, found = [], []
    for features in scoring.features:
        problems.append(
            score(
                folder,
                features,
                scoring.metrics_of(features),
                scoring=scoring,
                threads=threads,
                points=points,
                thin=False,
            )
        )
        scores = scores_with(folder, RunSpec.read(folder.spec), features, scoring)
        if scores is not None:
            found.append(scores)
    problem = next((problem for problem in problems if problem is not None), None)
    return Rescored(folder.path.name, tuple(found), problem)
