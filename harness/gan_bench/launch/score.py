"""Scores snapshots in child processes: those of a new run, and kept ones of earlier runs."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from gan_bench import data
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.metrics import figure_names
from gan_bench.plan.spec import RunSpec
from gan_bench.results.layout import ResultsFolder, RunFolder
from gan_bench.results.scores import FORMULA_VERSION, LARGEST_REFERENCE, Score, Scores
from gan_bench.scoring.features.by_name import model_sha256
from gan_bench.scoring.features.choice import FeatureChoice, Scoring
from gan_bench.system.files import last_lines
from gan_bench.system.locks import run_lock


def unscored(folder: RunFolder, spec: RunSpec, scoring: Scoring) -> list[FeatureChoice]:
    """Return the features for which figures are missing that `score` could add.

    Parameters
    ----------
    folder, spec
        The run.
    scoring
        What it is to be scored with.
    """
    steps = sorted(int(path.stem) for path in folder.snapshots.glob("*.npz") if path.stem.isdigit())
    if not steps:
        return []
    finished = steps[-1] == spec.steps
    wanted = []
    for features in scoring.features:
        first = features == scoring.features[0]
        if not first and not finished:
            continue
        rows = _rows(folder, spec, features, scoring)
        name, metrics = features.name, scoring.metrics_of(features)
        fids = steps if first else [s for s in (0, steps[-1]) if s in steps and "fid" in metrics]
        complete = all(
            (row := rows.get((step, f"fid_{name}"))) is not None and row.value is not None
            for step in fids
        )
        # Of the others some have no figure for good: it is enough that they were tried.
        names = [n for metric in metrics for n in figure_names(metric, name)]
        tried = not finished or all((spec.steps, one) in rows for one in names)
        # A scorer that was killed may have left figures without grids.
        drawn = all((folder.grids / f"{step:08d}.png").exists() for step in steps)
        if not (complete and tried and (drawn or not first)):
            wanted.append(features)
    return wanted


def _rows(
    folder: RunFolder, spec: RunSpec, features: FeatureChoice, scoring: Scoring
) -> dict[tuple[int, str], Score]:
    found = scores_with(folder, spec, features, scoring)
    return {row.key: row for row in found.scores} if found else {}


def scores_with(
    folder: RunFolder, spec: RunSpec, features: FeatureChoice, scoring: Scoring
) -> Scores | None:
    """Return a run's scores with what the features stand for now, by today's formulas, or None."""
    sha256 = model_sha256(
        features.model, dataset=spec.dataset, data_sha256=spec.data_sha256, weights=scoring.weights
    )
    wanted = (features.name, sha256, FORMULA_VERSION, features.images or spec.samples)
    for path in sorted(folder.scores.glob("*.json")):
        try:
            file = Scores.read(path)
        except GanBenchError:
            continue
        protocol = file.protocol
        model = (protocol.features, protocol.features_sha256, protocol.formula_version)
        if (*model, protocol.n_fake) != wanted:
            continue
        # A word without a count takes all of the reference, however many these are.
        if protocol.n_real == (features.images or reference_size(spec)):
            return file
    return None


def check_counts(scoring: Scoring, specs: Iterable[RunSpec]) -> None:
    """Refuse features of more images than a run has, before it is trained.

    Raises
    ------
    UsageError
        There are fewer samples, or images to compare with.
    """
    for word in scoring.features:
        for spec in specs if word.images is not None else ():
            there = {"samples": spec.samples, "test images": reference_size(spec)}
            few = min(there, key=lambda what: there[what])
            if word.images is not None and word.images > there[few]:
                raise UsageError(
                    f"{word} takes {word.images:,} images, but {spec.dataset_label} has "
                    f"{there[few]:,} {few} in this plan: ask for fewer."
                )


@cache
def _test_images(dataset: str) -> int:
    return len(data.load(dataset).test.images)


def reference_size(spec: RunSpec) -> int:
    """Return how many images of the test split a run is scored against."""
    return min(_test_images(spec.dataset), LARGEST_REFERENCE)


def score(
    folder: RunFolder,
    features: FeatureChoice,
    metrics: tuple[str, ...],
    *,
    scoring: Scoring,
    threads: int,
    points: str,
    thin: bool = True,
    keep_samples: bool = False,
) -> str | None:
    """Score a run's snapshots; return why that did not give every figure, None if it did.

    Parameters
    ----------
    folder
        The run.
    features, metrics
        What to score with.
    scoring
        Says how else.
    threads
        For the feature model.
    points, thin, keep_samples
        See `gan_bench.scoring.score_run.score_run`.
    """
    with_weights = scoring.weights is not None and features.model == "inception"
    command = [
        *(sys.executable, "-P", "-m", "gan_bench.scoring", str(folder.path)),
        *("--features", str(features), "--metrics", ",".join(metrics), "--points", points),
        *("--threads", str(threads)),
        *(("--weights", str(scoring.weights)) if with_weights else ()),
        *(("--no-cache",) if not scoring.cache else ()),
        *(("--no-thin",) if not thin else ()),
        *(("--keep-samples",) if keep_samples else ()),
    ]
    with (
        (folder.path / "score.log").open("ab") as log,
        # The pipe is the scorer's sign that this process still lives.
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as process,
    ):
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            raise
    if code == 0:
        return None
    lines = last_lines(folder.path / "score.log")
    return (
        lines[0].strip() if lines and code in (1, 2) else f"the scorer ended with exit code {code}"
    )


def score_all(
    folder: RunFolder, spec: RunSpec, scoring: Scoring, *, keep_samples: bool
) -> str | None:
    """Score a run's snapshots with all features; return the first problem, None if there is none.

    The features that score the last snapshot alone come first: only then are the others deleted.
    """
    problems = []
    for features in reversed(unscored(folder, spec, scoring)):
        first = features == scoring.features[0]
        problems.append(
            score(
                folder,
                features,
                scoring.metrics_of(features),
                scoring=scoring,
                threads=spec.threads,
                points="planned" if first else "ends",
                thin=first,
                keep_samples=keep_samples,
            )
        )
    return next((problem for problem in problems if problem is not None), None)


@dataclass(frozen=True)
class Rescored:
    """The scores of one run after scoring it again."""

    run_id: str
    scores: tuple[Scores, ...]
    """One for each feature model, including earlier metric values."""
    problem: str | None
    """Why values are missing, None if there are all."""


def rescore(
    results: ResultsFolder, scoring: Scoring, *, points: str, threads: int, command: str
) -> Iterator[Rescored]:
    """Score every run that has snapshots; what is scored already is kept.

    Parameters
    ----------
    results
        The results folder.
    scoring
        The feature models and metrics.
    points
        ``final`` or ``all``.
    threads
        Number of threads of the feature model.
    command
        The command line, for a process that finds the run locked.

    Yields
    ------
    Rescored
        One for each run, as soon as it is scored; an error in one does not stop the others.

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
                yield _rescore_run(folder, scoring, points, threads)
        except GanBenchError as error:
            yield Rescored(run_id, (), str(error))


def _rescore_run(folder: RunFolder, scoring: Scoring, points: str, threads: int) -> Rescored:
    problems, files = [], []
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
            files.append(scores)
    problem = next((problem for problem in problems if problem is not None), None)
    return Rescored(folder.path.name, tuple(files), problem)
