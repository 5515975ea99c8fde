"""Scores a run: the snapshots on its disk against the data set's test split."""

import contextlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gan_bench import data
from gan_bench.data import Dataset, SplitName
from gan_bench.errors import GanBenchError, UsageError, first_validation_error
from gan_bench.metrics import METRICS, figure_names
from gan_bench.results.layout import RunFolder
from gan_bench.results.protocol import LARGEST_REFERENCE
from gan_bench.results.scores import Score, Scores
from gan_bench.scoring.images import of_snapshot, of_split
from gan_bench.scoring.scorer import Options, Scorer
from gan_bench.scoring.snapshots import keep_grids, snapshot_paths
from gan_bench.system.files import read_limited

Points = Literal["planned", "ends", "final", "all"]
"""Which snapshots get which metrics.

``planned``: FID for every one, whatever was asked for, and the others at the end of training.
``ends``: all for the last one and FID for the untrained generator. ``final``: all for the last one.
``all``: all for every one that is there.
"""


class _RunSpec(BaseModel):
    """What scoring needs to know of a run's specification."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dataset: str
    data_sha256: str
    samples: int = Field(ge=2)
    steps: int
    train_splits: tuple[SplitName, ...] = ("train",)


def score_run(
    run_dir: Path,
    metrics: Sequence[str],
    options: Options,
    *,
    images: int | None = None,
    points: Points = "planned",
    thin: bool = True,
    keep_samples: bool = False,
) -> Scores:
    """Score the snapshots of a run and write ``scores/<fingerprint>.json``.

    What is scored already under the same protocol is kept, and so are rows of snapshots that are
    gone.

    Parameters
    ----------
    run_dir
        The run's folder, with ``spec.json`` and ``snapshots/``.
    metrics
        Of `gan_bench.metrics.METRICS`.
    options
        The features and how they are computed.
    images
        The first so many of each snapshot and of the reference; None: all.
    points
        Which snapshots.
    thin
        Whether to leave a grid of 64 images of every snapshot and delete all but the last, once the
        scores are written and complete.
    keep_samples
        Whether to delete none.

    Returns
    -------
    Scores
        What was written. Its status is ``error`` where a snapshot that is there has no FID though
        it was asked for, or cannot be read; then no snapshot is deleted.

    Raises
    ------
    GanBenchError
        There is nothing to score, or not with these features and this data set; nothing was
        written.
    OSError
        The scores cannot be written.
    """
    began = time.perf_counter()
    folder = RunFolder(run_dir)
    spec = _read_spec(folder)
    dataset = _dataset(spec)
    n_fake = _count(images, spec, dataset)
    n_real = images or min(len(dataset.test.images), LARGEST_REFERENCE)
    reference = of_split(dataset, "test", n_real)
    paths = snapshot_paths(folder)
    with Scorer(reference, n_fake, options, train_splits=spec.train_splits) as scorer:
        rows = _earlier_rows(folder, scorer)
        if not paths and not rows:
            raise UsageError(
                f"There is nothing to score in {folder.snapshots}: the run has not reached its "
                "first evaluation point."
            )
        # A run that is still to be continued has the figures of an undisturbed one in the end.
        end = spec.steps if points == "planned" else max(paths, default=0)
        for step, path in paths.items():
            asked = _asked(metrics, points, step, last=step == end)
            absent = [metric for metric in asked if not _scored(rows, step, metric, scorer)]
            if absent:
                scored = _score(step, path, absent, scorer, spec.samples)
                rows |= {row.key: row for row in scored}
        floor = scorer.floor(dict.fromkeys((*metrics, "fid")) if points == "planned" else metrics)
        # Another scorer may have been faster, and have deleted snapshots before they were read.
        for key, row in _earlier_rows(folder, scorer).items():
            if key not in rows or rows[key].value is None:
                rows[key] = row
        for sentence in scorer.notices():
            options.say(sentence)
        scores = _result(scorer, rows, metrics, floor.values, floor.reason)
        result = scores.model_copy(update={"score_s": time.perf_counter() - began})
        earlier = _earlier(folder, scorer)
        if earlier is not None:
            result = result.merged(earlier)
    folder.scores.mkdir(exist_ok=True)
    result.write(folder.scores)
    _remove_superseded(folder, result)
    if thin and result.status == "ok" and _complete(result, paths, scorer.name):
        keep_grids(folder, keep_samples=keep_samples)
    elif thin:
        # Samples that no figure can come from are to be seen all the same.
        with contextlib.suppress(GanBenchError):
            keep_grids(folder, keep_samples=True)
    return result


def _count(images: int | None, spec: _RunSpec, dataset: Dataset) -> int:
    """Return how many samples are scored; refuse more than there are on either side."""
    if images is None:
        return spec.samples
    there = {
        "the snapshots hold": spec.samples,
        f"{data.label(dataset.name)}:test holds": len(dataset.test.images),
    }
    for holder, count in there.items():
        if images > count:
            raise UsageError(
                f"{images:,} images are to be scored, but {holder} {count:,}: ask for fewer."
            )
    return images


def _result(
    scorer: Scorer,
    rows: dict[tuple[int, str], Score],
    metrics: Sequence[str],
    floor: dict[str, float | None],
    floor_reason: str | None,
) -> Scores:
    order = [name for metric in METRICS for name in figure_names(metric, scorer.name)]
    scores = sorted(rows.values(), key=lambda row: (row.step, order.index(row.metric)))
    # Of the other metrics some have no figure for good, such as the classes of unlabelled images.
    reasons = [
        row.reason
        for row in scores
        if row.value is None and (row.metric == f"fid_{scorer.name}" or row.all_equal is None)
    ]
    if scorer.no_features is not None and set(metrics) - {"modes"}:
        reasons.insert(0, scorer.no_features)
    return Scores(
        status="error" if reasons else "ok",
        reason=reasons[0] if reasons else None,
        warnings=scorer.warnings,
        score_s=0.0,
        protocol=scorer.protocol,
        fingerprint=scorer.protocol.fingerprint,
        versions=scorer.versions,
        weights=scorer.weights,
        floor=floor,
        floor_reason=floor_reason,
        scores=scores,
    )


def _asked(metrics: Sequence[str], points: Points, step: int, *, last: bool) -> list[str]:
    if points == "planned":
        # Always with FID: snapshots before the end are deleted, and their curve with them.
        return [m for m in METRICS if m == "fid" or (last and m in metrics)]
    if points == "all" or last:
        return list(metrics)
    return ["fid"] if points == "ends" and step == 0 and "fid" in metrics else []


def _scored(rows: dict[tuple[int, str], Score], step: int, metric: str, scorer: Scorer) -> bool:
    """Whether there is a figure; some of ``modes`` may be none for good."""
    found = [rows.get((step, name)) for name in figure_names(metric, scorer.name)]
    if metric != "modes":
        return all(row is not None and row.value is not None for row in found)
    classes = found[0]
    if None in found or classes is None:
        return False
    # A classifier may have been trained since, or another one.
    return classes.details.get("classifier_sha256") == scorer.classifier_sha256


def _complete(result: Scores, steps: Iterable[int], features: str) -> bool:
    """Whether every snapshot has its FID, so that it may go."""
    scored = {row.step for row in result.scores if row.metric == f"fid_{features}"}
    return set(steps) <= scored


def _dataset(spec: _RunSpec) -> Dataset:
    dataset = data.load(spec.dataset)
    if dataset.sha256 != spec.data_sha256:
        raise GanBenchError(
            f"The data set {data.label(dataset.name)} has changed since the run was planned "
            f"(sha256 {dataset.sha256[:12]}, planned {spec.data_sha256[:12]}): its test images are "
            "no reference for this run."
        )
    return dataset


def _read_spec(folder: RunFolder) -> _RunSpec:
    try:
        return _RunSpec.model_validate_json(read_limited(folder.spec))
    except OSError as error:
        raise UsageError(
            f"{folder.path} is not the folder of a run: {folder.spec} cannot be read "
            f"({error.strerror})."
        ) from error
    except ValidationError as error:
        raise UsageError(
            f"{folder.spec} is damaged ({first_validation_error(error)}): run the training again."
        ) from error


def _earlier(folder: RunFolder, scorer: Scorer) -> Scores | None:
    path = folder.scores / f"{scorer.protocol.fingerprint}.json"
    # A damaged file stops here: the figures of deleted snapshots may be in it alone.
    return Scores.read(path) if path.exists() else None


def _earlier_rows(folder: RunFolder, scorer: Scorer) -> dict[tuple[int, str], Score]:
    earlier = _earlier(folder, scorer)
    return {row.key: row for row in earlier.scores} if earlier else {}


def _remove_superseded(folder: RunFolder, result: Scores) -> None:
    """Remove the file that says that there is no such model, now that there is one."""
    if result.protocol.features_sha256 is None:
        return
    absent = result.protocol.model_copy(
        update={"features_sha256": None, "resize": "none", "channels": "none"}
    )
    (folder.scores / f"{absent.fingerprint}.json").unlink(missing_ok=True)


def _score(
    step: int, path: Path, metrics: Sequence[str], scorer: Scorer, planned: int
) -> list[Score]:
    n_fake = scorer.protocol.n_fake
    all_equal = None
    count = 0
    try:
        samples = of_snapshot(path)
        count = samples.count
        # A part of a snapshot may have been kept, enough for features of so many images.
        if count != planned and (n_fake == planned or count < n_fake):
            raise GanBenchError(
                f"The snapshot {path.name} holds {count:,} images, the run's specification asks "
                f"for {planned:,}: run the training again."
            )
        samples, count = samples.head(n_fake), n_fake
        figures = scorer.score(samples, metrics)
        all_equal = samples.all_equal()
    except GanBenchError as error:
        figures = scorer.missing(metrics, count, str(error))
    return [Score(step=step, all_equal=all_equal, **figure.model_dump()) for figure in figures]
