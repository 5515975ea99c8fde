"""The metrics that compare features: each turns two sides' features into figures."""

from dataclasses import dataclass

from gan_bench.errors import GanBenchError
from gan_bench.metrics import figure_names
from gan_bench.results.scores import MetricValue
from gan_bench.scoring.features.feature_file import FeatureFile
from gan_bench.scoring.metrics import frechet_infinity
from gan_bench.scoring.metrics.frechet import GaussianStatistics, frechet_distance
from gan_bench.scoring.metrics.frechet_infinity import frechet_at_infinity
from gan_bench.scoring.metrics.frechet_interval import frechet_interval
from gan_bench.scoring.metrics.kid import kernel_distance
from gan_bench.scoring.metrics.prdc import DENSE_BALL, manifold

_Z = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


@dataclass(frozen=True)
class Side:
    """The features of one set of images."""

    features: FeatureFile
    statistics: GaussianStatistics


def feature_figures(
    metric: str, name: str, real: Side, fake: Side, *, seed: int
) -> list[MetricValue]:
    """Return the figures of a metric that compares features.

    Parameters
    ----------
    metric
        One of `gan_bench.metrics.METRICS` but ``modes``.
    name
        The feature model's.
    real, fake
        Both sides.
    seed
        Of draws, where the metric makes some.

    Returns
    -------
    list[Figure]
        A figure that cannot be computed is None with its reason.
    """
    compute = {
        "fid": _fid,
        "kid": _kid,
        "prdc": _prdc,
        "fid-infinity": _fid_infinity,
    }[metric]
    try:
        return compute(name, real, fake, seed)
    except GanBenchError as error:
        return missing_figures(metric, name, real.features.count, fake.features.count, str(error))


def missing_figures(
    metric: str, features: str, n_real: int, n_fake: int, reason: str
) -> list[MetricValue]:
    """Return a metric's rows without figures."""
    return [
        MetricValue.missing(
            name, features if metric != "modes" else "pixels", n_real, n_fake, reason
        )
        for name in figure_names(metric, features)
    ]


def _fid(name: str, real: Side, fake: Side, seed: int) -> list[MetricValue]:
    distance = frechet_distance(real.statistics, fake.statistics)
    interval = frechet_interval(
        real.features, fake.features, (real.statistics, fake.statistics), distance.value
    )
    return [
        MetricValue(
            metric=f"fid_{name}",
            features=name,
            value=distance.value,
            low=interval.low if interval else None,
            high=interval.high if interval else None,
            standard_error=interval.standard_error if interval else None,
            bias=interval.bias if interval else None,
            n_real=distance.n_real,
            n_fake=distance.n_fake,
            rank_real=distance.rank_real,
            rank_fake=distance.rank_fake,
            rank_deficient=distance.rank_deficient,
            details={"interval": interval.method if interval else "too few images"},
        )
    ]


def _fid_infinity(name: str, real: Side, fake: Side, seed: int) -> list[MetricValue]:
    needed = frechet_infinity.ENOUGH * fake.features.dimensions
    if fake.features.count < needed:
        raise GanBenchError(
            f"An extrapolation to infinitely many samples of {fake.features.dimensions} features "
            f"needs at least {needed:,}, there are {fake.features.count:,}: take more."
        )
    found = frechet_at_infinity(real.statistics, fake.features, seed=seed)
    return [
        MetricValue(
            metric=f"fid_infinity_{name}",
            features=name,
            value=found.value,
            low=found.low,
            high=found.high,
            standard_error=found.standard_error,
            n_real=real.features.count,
            n_fake=fake.features.count,
            details={
                "smallest_subset": found.smallest,
                "removes": "the bias of the number of samples alone, not that of the real images",
                "interval": "over draws of the samples alone, against these real images",
            },
        )
    ]


def _kid(name: str, real: Side, fake: Side, seed: int) -> list[MetricValue]:
    _at_least(3, real, fake, "A kernel distance with its error")
    distance = kernel_distance(real.features, fake.features)
    return [
        MetricValue(
            metric=f"kid_{name}",
            features=name,
            value=distance.value,
            low=distance.value - _Z * distance.standard_error,
            high=distance.value + _Z * distance.standard_error,
            standard_error=distance.standard_error,
            n_real=real.features.count,
            n_fake=fake.features.count,
        )
    ]


def _prdc(name: str, real: Side, fake: Side, seed: int) -> list[MetricValue]:
    _at_least(DENSE_BALL + 1, real, fake, f"A neighbourhood of {DENSE_BALL} images")
    found = manifold(real.features, fake.features)
    return [
        MetricValue(
            metric=metric,
            features=name,
            value=getattr(found, metric.removesuffix(f"_{name}")),
            n_real=real.features.count,
            n_fake=fake.features.count,
        )
        for metric in figure_names("prdc", name)
    ]


def _at_least(needed: int, real: Side, fake: Side, what: str) -> None:
    there = min(real.features.count, fake.features.count)
    if there < needed:
        raise GanBenchError(
            f"{what} needs at least {needed} images on both sides; there are {there}: take more."
        )
