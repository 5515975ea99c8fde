"""Final samples of runs whose samples are asked for by class, a row for each class."""

import numpy as np
from PIL import Image
from pydantic import ValidationError

from gan_bench.analysis.runs import Run
from gan_bench.errors import GanBenchError
from gan_bench.report.samples.nearest import DetailsOfScore, details_of
from gan_bench.scoring.images import read_snapshot
from gan_bench.scoring.snapshots import SIDE, grid

MOST_CLASSES = 20
"""Rows of the picture."""


class AskedShares(DetailsOfScore):
    """The share of each class's samples that the classifier calls what was asked for."""

    by_class: tuple[float | None, ...]


def asked_shares(run: Run) -> AskedShares | None:
    """Return the shares of a run's final samples, None if no score file has them."""
    for details in details_of(run, "class_accuracy"):
        try:
            found = AskedShares.model_validate(details)
        except ValidationError:
            continue
        if found.by_class:
            return found
    return None


def class_grid(run: Run, classes: int) -> Image.Image | None:
    """Return the first samples of each class, a row for each; None without the snapshot.

    Sample i is of the class i mod ``classes``.
    """
    rows = min(classes, MOST_CLASSES)
    try:
        first = next(read_snapshot(run.folder.snapshot(run.spec.steps), classes * SIDE))
    except (GanBenchError, OSError, StopIteration):
        return None  # archives and cleaned folders have none
    order = np.arange(SIDE) * classes + np.arange(rows)[:, np.newaxis]
    if order.max() >= len(first):
        return None
    canvas = grid(first[order.ravel()], SIDE, rows)
    return Image.fromarray(canvas[:, :, 0] if canvas.shape[2] == 1 else canvas)


def accuracy_text(shares: AskedShares) -> str:
    """Return the lowest and the highest share of a class in words."""
    known = {label: share for label, share in enumerate(shares.by_class) if share is not None}
    if not known:
        return ""
    worst, best = (by(known, key=known.__getitem__) for by in (min, max))
    return (
        f"the classifier calls {known[worst]:.0%} (class {worst}) to {known[best]:.0%} (class "
        f"{best}) of a class's samples what was asked for"
    )
