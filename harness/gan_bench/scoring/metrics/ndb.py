"""NDB: the number of statistically different bins, with too many or too few samples."""

import os
import warnings
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2, vq
from scipy.special import ndtri, rel_entr

from gan_bench.results.scores import MetricValue
from gan_bench.scoring.images import ImageSet
from gan_bench.scoring.metrics import MetricFamily, Side
from gan_bench.scoring.reference_cache import ReferenceCache
from gan_bench.streams import Stream, generator

BINS = 100
SIGNIFICANCE = 0.05
_ITERATIONS = 40
_LARGEST_FIT = 5_000
"""Maximum number of real images that the bins are made from."""
_FIT_BYTES = 2**28
"""Maximum size of their pixels in float32."""


@dataclass(frozen=True)
class Bins:
    """Clusters of real images in pixel space, and the real images in each."""

    centres: NDArray[np.float32]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class DifferentBins:
    """How the samples are distributed over the bins of real images."""

    different: int
    """NDB: number of bins whose two shares differ significantly; 5 in 100 do so by chance."""
    bins: int
    divergence: float
    """Jensen-Shannon divergence of the two distributions over the bins, in nats."""
    shares: NDArray[np.float64]
    """Share of the samples in each bin, float64 (bins,)."""


def make_bins(real: ImageSet, *, seed: int) -> Bins:
    """Cluster real images by their pixels.

    Richardson and Weiss 2018, "On GANs and GMMs", section 3: K-means with 100 bins, fewer where
    there are fewer than ten images for each. The bins are made from a random subset of at most
    5,000 images; all images are counted.
    """
    each = int(np.prod(real.shape))
    most = min(real.count, _LARGEST_FIT, max(BINS, _FIT_BYTES // (4 * each)))
    images = real.subset(most, seed=seed).first(most)
    wanted = max(2, min(BINS, most // 10))
    random = generator(seed, Stream.SCORING, 2)
    # Start from different images, so that no bin begins empty.
    different = np.unique(images, axis=0)
    wanted = min(wanted, len(different))
    start = _pixels(different[random.choice(len(different), wanted, replace=False)])
    pixels = _pixels(images)
    with warnings.catch_warnings():
        # A bin may become empty: its centre stays, and its count is 0.
        warnings.simplefilter("ignore", UserWarning)
        centres, _ = kmeans2(pixels, start, iter=_ITERATIONS, minit="matrix", missing="warn")
    return Bins(centres, _counts(centres, real))


def different_bins(bins: Bins, fake: ImageSet) -> DifferentBins:
    """Compare the shares of samples and real images in each bin.

    The test is the two-proportion z test of Richardson and Weiss at 0.05, with the pooled
    proportion.
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


class PixelBins(MetricFamily):
    """NDB and the divergence of samples and real images over bins of pixels."""

    word = "modes"
    needs = "pixels"

    def __init__(self, cache: ReferenceCache, *, seed: int) -> None:
        super().__init__(self.needs, ("ndb", "ndb_js"))
        self._cache = cache
        self._seed = seed
        self._bins: Bins | None = None

    def compute(self, real: Side, fake: Side) -> list[MetricValue]:
        """Return two values; the first has the number of bins in its details."""
        result = different_bins(self._bins_of(real.images), fake.images)
        return [
            self.value("ndb", result.different, real, fake, details={"bins": result.bins}),
            self.value("ndb_js", result.divergence, real, fake),
        ]

    def _bins_of(self, real: ImageSet) -> Bins:
        if self._bins is not None:
            return self._bins
        # Bins have the same bits only with the same libraries and architecture.
        key = {
            "images": f"{real.sha256} {real.selection} {real.shape}",
            "bins": f"{BINS} of {_LARGEST_FIT} images, seed {self._seed}",
            "runtime": f"numpy {np.__version__}, scipy {scipy.__version__}, {os.uname().machine}",
        }
        arrays = self._cache.arrays(key, lambda: vars(make_bins(real, seed=self._seed)))
        self._bins = Bins(**arrays)
        return self._bins
