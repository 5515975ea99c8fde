"""Finds the missing scores of runs and computes them in child processes, without training."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

from gan_bench import data
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.metrics import BY_CLASSIFIER, METRICS, figure_names
from gan_bench.plan import RunSpec
from gan_bench.results.layout import ResultsFolder, RunFolder
from gan_bench.results.scores import FORMULA_VERSION, LARGEST_REFERENCE, Score, Scores
from gan_bench.scoring import ScoringRequest, ScoringTask
from gan_bench.scoring.features import FeatureChoice, Progress, Scoring
from gan_bench.scoring.features.by_name import (
    BUILT_IN,
    inception_to_make,
    load_features,
    model_sha256,
)
from gan_bench.scoring.snapshots import keep_grids, snapshot_paths
from gan_bench.system.child import ChildDied, ask
from gan_bench.system.locks import run_lock

Points = Literal["final", "all"]
"""Snapshots that are scored again: the last one, or all."""
ScoreIndex = Mapping[tuple[int, str], Score]
"""The stored scores of a run with one feature model, by step and metric name."""


def planned_tasks(
    scoring: Scoring, snapshots: Sequence[int], *, last_step: int
) -> list[ScoringTask]:
    """Return all scores that a run should have.

    The first features score FID at every snapshot, even if it was not requested: snapshots before
    the last are deleted afterwards. The other features score FID of the untrained generator. All
    metrics are computed at the end of training.
    """
    tasks = []
    for features in scoring.features:
        requested = scoring.metrics_of(features)
        is_main = features == scoring.features[0]
        for step in snapshots:
            fid = is_main or (step in (0, last_step) and "fid" in requested)
            metrics = tuple(
                name
                for name in METRICS
                if (fid if name == "fid" else step == last_step and name in requested)
            )
            if metrics:
                tasks.append(ScoringTask(features=features, metrics=metrics, steps=(step,)))
    return tasks


def repeated_tasks(scoring: Scoring, snapshots: Sequence[int], points: Points) -> list[ScoringTask]:
    """Return all scores that `gan-bench score --results` asks for."""
    steps = tuple(snapshots if points == "all" else snapshots[-1:])
    return [
        ScoringTask(features=features, metrics=scoring.metrics_of(features), steps=steps)
        for features in scoring.features
    ]


IsStored = Callable[[ScoreIndex, FeatureChoice, int, str], bool]
"""Whether the scores of (index, features, step, metric) count as stored."""


def missing(
    tasks: Iterable[ScoringTask], stored: Mapping[FeatureChoice, ScoreIndex], is_stored: IsStored
) -> list[ScoringTask]:
    """Return the part of the tasks that is not stored; steps with the same metrics are one task."""
    steps: dict[tuple[FeatureChoice, tuple[str, ...]], list[int]] = {}
    for task in tasks:
        index = stored.get(task.features, {})
        for step in task.steps:
            metrics = tuple(m for m in task.metrics if not is_stored(index, task.features, step, m))
            if metrics:
                steps.setdefault((task.features, metrics), []).append(step)
    return [
        ScoringTask(features=features, metrics=metrics, steps=tuple(of_metrics))
        for (features, metrics), of_metrics in steps.items()
    ]


def was_tried(index: ScoreIndex, features: FeatureChoice, step: int, metric: str) -> bool:
    """Whether a run needs no further attempt at a metric.

    Some metrics have no value for good, such as classes of images without labels. One attempt is
    enough for these, if the snapshot and its features could be read then; FID shows whether.
    """
    rows = [index.get((step, name)) for name in figure_names(metric, features.name)]
    fid = index.get((step, f"fid_{features.name}"))
    has_values = all(row is not None and row.value is not None for row in rows)
    was_readable = all(row is not None and row.all_equal is not None for row in rows)
    has_features = fid is None or fid.value is not None
    return has_values or (metric != "fid" and was_readable and has_features)


def has_value(classifier_sha256: str | None) -> IsStored:
    """Return the check of `gan-bench score --results`, which tries metrics without values again.

    The classes are computed again also if the data set has another classifier now.
    """

    def check(index: ScoreIndex, features: FeatureChoice, step: int, metric: str) -> bool:
        rows = [index.get((step, name)) for name in figure_names(metric, features.name)]
        if metric not in BY_CLASSIFIER:
            return all(row is not None and row.value is not None for row in rows)
        classes = index.get((step, BY_CLASSIFIER[metric]))
        if classes is None or None in rows or classes.all_equal is None:
            return False
        if classes.value is None:
            return classifier_sha256 is None
        own = classes.features == features.name
        return own or classes.details.get("classifier_sha256") == classifier_sha256

    return check


def is_scored(folder: RunFolder, spec: RunSpec, scoring: Scoring) -> bool:
    """Whether all snapshots of a run have their scores and grids."""
    return not _missing(folder, spec, scoring) and not _without_grid(folder)


def score_missing(
    folder: RunFolder,
    spec: RunSpec,
    scoring: Scoring,
    *,
    keep_samples: bool,
    progress: Progress = lambda line: None,
) -> str | None:
    """Compute the missing scores and grids of a run; return the first problem, or None.

    Once the first features have scored every snapshot, it deletes the snapshots before the last,
    except those that other features still miss. With ``keep_samples``, it keeps all snapshots.
    """
    main = scoring.features[0]
    tasks = _missing(folder, spec, scoring)
    curve_is_new = any(task.features == main for task in tasks) or bool(_without_grid(folder))
    problems = score(folder, spec, scoring, tasks, threads=spec.threads, progress=progress)
    if curve_is_new:
        left = _missing(folder, spec, scoring)
        incomplete = any(task.features == main for task in left)
        steps = set(snapshot_paths(folder))
        needed = {step for task in left for step in task.steps}
        try:
            keep_grids(folder, keep=steps if keep_samples or incomplete else needed)
        except (GanBenchError, OSError) as error:
            problems.append(str(error))
    return problems[0] if problems else None


def score(
    folder: RunFolder,
    spec: RunSpec,
    scoring: Scoring,
    tasks: Sequence[ScoringTask],
    *,
    threads: int,
    progress: Progress = lambda line: None,
) -> list[str]:
    """Compute scores, with one child process for each feature model; return the problems."""
    problems = []
    for features in dict.fromkeys(task.features for task in tasks):
        request = ScoringRequest(
            run=folder.path,
            tasks=tuple(task for task in tasks if task.features == features),
            dataset=spec.dataset,
            data_sha256=spec.data_sha256,
            train_splits=spec.train_splits,
            conditional=spec.conditional,
            samples=spec.samples,
            weights=scoring.weights,
            threads=threads,
            cache=scoring.cache,
        )
        try:
            problem = ask("gan_bench.scoring", request, log=folder.path / "score.log", say=progress)
        except ChildDied as error:
            problem = f"the scorer {error}"
        if problem is not None:
            problems.append(problem)
    return problems


def _missing(folder: RunFolder, spec: RunSpec, scoring: Scoring) -> list[ScoringTask]:
    tasks = planned_tasks(scoring, list(snapshot_paths(folder)), last_step=spec.steps)
    return missing(tasks, stored_scores(folder, spec, scoring), was_tried) if tasks else []


def _without_grid(folder: RunFolder) -> list[int]:
    """Return the snapshots without a grid; a process that was killed may leave some."""
    return [step for step in snapshot_paths(folder) if not folder.grid(step).exists()]


def stored_scores(
    folder: RunFolder, spec: RunSpec, scoring: Scoring
) -> dict[FeatureChoice, ScoreIndex]:
    """Return the scores that a run has with each of the features."""
    files = {
        features: scores_with(folder, spec, features, scoring) for features in scoring.features
    }
    return {features: file.rows for features, file in files.items() if file is not None}


def scores_with(
    folder: RunFolder, spec: RunSpec, features: FeatureChoice, scoring: Scoring
) -> Scores | None:
    """Return a run's scores with the current feature model and formulas; None if it has none."""
    sha256 = model_sha256(
        features.model, dataset=spec.dataset, data_sha256=spec.data_sha256, weights=scoring.weights
    )
    n_fake = features.images or spec.samples
    n_real = features.images or reference_size(spec)
    selection = "drawn" if n_real < _test_images(spec.dataset) else "first"
    for path in sorted(folder.scores.glob("*.json")):
        try:
            scores = Scores.read(path)
        except GanBenchError:
            continue
        protocol = scores.protocol
        model = (protocol.features, protocol.features_sha256, protocol.formula_version)
        images = (protocol.n_real, protocol.n_fake, protocol.selection)
        same_images = images == (n_real, n_fake, selection)
        if model == (features.name, sha256, FORMULA_VERSION) and same_images:
            return scores
    return None


