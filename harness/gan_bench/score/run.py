"""Scores a run: every snapshot on the disk against the data set's test split."""

import contextlib
import platform
import time
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import gan_bench
from gan_bench import data
from gan_bench.devices import default_threads
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.folders import RunFolder
from gan_bench.score.features import FeatureModel, load_features
from gan_bench.score.frechet import GaussianStatistics, frechet_distance
from gan_bench.score.protocol import Protocol
from gan_bench.score.reference import (
    LARGEST_REFERENCE,
    floor_statistics,
    reference_statistics,
    statistics,
)
from gan_bench.score.result import Score, Scores
from gan_bench.score.snapshots import keep_grids, read_snapshot, snapshot_paths


class _RunSpec(BaseModel):
    """What scoring needs to know of a run's specification."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dataset: str
    data_sha256: str
    samples: int = Field(ge=2)


def score_run(
    run_dir: Path,
    features: str = "lenet",
    *,
    threads: int | None = None,
    keep_samples: bool = False,
) -> Scores:
    """Score the snapshots of a run, write ``scores/<fingerprint>.json``, then thin out the samples.

    Every snapshot leaves a grid of 64 images; all but the last are deleted once the scores are
    written and complete. Rows of snapshots that an earlier scoring deleted are kept.

    Parameters
    ----------
    run_dir
        The run's folder, with ``spec.json`` and ``snapshots/``.
    features
        The name of a feature model, or the path of an ``.onnx`` file.
    threads
        For the feature model; all that this process may use unless given.
    keep_samples
        Whether to keep every snapshot whole.

    Returns
    -------
    Scores
        What was written. Its status is ``error`` where the images do not fit the features (then
        there are grids alone) or a snapshot cannot be scored; then no snapshot is deleted.

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
    model = load_features(features, threads=default_threads() if threads is None else threads)
    dataset = data.load(spec.dataset)
    name = data.label(dataset.name)
    if dataset.sha256 != spec.data_sha256:
        raise GanBenchError(
            f"The data set {name} has changed since the run was planned (sha256 "
            f"{dataset.sha256[:12]}, planned {spec.data_sha256[:12]}): its test images are no "
            "reference for this run."
        )
    protocol = Protocol(
        features=model.name,
        features_sha256=model.sha256,
        dataset=name,
        reference_sha256=dataset.test.sha256,
        n_real=min(len(dataset.test.images), LARGEST_REFERENCE),
        n_fake=spec.samples,
    )
    paths = snapshot_paths(folder)
    rows = _earlier_rows(folder, protocol)
    if not paths and not rows:
        raise UsageError(
            f"There is nothing to score in {folder.snapshots}: the run has not reached its first "
            "evaluation point."
        )

    metric = f"fid_{model.name}"
    floor, floor_reason, misfit = None, None, None
    try:
        reference = reference_statistics(model, dataset.test, protocol.n_real)
    except GanBenchError as error:
        misfit = floor_reason = str(error)
    else:
        try:
            real = floor_statistics(model, dataset.train, protocol.n_fake, seed=protocol.seed)
            floor = frechet_distance(reference, real).value
        except GanBenchError as error:
            floor_reason = str(error)
        shape = dataset.test.images.shape[1:]
        for step, path in paths.items():
            rows[step] = _score(step, path, shape, metric, model, reference, protocol)

    # Another scorer may have been faster, and have deleted snapshots before they were read here.
    for step, row in _earlier_rows(folder, protocol).items():
        if step not in rows or rows[step].value is None:
            rows[step] = row
    scores = [rows[step] for step in sorted(rows)]
    reasons = [row.reason for row in scores if row.value is None]
    if misfit is not None:
        reasons.insert(0, misfit)
    result = Scores(
        status="error" if reasons else "ok",
        reason=reasons[0] if reasons else None,
        score_s=time.perf_counter() - began,
        protocol=protocol,
        fingerprint=protocol.fingerprint,
        versions=_versions(),
        floor={metric: floor},
        floor_reason=floor_reason,
        scores=scores,
    )
    folder.scores.mkdir(exist_ok=True)
    result.write(folder.scores)
    if result.status == "ok":
        keep_grids(folder, keep_samples=keep_samples)
    elif misfit is not None:
        # Samples that no figure can come from are to be seen all the same.
        with contextlib.suppress(GanBenchError):
            keep_grids(folder, keep_samples=True)
    return result


def _read_spec(folder: RunFolder) -> _RunSpec:
    try:
        return _RunSpec.model_validate_json(folder.spec.read_bytes())
    except OSError as error:
        raise UsageError(
            f"{folder.path} is not the folder of a run: {folder.spec} cannot be read "
            f"({error.strerror})."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise UsageError(
            f"{folder.spec} is damaged ({where}: {first['msg']}): run the training again."
        ) from error


def _earlier_rows(folder: RunFolder, protocol: Protocol) -> dict[int, Score]:
    path = folder.scores / f"{protocol.fingerprint}.json"
    if not path.exists():
        return {}
    # A damaged file stops here: the figures of deleted snapshots may be in it alone.
    return {row.step: row for row in Scores.read(path).scores}


def _score(
    step: int,
    path: Path,
    shape: tuple[int, ...],
    metric: str,
    model: FeatureModel,
    reference: GaussianStatistics,
    protocol: Protocol,
) -> Score:
    images: NDArray[np.uint8] | None = None
    try:
        images = read_snapshot(path)
        if images.shape != (protocol.n_fake, *shape):
            raise GanBenchError(
                f"The snapshot {path.name} holds images of shape {images.shape}, the run's "
                f"specification asks for {(protocol.n_fake, *shape)}: run the training again."
            )
        distance = frechet_distance(reference, statistics(model, images))
    except GanBenchError as error:
        return Score(
            step=step,
            metric=metric,
            features=model.name,
            value=None,
            n_real=protocol.n_real,
            n_fake=0 if images is None else len(images),
            rank_fake=None,
            rank_deficient=None,
            all_equal=None if images is None else _all_equal(images),
            reason=str(error),
        )
    return Score(
        step=step,
        metric=metric,
        features=model.name,
        value=distance.value,
        n_real=distance.n_real,
        n_fake=distance.n_fake,
        rank_fake=distance.rank_fake,
        rank_deficient=distance.rank_deficient,
        all_equal=_all_equal(images),
    )


def _all_equal(images: NDArray[np.uint8]) -> bool:
    return bool((images == images[:1]).all())


def _versions() -> dict[str, str]:
    return {
        "gan_bench": gan_bench.__version__,
        "numpy": np.__version__,
        "onnxruntime": onnxruntime.__version__,
        "python": platform.python_version(),
    }
