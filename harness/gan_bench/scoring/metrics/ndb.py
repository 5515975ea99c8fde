"""The number of statistically different bins: which parts of the data the samples over- or miss."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2, vq
from scipy.special import ndtri, rel_entr

from gan_bench.scoring.images import ImageSet
from gan_bench.streams import Stream, generator

BINS = 100
SIGNIFICANCE = 0.05
_ITERATIONS = 40
_LARGEST_FIT = 5_000
"""Real images that the bins are made from, at most."""
_FIT_BYTES = 2**28
"""Of their pixels in float32, at most."""


@dataclass(frozen=True)
class Bins:
    """Clusters of real images in pixel space, and the real images in each."""

    centres: NDArray[np.float32]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class DifferentBins:
    """How samples fall into the bins of real images."""

    different: int
    """NDB: the bins in which the two shares differ significantly; by chance 5 in 100."""
    bins: int
    divergence: float
    """The Jensen-Shannon divergence of the two distributions over the bins, in nats."""
    shares: NDArray[np.float64]
    """Of the samples in each bin."""


def make_bins(real: ImageSet, *, seed: int) -> Bins:
    """Cluster real images by their pixels.

    Richardson and Weiss 2018, "On GANs and GMMs", section 3: K-means with 100 bins, fewer where
    there are fewer than ten images for each. At most the first 5,000 images make the bins; all
    are counted in them.
    """
    each = int(np.prod(real.shape))
    most = min(real.count, _LARGEST_FIT, max(BINS, _FIT_BYTES // (4 * each)))
    images = real.first(most)
    wanted = max(2, min(BINS, most // 10))
    random = generator(seed, Stream.SCORING, 2)
    # As many different images as bins, so that none begins empty.
    different = np.unique(images, axis=0)
    wanted = min(wanted, len(different))
    start = _pixels(different[random.choice(len(different), wanted, replace=False)])
    pixels = _pixels(images)
    with warnings.catch_warnings():
        # A bin that empties on the way stays where it is, and counts nothing.
        warnings.simplefilter("ignore", UserWarning)
        centres, _ = kmeans2(pixels, start, iter=_ITERATIONS, minit="matrix", missing="warn")
    return Bins(centres, _counts(centres, real))


def different_bins(bins: Bins, fake: ImageSet) -> DifferentBins:
    """Compare the shares of samples and real images in each bin.

    The two-proportion z test of Richardson and Weiss at 0.05, with the pooled proportion.
    """
    counts = _counts(bins.centres, fake)
    m, n = int(bins.counts.sum()), int(counts.sum())
    p, q = bins.counts / m, counts / n
    pooled = (bins.counts + counts) / (m + n)
    error = np.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n))
    limit = float(ndtri(1 - SIGNIFICANCE / 2))
    different = int((np.abs(p - q) > limit * error).sum())
    middle = (p + q) / 2
    divergence = float((rel_entr(p, middle) + rel_entr(q, middle)).sum() / 2)
    return DifferentBins(different, len(p), divergence, q)


def _counts(centres: NDArray[np.float32], images: ImageSet) -> NDArray[np.int64]:
    counts = np.zeros(len(centres), dtype=np.int64)
    for block in images.read(256):
        codes, _ = vq(_pixels(block), centres)
        counts += np.bincount(codes, minlength=len(centres))
    return counts


def _pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pixels of 0 to 1, float32 (n, height * width * channels)."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
