"""The scoring process: scores snapshots of one run against the data set's test split.

It computes the tasks of its request, and nothing else; what it prints goes to the log.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from gan_bench import data
from gan_bench.data import Dataset
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.metrics import BY_CLASSIFIER, METRICS, figure_names, of_conditional
from gan_bench.results.layout import RunFolder
from gan_bench.results.scores import LARGEST_REFERENCE, Score, Scores
from gan_bench.scoring import ScoringRequest
from gan_bench.scoring.features import Progress
from gan_bench.scoring.features.model_cache import reference_folder
from gan_bench.scoring.images import of_snapshot, of_split
from gan_bench.scoring.scorer import Options, Scorer
from gan_bench.system.child import reply
from gan_bench.system.files import make_folder


def score_run(
    request: ScoringRequest,
    say: Callable[[str], None] = lambda sentence: None,
    progress: Progress = lambda line: None,
) -> Scores:
    """Score snapshots of a run and add the scores to ``scores/<fingerprint>.json``.

    Scores in the file stay unless there is a new value.

    Returns
    -------
    Scores
        The content of the file. Its status is ``error`` if a snapshot cannot be read or has no FID.

    Raises
    ------
    GanBenchError
        These features and this data set cannot be scored; nothing was written.
    OSError
        The scores cannot be written.
    """
    began = time.perf_counter()
    folder = RunFolder(request.run)
    if not folder.snapshots.is_dir():
        raise UsageError(
            f"{request.run} is not the folder of a run: it has no {folder.snapshots.name}/. Give "
            "another folder."
        )
    dataset = data.load_unchanged(request.dataset, request.data_sha256)
    features = request.tasks[0].features
    n_fake = _count(features.images, request, dataset)
    n_real = features.images or min(len(dataset.test.images), LARGEST_REFERENCE)
    options = Options(
        features=features.model,
        weights=request.weights if features.model == "inception" else None,
        threads=request.threads,
        cache=reference_folder() if request.cache else None,
        say=say,
        progress=progress,
    )
    metrics = [name for name in METRICS if any(name in task.metrics for task in request.tasks)]
    reference = of_split(dataset, "test", n_real)
    splits = request.train_splits
    # As many as a worker finds in its training images.
    classes = int(dataset.training(splits).labels.max()) + 1 if request.conditional else None
    with Scorer(reference, n_fake, options, train_splits=splits, asked_classes=classes) as scorer:
        path = folder.scores / f"{scorer.protocol.fingerprint}.json"
        # A damaged file is an error: it may have the only scores of deleted snapshots.
        if path.exists():
            Scores.read(path)
        scorer.expect(len({step for task in request.tasks for step in task.steps}), floor=True)
        rows = [
            row
            for task in request.tasks
            for step in task.steps
            for row in _score(step, folder.snapshot(step), task.metrics, scorer, request.samples)
        ]
        floor = scorer.floor(metrics)
        for sentence in scorer.notices():
            say(sentence)
    names = [name for metric in METRICS for name in figure_names(metric, scorer.name)]
    names += of_conditional(scorer.name)
    result = scorer.scores(rows, floor, began)
    # Read only now: a scorer whose parent was killed may have written meanwhile.
    if path.exists():
        result = result.merged(Scores.read(path))
    rows = sorted(result.scores, key=lambda row: (row.step, names.index(row.metric)))
    problem = scorer.no_features if set(metrics) - set(BY_CLASSIFIER) else None
    problem = problem or _problem(result)
    status = "ok" if problem is None else "error"
    result = result.model_copy(update={"scores": rows, "status": status, "reason": problem})
    make_folder(folder.scores)
    result.write_in(folder.scores)
    _remove_superseded(folder, result)
    return result


def _problem(scores: Scores) -> str | None:
    """Return why a snapshot has no scores or no FID; other metrics may lack a value."""
    fid = f"fid_{scores.protocol.features}"
    for row in scores.scores:
        if row.value is None and (row.metric == fid or row.all_equal is None):
            return row.reason
    return None


def _count(images: int | None, request: ScoringRequest, dataset: Dataset) -> int:
    """Return the number of samples to score; raise an error if a side has fewer."""
    if images is None:
        return request.samples
    available = {
        "the snapshots have": request.samples,
        f"{data.label(dataset.name)}:test has": len(dataset.test.images),
    }
    for side, count in available.items():
        if images > count:
            raise UsageError(
                f"{images:,} images cannot be scored, as {side} {count:,}: ask for fewer."
            )
    return images


def _remove_superseded(folder: RunFolder, scores: Scores) -> None:
    """Delete the file that says that there is no feature model, now that there is one."""
    if scores.protocol.features_sha256 is None:
        return
    absent = scores.protocol.model_copy(
        update={"features_sha256": None, "resize": "none", "channels": "none"}
    )
    (folder.scores / f"{absent.fingerprint}.json").unlink(missing_ok=True)


def _score(
    step: int, path: Path, metrics: Sequence[str], scorer: Scorer, planned: int
) -> list[Score]:
    n_fake = scorer.protocol.n_fake
    all_equal, count = None, 0
    try:
        samples = of_snapshot(path)
        count = samples.count
        # A snapshot may have been cut to fewer images that are enough for these features.
        if count != planned and (n_fake == planned or count < n_fake):
            raise GanBenchError(
                f"The snapshot {path.name} has {count:,} images instead of the planned "
                f"{planned:,}: run the training again."
            )
        samples, count = samples.subset(n_fake, seed=scorer.protocol.seed), n_fake
        rows = scorer.score(samples, metrics)
        all_equal = samples.all_equal()
    except GanBenchError as error:
        rows = scorer.missing(metrics, count, str(error))
    return [Score(step=step, all_equal=all_equal, **row.model_dump()) for row in rows]


def answer(content: bytes, progress: Progress) -> str | None:
    """Score a run; return why a score has no value or nothing was written, or None."""
    request = ScoringRequest.model_validate_json(content)
    try:
        problem = score_run(request, partial(print, flush=True), progress).reason
    except (GanBenchError, OSError) as error:
        problem = str(error)
    if problem is not None:
        print(problem, flush=True)
    return problem


if __name__ == "__main__":
    reply(answer)
