"""The Frechet distance between two sets of features, and the statistics behind it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.linalg import lapack

from gan_bench.errors import GanBenchError
from gan_bench.scoring.array_file import FeatureFile

_WELL_CONDITIONED = 1e-7
"""Ratio of smallest to largest pivot above which squaring costs no relevant precision."""


@dataclass(frozen=True)
class Factor:
    """A factor F of a covariance S, with F^T F = S."""

    matrix: NDArray[np.float64]
    """F, float64 (r, dimensions)."""
    rank: int
    """Rank of S; smaller than r if the other pivots are within the rounding of float32 features."""
    well_conditioned: bool
    """Whether S is far from singular."""


class GaussianStatistics:
    """Mean and covariance of features that arrive in batches, in float64 and constant memory.

    The batch size changes the results by rounding only. Source: Chan, Golub and LeVeque 1979,
    "Updating formulae and a pairwise algorithm for computing sample variances", equations 2.1a and
    2.1b, for matrices. While there are no more images than dimensions, the features themselves are
    kept, because they give a more accurate factor than the covariance.
    """

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.count = 0
        self._mean = np.zeros(dimensions)
        # Sum of outer products of the deviations from the mean.
        self._scatter = np.zeros((dimensions, dimensions))
        # None once there are more images than dimensions.
        self._rows: list[NDArray[np.float64]] | None = []

    def update(self, features: NDArray[np.floating]) -> None:
        """Add a batch.

        Parameters
        ----------
        features
            float32 or float64 (n, dimensions), n >= 0.

        Raises
        ------
        GanBenchError
            The shape does not fit, or a feature is NaN or infinite; nothing was added.
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
        self._keep([batch])

    def merge(self, other: "GaussianStatistics") -> None:
        """Add the images of other statistics.

        Raises
        ------
        GanBenchError
            The other statistics have a different number of dimensions.
        """
        if other.dimensions != self.dimensions:
            raise GanBenchError(
                f"Statistics of {other.dimensions} dimensions cannot be merged into statistics of "
                f"{self.dimensions}: both must come from one feature model."
            )
        if other.count:
            self._add(other.count, other._mean, other._scatter)
            self._keep(other._rows)

    def without(self, part: "GaussianStatistics") -> "GaussianStatistics":
        """Return the statistics of the images that are not in ``part``.

        Raises
        ------
        GanBenchError
            Fewer remain: compute their statistics from their features instead.
        """
        left = self.count - part.count
        if left <= self.dimensions:
            raise GanBenchError(
                f"{left} images are too few for a covariance of {self.dimensions} dimensions "
                "without their features: compute it from the features."
            )
        result = GaussianStatistics(self.dimensions)
        result.count, result._rows = left, None
        difference = part._mean - self._mean
        result._mean = self._mean - difference * (part.count / left)
        result._scatter = (
            self._scatter
            - part._scatter
            - np.outer(difference, difference) * (self.count * part.count / left)
        )
        return result

    def state(self) -> dict[str, NDArray[Any]]:
        """Return count, mean and scatter matrix, from which `of_state` restores the statistics."""
        return {"count": np.array(self.count), "mean": self._mean, "scatter": self._scatter}

    @staticmethod
    def of_state(state: dict[str, NDArray[Any]]) -> "GaussianStatistics":
        """Restore statistics of more images than dimensions; fewer need their features."""
        result = GaussianStatistics(len(state["mean"]))
        result.count, result._rows = int(state["count"]), None
        result._mean = state["mean"].astype(np.float64)
        result._scatter = state["scatter"].astype(np.float64)
        return result

    def _keep(self, rows: list[NDArray[np.float64]] | None) -> None:
        if self._rows is None or rows is None or self.count > self.dimensions:
            self._rows = None
        else:
            self._rows += rows

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
        """The mean, float64 (dimensions,)."""
        return self._mean.copy()

    @property
    def covariance(self) -> NDArray[np.float64]:
        """The unbiased covariance, float64 (dimensions, dimensions), symmetric.

        Raises
        ------
        GanBenchError
            There are fewer than two images.
        """
        if self.count < 2:
            raise GanBenchError(
                f"A covariance needs at least two images; there are {self.count}: "
                "take more samples."
            )
        return (self._scatter + self._scatter.T) / (2 * (self.count - 1))

    def factor(self) -> Factor:
        """Return a factor of the covariance.

        If there are no more images than dimensions, the factor is the centred features divided by
        the root of n - 1; otherwise it is a pivoted Cholesky factor (Higham 2002, "Accuracy and
        stability of numerical algorithms", section 10.3).

        Raises
        ------
        GanBenchError
            There are fewer than two images, or the covariance overflows.
        """
        covariance = self.covariance
        if not (np.isfinite(covariance).all() and np.isfinite(self._mean).all()):
            raise GanBenchError("The features are too large for a covariance in float64.")
        if self._rows is not None:
            rows = (np.concatenate(self._rows) - self._mean) / np.sqrt(self.count - 1)
            _, pivots = _pivoted_cholesky(rows @ rows.T)
            return Factor(rows, self._rank(pivots), well_conditioned=False)
        matrix, pivots = _pivoted_cholesky(covariance)
        full = len(pivots) == self.dimensions
        return Factor(
            matrix,
            self._rank(pivots),
            well_conditioned=full and bool(pivots.min() > _WELL_CONDITIONED * pivots.max()),
        )

    def _rank(self, pivots: NDArray[np.float64]) -> int:
        # Rounding gives every feature a variance of about (eps * value)^2.
        rounding = float(np.finfo(np.float32).eps) ** 2 * float(
            self._mean @ self._mean + pivots.max(initial=0.0)
        )
        return int((pivots > self.dimensions * rounding).sum())