def final_fid(folder: RunFolder, spec: RunSpec, scoring: Scoring) -> float | None:
    """Return the FID of a run's last planned step by the first features, if it is stored."""
    features = scoring.features[0]
    scores = scores_with(folder, spec, features, scoring)
    row = scores.rows.get((spec.steps, f"fid_{features.name}")) if scores else None
    return row.value if row else None


@dataclass(frozen=True)
class Rescored:
    """The outcome of `rescore` for one run."""

    run_id: str
    problem: str | None
    scores: tuple[Scores, ...] = ()
    """All its scores with each of the features, old and new."""


def rescore(
    results: ResultsFolder,
    scoring: Scoring,
    *,
    points: Points,
    threads: int,
    command: str,
    progress: Progress = lambda line: None,
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
    for number, folder in enumerate(folders, 1):
        run_id = folder.path.name
        which = f"[{number}/{len(folders)}] {run_id}"
        try:
            with run_lock(results.locks, run_id, command):
                tell = partial(_tell, progress, which)
                yield _rescore_run(folder, scoring, points, threads, tell)
        except GanBenchError as error:
            yield Rescored(run_id, str(error))


def _tell(progress: Progress, which: str, line: str) -> None:
    progress(f"{which}: {line}")


def _rescore_run(
    folder: RunFolder, scoring: Scoring, points: Points, threads: int, progress: Progress
) -> Rescored:
    spec = RunSpec.read(folder.spec)
    tasks = missing(
        repeated_tasks(scoring, list(snapshot_paths(folder)), points),
        stored_scores(folder, spec, scoring),
        has_value(
            model_sha256("lenet", dataset=spec.dataset, data_sha256=spec.data_sha256, weights=None)
        ),
    )
    problems = score(folder, spec, scoring, tasks, threads=threads, progress=progress)
    files = [scores_with(folder, spec, features, scoring) for features in scoring.features]
    scores = tuple(file for file in files if file is not None)
    return Rescored(folder.path.name, problems[0] if problems else None, scores)


def check_counts(scoring: Scoring, specs: Iterable[RunSpec]) -> None:
    """Check, before training, that runs have as many images as the features need.

    Raises
    ------
    UsageError
        There are fewer samples or fewer test images.
    """
    counted = [features for features in scoring.features if features.images is not None]
    for features in counted:
        for spec in specs:
            available = {"samples": spec.samples, "test images": reference_size(spec)}
            fewest = min(available, key=lambda what: available[what])
            if features.images is not None and features.images > available[fewest]:
                raise UsageError(
                    f"{features} takes {features.images:,} images, but {spec.dataset_label} has "
                    f"{available[fewest]:,} {fewest} in this plan: ask for fewer."
                )


def check_features(
    scoring: Scoring, spec: RunSpec | None, say: Callable[[str], None], *, make: bool = True
) -> None:
    """Check, before training, that there are feature models and that they fit the images.

    Parameters
    ----------
    scoring
        Features and metrics.
    spec
        A run of the plan, as all have one data set; None if the images are not known yet.
    say
        Called with a sentence on what is made first.
    make
        Whether to export a model that is missing.

    Raises
    ------
    UsageError
        There are no such features, they cannot be used or made, or do not fit the images: runs
        would train and then have no scores.
    """
    for choice in scoring.features:
        weights = scoring.weights if choice.model == "inception" else None
        if choice.model == "lenet" and (spec is None or spec.dataset in BUILT_IN):
            continue  # spares the import of ONNX Runtime
        if choice.model == "inception" and not make and (todo := inception_to_make(weights)):
            say(todo)
            continue
        dataset = data.load(spec.dataset) if spec and choice.model == "lenet" else None
        try:
            # On the CPU: the runs may need all of the GPU's memory.
            model = load_features(
                choice.model, dataset=dataset, weights=weights, cuda=False, say=say
            )
            if spec is not None and spec.image_shape is not None:
                model.check(spec.image_shape)
        except UsageError:
            raise
        except GanBenchError as error:
            raise UsageError(str(error)) from error


@cache
def _test_images(dataset: str) -> int:
    return len(data.load(dataset).test.images)


def reference_size(spec: RunSpec) -> int:
    """Return the number of test images that a run is scored against."""
    return min(_test_images(spec.dataset), LARGEST_REFERENCE)
