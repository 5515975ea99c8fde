"""Samples and their nearest training images, which show copies; and class shares."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError

from gan_bench.analysis.runs import Run
from gan_bench.scoring.snapshots import GAP, SIDE
from gan_bench.text import Column, Table, figure, many

MOST_CLASSES = 30
"""Most classes whose shares are a table: more columns cannot be read."""


class DetailsOfScore(BaseModel):
    """What a score file has beside a value."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Neighbours(DetailsOfScore):
    """The nearest training image of each of the first samples."""

    nearest_index: tuple[int, ...]
    """Index of each nearest image in the training data."""
    distance: tuple[float, ...]
    """Euclidean distances, with pixels from 0 to 1."""
    held_out: float | None = None
    """Median distance of real images that are not in the training data."""


class ClassShares(DetailsOfScore):
    """The share of each class, as counted by the classifier."""

    shares: tuple[float, ...]
    """Shares among the samples."""
    real_shares: tuple[float, ...]
    """Shares among the real images."""


def neighbours(run: Run) -> Neighbours | None:
    """Return the neighbours of a run's final samples, None if no score file has them."""
    for details in details_of(run, "nearest_train"):
        try:
            found = Neighbours.model_validate(details)
        except ValidationError:
            continue
        if found.distance and len(found.distance) == len(found.nearest_index):
            return found
    return None


def mean_shares(runs: Iterable[Run]) -> ClassShares | None:
    """Return the mean over runs of the classes of their final samples, None if none has them."""
    found = [shares for run in runs if (shares := _shares_of(run))]
    alike = [one for one in found if len(one.shares) == len(found[0].shares)]
    if not alike:
        return None
    means = [tuple(map(statistics.fmean, zip(*of, strict=True))) for of in _sides(alike)]
    return ClassShares(shares=means[0], real_shares=means[1])


def _sides(found: Sequence[ClassShares]) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    return [one.shares for one in found], [one.real_shares for one in found]


def _shares_of(run: Run) -> ClassShares | None:
    """Return the classes of a run's final samples, None if no score file has them."""
    for details in details_of(run, "classes_present"):
        try:
            found = ClassShares.model_validate(details)
        except ValidationError:
            continue
        if found.shares and len(found.shares) == len(found.real_shares):
            return found
    return None


def shares_table(
    rows: Sequence[tuple[str, dict[str, float] | None]], real: dict[str, float] | None
) -> Table | None:
    """Return the shares of the classes in percent, None if those of no implementation are known.

    More classes than `MOST_CLASSES` are no table.

    Parameters
    ----------
    rows
        Captions of the implementations with their shares (0 to 1) by class.
    real
        Shares of the reference.
    """
    known = [(caption, shares) for caption, shares in rows if shares]
    if not known:
        return None
    known += [("real images", real)] if real else []
    classes = list(dict.fromkeys(name for _, shares in known for name in shares))
    if len(classes) > MOST_CLASSES:
        return None
    return Table(
        title="Share of each class among the final samples, mean over the seeds (%)",
        columns=[Column("Implementation", "name"), *(Column(name, "number") for name in classes)],
        rows=[
            (caption, *(f"{100 * shares.get(name, 0.0):.1f}" for name in classes))
            for caption, shares in known
        ],
    )


def details_of(run: Run, metric: str) -> Iterator[dict[str, Any]]:
    """Yield a metric's details for the final snapshot, those of the run's main protocol first."""
    for scores in run.scores:
        for score in scores.scores:
            if score.metric == metric and score.step == run.spec.steps and score.details:
                yield score.details


SHOWN = 8
"""Number of samples shown."""
_BETWEEN = 128


def nearest_text(neighbours: Neighbours) -> str:
    """Return the distances in words."""
    distances = neighbours.distance
    lowest, middle = figure(min(distances)), figure(statistics.median(distances))
    held_out = (
        ""
        if neighbours.held_out is None
        else f"; median of real images that were not trained on: {figure(neighbours.held_out)}"
    )
    samples = many(len(distances), "sample")
    return f"lowest distance {lowest}, median {middle}, over {samples}{held_out}"


def nearest_pairs(
    grid: Image.Image, training: NDArray[np.uint8], neighbours: Neighbours
) -> Image.Image | None:
    """Return the samples that are nearest to a training image, each above that image.

    Parameters
    ----------
    grid
        Grid of the samples.
    training
        Training images of the run, uint8 (n, height, width, channels).
    neighbours
        Neighbours of the samples, in the order of the grid.

    Returns
    -------
    PIL.Image.Image or None
        Nearest first, two rows of up to eight; None if the arguments do not fit together.
    """
    height, width, channels = training.shape[1:]
    size = (SIDE * (width + GAP) - GAP, SIDE * (height + GAP) - GAP)
    if grid.size != size or len(grid.getbands()) != channels:
        return None
    indices = neighbours.nearest_index[: SIDE * SIDE]
    if not all(0 <= index < len(training) for index in indices):
        return None
    samples = np.asarray(grid).reshape(grid.height, grid.width, channels)
    order = sorted(range(len(indices)), key=neighbours.distance.__getitem__)[:SHOWN]
    pairs = [(_cell(samples, at, height, width), training[indices[at]]) for at in order]
    return _beside(pairs)


def _cell(samples: NDArray[np.uint8], index: int, height: int, width: int) -> NDArray[np.uint8]:
    top = index // SIDE * (height + GAP)
    left = index % SIDE * (width + GAP)
    return samples[top : top + height, left : left + width]


def _beside(pairs: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> Image.Image:
    height, width, channels = pairs[0][0].shape
    shape = (2 * height + GAP, len(pairs) * (width + GAP) - GAP, channels)
    canvas = np.full(shape, _BETWEEN, dtype=np.uint8)
    for column, (sample, real) in enumerate(pairs):
        left = column * (width + GAP)
        canvas[:height, left : left + width] = sample
        canvas[height + GAP :, left : left + width] = real
    return Image.fromarray(canvas[:, :, 0] if channels == 1 else canvas)