def gaussian(features: FeatureFile) -> GaussianStatistics:
    """Return the statistics of all features in a file."""
    result = GaussianStatistics(features.dimensions)
    for block in features.blocks():
        result.update(block)
    return result


@dataclass(frozen=True)
class FrechetDistance:
    """A Frechet distance and the ranks of both covariances."""

    value: float
    rank_real: int
    """The rank of the real images' covariance."""
    rank_fake: int
    """The rank of the fake images' covariance."""
    rank_deficient: bool
    """Whether a covariance has less than full rank: too few or too similar images."""


def frechet_distance(real: GaussianStatistics, fake: GaussianStatistics) -> FrechetDistance:
    r"""Return the Frechet distance of the Gaussians with the two means and covariances.

    The value is :math:`|\mu_1 - \mu_2|^2 + \mathrm{tr}\,S_1 + \mathrm{tr}\,S_2
    - 2\,\mathrm{tr}\,(S_1 S_2)^{1/2}`. Dowson and Landau 1982, "The Frechet distance between
    multivariate normal distributions", equation 4, call it the squared distance; for GANs the
    square itself is called the Frechet distance (Heusel et al. 2017, "GANs trained by a two
    time-scale update rule", equation 6).

    With :math:`S = F^T F` the last trace is the sum of the singular values of :math:`F_1 F_2^T`,
    whose squares are the eigenvalues of :math:`S_1 S_2`. This needs neither complex numbers nor
    regularisation. If both covariances are far from singular, squaring costs no relevant precision,
    and the eigenvalues of :math:`F_1 S_2 F_1^T` are used instead, which is faster.

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
    factor_real, factor_fake = real.factor(), fake.factor()
    trace_of_root = _trace_of_root(factor_real, factor_fake, fake.covariance)
    difference = real.mean - fake.mean
    value = float(
        difference @ difference
        + np.square(factor_real.matrix).sum()
        + np.square(factor_fake.matrix).sum()
        - 2 * trace_of_root
    )
    if not np.isfinite(value):
        raise GanBenchError("The Frechet distance is too large for float64.")
    return FrechetDistance(
        value=max(value, 0.0),
        rank_real=factor_real.rank,
        rank_fake=factor_fake.rank,
        rank_deficient=min(factor_real.rank, factor_fake.rank) < real.dimensions,
    )


def _trace_of_root(first: Factor, second: Factor, covariance: NDArray[np.float64]) -> float:
    if first.well_conditioned and second.well_conditioned:
        eigenvalues = scipy.linalg.eigvalsh(
            first.matrix @ covariance @ first.matrix.T, driver="evd", check_finite=False
        )
        return float(np.sqrt(eigenvalues.clip(min=0)).sum())
    cross = first.matrix @ second.matrix.T
    return float(scipy.linalg.svdvals(cross, check_finite=False).sum()) if cross.size else 0.0


def _pivoted_cholesky(
    matrix: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return F (r, n) with F^T F = matrix, r its numerical rank, and the pivots, descending."""
    upper, order, rank, _ = lapack.dpstrf(matrix, lower=0, tol=-1.0)
    upper = np.triu(upper)[:rank]
    factor = np.empty_like(upper)
    factor[:, order - 1] = upper
    return factor, np.square(np.diagonal(upper))
