"""Memorisation: how near to the samples the nearest training images are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan_bench.scoring.images import ImageSet

MOST = 2_000
"""Samples that are looked at, the first ones."""
COPIED = 0.01
"""Share of the held-out images that lie as near to a training image as what counts as copied."""
_BLOCK = 2_048


@dataclass(frozen=True)
class Nearest:
    """Of each image, the nearest training image."""

    distances: NDArray[np.float64]
    """Euclidean over pixels of 0 to 1, float64 (n,)."""
    indices: NDArray[np.int64]
    """Of the training images, int64 (n,)."""


def nearest_training_images(images: ImageSet, training: NDArray[np.uint8]) -> Nearest:
    """Return the nearest training image of each of the first `MOST` images.

    The search is in float32; the distances of what it found are exact.

    Parameters
    ----------
    images
        Of the training images' shape.
    training
        uint8 (n, height, width, channels).
    """
    looked_at = _flat(images.first(MOST))
    mean = training[: 10 * _BLOCK].mean(axis=0, dtype=np.float64).astype(np.float32).ravel() / 255
    points = looked_at.astype(np.float32) / 255 - mean
    least = np.full(len(points), np.inf, dtype=np.float32)
    found = np.zeros(len(points), dtype=np.int64)
    for start in range(0, len(training), _BLOCK):
        block = _flat(training[start : start + _BLOCK]).astype(np.float32) / 255 - mean
        # Without the points' own squares, which do not change which is the nearest.
        squared = np.square(block).sum(axis=1)[None, :] - 2 * (points @ block.T)
        nearest = squared.argmin(axis=1)
        values = squared[np.arange(len(points)), nearest]
        better = values < least
        least[better] = values[better]
        found[better] = start + nearest[better]
    return Nearest(np.concatenate(list(_exact(looked_at, training, found))), found)


def copied_share(samples: Nearest, held_out: Nearest) -> float:
    """Return the share of samples nearer to a training image than 99 % of held-out images are.

    A generator that learned the distribution comes to about 0.01, one that copies to more.
    """
    return float((samples.distances < np.quantile(held_out.distances, COPIED)).mean())


def _exact(
    points: NDArray[np.uint8], training: NDArray[np.uint8], found: NDArray[np.int64]
) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(points), 256):
        chosen = _flat(training[found[start : start + 256]]).astype(np.float64)
        yield np.linalg.norm(points[start : start + 256] - chosen, axis=1) / 255


def _flat(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images.reshape(len(images), -1)
