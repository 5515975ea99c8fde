"""The Frechet distance of two sets of features, and the statistics it is computed from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import GanBenchError


class GaussianStatistics:
    """Mean and covariance of features that arrive in batches, in float64 and constant memory.

    How the features are cut into batches changes the results by rounding only. Source: Chan, Golub
    and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances",
    equations 2.1a and 2.1b, for matrices.
    """

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.count = 0
        self._mean = np.zeros(dimensions)
        # Sum of outer products of the deviations from the mean.
        self._scatter = np.zeros((dimensions, dimensions))

    def update(self, features: NDArray[np.floating]) -> None:
        """Take a batch in.

        Parameters
        ----------
        features
            float32 or float64 (n, dimensions), n >= 0.

        Raises
        ------
        GanBenchError
            The shape is another one, or a feature is NaN or infinite; nothing was taken in.
        """
        if features.ndim != 2 or features.shape[1] != self.dimensions:
            raise GanBenchError(
                f"Features of shape {features.shape} do not fit statistics of "
                f"{self.dimensions} dimensions: give (n, {self.dimensions})."
            )
        if not np.isfinite(features).all():
            raise GanBenchError(
                "A feature is NaN or infinite, so the images have no mean and covariance: "
                "check the feature model."
            )
        if len(features) == 0:
            return
        batch = features.astype(np.float64)
        mean = batch.mean(axis=0)
        deviations = batch - mean
        self._add(len(batch), mean, deviations.T @ deviations)

    def merge(self, other: "GaussianStatistics") -> None:
        """Take in all that another one has taken in.

        Raises
        ------
        GanBenchError
            The other one has another number of dimensions.
        """
        if other.dimensions != self.dimensions:
            raise GanBenchError(
                f"Statistics of {other.dimensions} dimensions cannot be merged into statistics of "
                f"{self.dimensions}: both must come from one feature model."
            )
        if other.count:
            self._add(other.count, other._mean, other._scatter)

    def _add(self, count: int, mean: NDArray[np.float64], scatter: NDArray[np.float64]) -> None:
        total = self.count + count
        difference = mean - self._mean
        self._mean = self._mean + difference * (count / total)
        self._scatter = (
            self._scatter
            + scatter
            + np.outer(difference, difference) * (self.count * count / total)
        )
        self.count = total

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean, float64 (dimensions,), of at least one image."""
        return self._mean.copy()

    @property
    def covariance(self) -> NDArray[np.float64]:
        """The unbiased covariance, float64 (dimensions, dimensions), symmetric.

        Raises
        ------
        GanBenchError
            Fewer than two images were taken in.
        """
        if self.count < 2:
            raise GanBenchError(
                f"A covariance needs at least two images; there are {self.count}: "
                "take more samples."
            )
        return (self._scatter + self._scatter.T) / (2 * (self.count - 1))


@dataclass(frozen=True)
class FrechetDistance:
    """A Frechet distance with what it was computed from."""

    value: float
    n_real: int
    n_fake: int
    rank_real: int
    """The rank of the real images' covariance."""
    rank_fake: int
    """The rank of the fake images' covariance."""
    rank_deficient: bool
    """Whether a covariance has less than full rank: too few or too similar images."""


def frechet_distance(real: GaussianStatistics, fake: GaussianStatistics) -> FrechetDistance:
    r"""Return the Frechet distance of the Gaussians with the two means and covariances.

    :math:`|\mu_1 - \mu_2|^2 + \mathrm{tr}\,S_1 + \mathrm{tr}\,S_2
    - 2\,\mathrm{tr}\,(S_1 S_2)^{1/2}`: Dowson and Landau 1982, "The Frechet distance between
    multivariate normal distributions", equation 4; as a score of GANs, the square is called the
    Frechet distance: Heusel et al. 2017, "GANs trained by a two time-scale update rule", equation
    6. The last trace is the sum of the singular values of :math:`S_1^{1/2} S_2^{1/2}`, whose
    squares are the eigenvalues of :math:`S_1 S_2`: no complex numbers, no regularisation, and half
    of the digits are not lost to squaring where a covariance is singular.

    Parameters
    ----------
    real, fake
        Statistics of the same features, of at least two images each.

    Returns
    -------
    FrechetDistance
        Not negative and finite; symmetric up to rounding.

    Raises
    ------
    GanBenchError
        There are fewer than two images, the dimensions differ, or the distance overflows.
    """
    if real.dimensions != fake.dimensions:
        raise GanBenchError(
            f"Features of {real.dimensions} and of {fake.dimensions} dimensions have no distance: "
            "use one feature model for both."
        )
    covariance_real, covariance_fake = real.covariance, fake.covariance
    mean_real, mean_fake = real.mean, fake.mean
    if not all(
        np.isfinite(part).all() for part in (mean_real, mean_fake, covariance_real, covariance_fake)
    ):
        raise GanBenchError("The features are too large for a covariance in float64.")
    root_real, rank_real = _root_and_rank(covariance_real, mean_real)
    root_fake, rank_fake = _root_and_rank(covariance_fake, mean_fake)
    trace_of_root = float(np.linalg.svd(root_real @ root_fake, compute_uv=False).sum())
    difference = mean_real - mean_fake
    value = float(
        difference @ difference
        + np.trace(covariance_real)
        + np.trace(covariance_fake)
        - 2 * trace_of_root
    )
    if not np.isfinite(value):
        raise GanBenchError("The Frechet distance is too large for float64.")
    return FrechetDistance(
        value=max(value, 0.0),
        n_real=real.count,
        n_fake=fake.count,
        rank_real=rank_real,
        rank_fake=rank_fake,
        rank_deficient=min(rank_real, rank_fake) < real.dimensions,
    )


def _root_and_rank(
    covariance: NDArray[np.float64], mean: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int]:
    eigenvalues, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(eigenvalues.clip(min=0))) @ vectors.T
    # Features are float32: equal images whose features differ by rounding only have rank zero.
    rounding = float(np.finfo(np.float32).eps) ** 2 * float(mean @ mean + eigenvalues.max())
    return root, int((eigenvalues > len(mean) * rounding).sum())
