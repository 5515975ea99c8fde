"""Scores kept snapshots again, later, without training: ``gan-bench score --results DIR``."""

from collections.abc import Iterator
from dataclasses import dataclass

from gan_bench.errors import UsageError
from gan_bench.executor.scoring import Scoring, model_name, score
from gan_bench.folders import ResultsFolder, RunFolder
from gan_bench.locks import run_lock
from gan_bench.score.result import Score, Scores


@dataclass(frozen=True)
class Rescored:
    """What came of one run."""

    run_id: str
    rows: tuple[Score, ...]
    """Its figures under these features, at its last snapshot."""
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
        One for each run, as soon as it is done.

    Raises
    ------
    UsageError
        No run has snapshots, or another process is at one.
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
        with run_lock(results.locks, run_id, command):
            problems = [
                score(
                    folder,
                    features,
                    scoring.metrics_of(features),
                    scoring=scoring,
                    threads=threads,
                    points=points,
                    thin=False,
                )
                for features in scoring.features
            ]
        yield Rescored(
            run_id=run_id,
            rows=tuple(_last_rows(folder, [model_name(name) for name in scoring.features])),
            problem=next((problem for problem in problems if problem is not None), None),
        )


def _last_rows(folder: RunFolder, names: list[str]) -> Iterator[Score]:
    for path in sorted(folder.scores.glob("*.json")):
        scores = Scores.read(path)
        if scores.protocol.features in names and scores.scores:
            last = max(row.step for row in scores.scores)
            yield from (row for row in scores.scores if row.step == last)
