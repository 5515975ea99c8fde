"""KID: the kernel inception distance, the squared maximum mean discrepancy of two feature sets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan_bench.results.scores import MetricValue
from gan_bench.scoring.array_file import FeatureFile, pairs_of_blocks
from gan_bench.scoring.metrics import MetricFamily, Side, check_count

_BLOCK = 1024
_Z = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


@dataclass(frozen=True)
class KernelDistance:
    """An unbiased estimate; it may be slightly negative if the two sets are alike."""

    value: float
    standard_error: float


def kernel_distance(real: FeatureFile, fake: FeatureFile) -> KernelDistance:
    """Return the kernel distance with the kernel (x y / dimensions + 1)^3.

    Binkowski et al. 2018, "Demystifying MMD GANs", section 4; the unbiased estimate of Gretton et
    al. 2012, "A kernel two-sample test", equation 3, over all images at once instead of a mean
    over random blocks. The standard error is that of the jackknife that leaves out one image of
    either side at a time, which needs only the kernel's row sums. Memory does not grow with the
    number of images beyond these sums.

    Each side needs at least three images.
    """
    m, n = real.count, fake.count
    within_real, within_fake = _within(real), _within(fake)
    across_real, across_fake = _sums(real, fake)
    value = (
        within_real.sum() / (m * (m - 1))
        + within_fake.sum() / (n * (n - 1))
        - 2 * across_real.sum() / (m * n)
    )
    # The distance without image i, for every i.
    left_real = (
        (within_real.sum() - 2 * within_real) / ((m - 1) * (m - 2))
        + within_fake.sum() / (n * (n - 1))
        - 2 * (across_real.sum() - across_real) / ((m - 1) * n)
    )
    left_fake = (
        within_real.sum() / (m * (m - 1))
        + (within_fake.sum() - 2 * within_fake) / ((n - 1) * (n - 2))
        - 2 * (across_fake.sum() - across_fake) / (m * (n - 1))
    )
    variance = (m - 1) * np.var(left_real) + (n - 1) * np.var(left_fake)
    return KernelDistance(float(value), float(np.sqrt(variance)))


def _within(features: FeatureFile) -> NDArray[np.float64]:
    """Return each image's kernel summed over the other images of its set."""
    sums, _ = _sums(features, features)
    squares = [np.square(block.astype(np.float64)).sum(axis=1) for block in features.blocks()]
    return sums - (np.concatenate(squares) / features.dimensions + 1) ** 3


def _sums(
    first: FeatureFile, second: FeatureFile
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the kernel's sums over the second set for each of the first, and the reverse."""
    rows, columns = np.zeros(first.count), np.zeros(second.count)
    for top, left, a, b in pairs_of_blocks(first, second, _BLOCK):
        kernel = a.astype(np.float64) @ b.astype(np.float64).T
        kernel /= first.dimensions
        kernel += 1
        kernel *= np.square(kernel)
        rows[top : top + len(a)] += kernel.sum(axis=1)
        columns[left : left + len(b)] += kernel.sum(axis=0)
    return rows, columns


class Kid(MetricFamily):
    """KID with its interval."""

    word = "kid"

    def compute(self, real: Side, fake: Side) -> list[MetricValue]:
        """Return one value."""
        check_count(3, real, fake, "KID")
        distance = kernel_distance(real.features, fake.features)
        return [
            self.value(
                *(self.names[0], distance.value, real, fake),
                low=distance.value - _Z * distance.standard_error,
                high=distance.value + _Z * distance.standard_error,
                standard_error=distance.standard_error,
            )
        ]
