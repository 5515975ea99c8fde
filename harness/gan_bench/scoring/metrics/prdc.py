"""Precision, recall, density and coverage: how well samples and real images cover each other."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan_bench.results.scores import MetricValue
from gan_bench.scoring.array_file import FeatureFile, pairs_of_blocks
from gan_bench.scoring.metrics import MetricFamily, Side, check_count

BALL = 3
"""The neighbour whose distance is the radius for precision and recall."""
DENSE_BALL = 5
"""The same for density and coverage."""
_BLOCK = 1024


@dataclass(frozen=True)
class Manifold:
    """The four values; all are shares of 0 to 1 except the density, which may be larger."""

    precision: float
    """Share of the samples inside the ball of some real image."""
    recall: float
    """Share of the real images inside the ball of some sample."""
    density: float
    """Mean number of real images' balls that contain a sample, divided by `DENSE_BALL`."""
    coverage: float
    """Share of the real images with a sample inside their ball."""


def manifold(real: FeatureFile, fake: FeatureFile) -> Manifold:
    """Return the four values for two sets of features.

    An image's ball reaches to its k-th nearest neighbour in its own set. Precision and recall, k =
    3: Kynkaanniemi et al. 2019, "Improved precision and recall metric for assessing generative
    models", equations 1 and 2. Density and coverage, k = 5: Naeem et al. 2020, "Reliable fidelity
    and diversity metrics for generative models", equations 4 and 5. Both sources count a point on a
    ball's edge as inside or outside by floating-point chance; here it is inside. Memory does not
    grow with the number of images beyond a few numbers for each.

    Each side needs more than `DENSE_BALL` images.
    """
    radii_real = _squared_radii(real, (BALL, DENSE_BALL))
    (radii_fake,) = _squared_radii(fake, (BALL,))
    precise = np.zeros(fake.count, dtype=bool)
    recalled = np.zeros(real.count, dtype=bool)
    covered = np.zeros(real.count, dtype=bool)
    inside = 0
    for top, left, a, b in pairs_of_blocks(real, fake, _BLOCK):
        rows, columns = slice(top, top + len(a)), slice(left, left + len(b))
        squared = _squared_distances(a, b)
        precise[columns] |= (squared <= radii_real[0][rows, None]).any(axis=0)
        recalled[rows] |= (squared <= radii_fake[None, columns]).any(axis=1)
        dense = squared <= radii_real[1][rows, None]
        covered[rows] |= dense.any(axis=1)
        inside += int(dense.sum())
    return Manifold(
        precision=float(precise.mean()),
        recall=float(recalled.mean()),
        density=inside / (DENSE_BALL * fake.count),
        coverage=float(covered.mean()),
    )


def _squared_radii(features: FeatureFile, neighbours: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the squared distance to the k-th neighbour for each k, (number of ks, count)."""
    most = max(neighbours)
    radii = np.empty((len(neighbours), features.count))
    nearest = np.empty((0, most))
    for top, left, a, b in pairs_of_blocks(features, features, _BLOCK):
        if left == 0:
            nearest = np.full((len(a), most), np.inf)
        squared = _squared_distances(a, b)
        if top == left:
            np.fill_diagonal(squared, np.inf)
        # Most rows of a later block have no nearer image.
        rows = np.flatnonzero((squared < nearest.max(axis=1, keepdims=True)).any(axis=1))
        candidates = np.concatenate([nearest[rows], squared[rows]], axis=1)
        nearest[rows] = np.partition(candidates, most - 1, axis=1)[:, :most]
        if left + len(b) == features.count:
            ascending = np.sort(nearest, axis=1)
            radii[:, top : top + len(a)] = ascending[:, [k - 1 for k in neighbours]].T
    return radii


def _squared_distances(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return squared Euclidean distances, float64 (len(a), len(b)), not below zero."""
    # In float64, as the squares of long vectors cancel.
    first, second = a.astype(np.float64), b.astype(np.float64)
    squared = first @ second.T
    squared *= -2
    squared += np.square(first).sum(axis=1)[:, None]
    squared += np.square(second).sum(axis=1)[None, :]
    return np.maximum(squared, 0, out=squared)


class Prdc(MetricFamily):
    """Precision, recall, density and coverage."""

    word = "prdc"

    def compute(self, real: Side, fake: Side) -> list[MetricValue]:
        """Return four values."""
        check_count(DENSE_BALL + 1, real, fake, "prdc")
        result = manifold(real.features, fake.features)
        values = (result.precision, result.recall, result.density, result.coverage)
        return [
            self.value(name, value, real, fake)
            for name, value in zip(self.names, values, strict=True)
        ]
