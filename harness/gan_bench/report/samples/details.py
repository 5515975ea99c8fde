"""What score files say of a run's final samples beside their figures: classes, and neighbours."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from gan_bench.errors import GanBenchError
from gan_bench.report.runs import Run
from gan_bench.score.result import Scores


class _Details(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Neighbours(_Details):
    """Of the first samples, the nearest training image of each."""

    nearest_index: tuple[int, ...]
    """Into the images that the run trained on."""
    distance: tuple[float, ...]
    """Euclidean over pixels of 0 to 1."""
    held_out: float | None = None
    """The median distance of real images that were not trained on."""


class ClassShares(_Details):
    """The share of each class, by the classifier's own count."""

    shares: tuple[float, ...]
    """Among the samples."""
    real_shares: tuple[float, ...]
    """Among the real images."""


def neighbours(run: Run) -> Neighbours | None:
    """Return the neighbours of a run's final samples, None where no score file knows them."""
    for details in _of(run, "nearest_train"):
        try:
            found = Neighbours.model_validate(details)
        except ValidationError:
            continue
        if found.distance and len(found.distance) == len(found.nearest_index):
            return found
    return None


def class_shares(run: Run) -> ClassShares | None:
    """Return the classes of a run's final samples, None where no score file knows them."""
    for details in _of(run, "classes_present"):
        try:
            found = ClassShares.model_validate(details)
        except ValidationError:
            continue
        if found.shares and len(found.shares) == len(found.real_shares):
            return found
    return None


def _of(run: Run, metric: str) -> Iterator[dict[str, Any]]:
    """Yield a metric's details of the final snapshot, of the run's main protocol first."""
    order = {f"{protocol}.json": place for place, protocol in enumerate(run.protocols)}
    paths = sorted(
        run.folder.scores.glob("*.json"),
        key=lambda path: (order.get(path.name, len(order)), path.name),
    )
    for path in paths:
        try:
            scores = Scores.read(path)
        except GanBenchError:
            continue  # `load_results` names it
        for score in scores.scores:
            if score.metric == metric and score.step == run.spec.steps and score.details:
                yield score.details
