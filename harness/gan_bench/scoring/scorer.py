"""Scores sets of images against one reference: the one path that every score comes from."""

import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime
import scipy
from numpy.typing import NDArray

from gan_bench import data
from gan_bench.data import SplitName
from gan_bench.errors import GanBenchError
from gan_bench.metrics import METRICS, figure_names
from gan_bench.results.scores import MetricValue, Protocol
from gan_bench.scoring.features.by_name import DIGITS, NoFeatures, load_features
from gan_bench.scoring.features.onnx_model import FeatureModel
from gan_bench.scoring.images import ImageSet, drawn, of_split
from gan_bench.scoring.metrics.feature_metrics import Side, feature_figures, missing_figures
from gan_bench.scoring.metrics.modes import Classes, classify, divergence, present
from gan_bench.scoring.metrics.ndb import Bins, different_bins, make_bins
from gan_bench.scoring.metrics.nearest import Nearest, copied_share, nearest_training_images
from gan_bench.scoring.reference_cache import ReferenceCache
from gan_bench.version import __version__

FEW_FOR_INCEPTION = 10_000
"""Images on either side, below which Inception's FID is mostly bias."""


@dataclass(frozen=True)
class Options:
    """How to score; features, weights and seed change figures, the rest does not."""

    features: str = "lenet"
    weights: Path | None = None
    threads: int = 1
    cache: Path | None = None
    """A folder; None: nothing is kept."""
    seed: int = 0
    say: Callable[[str], None] = lambda sentence: None


@dataclass(frozen=True)
class Floor:
    """What real images come to, by metric, or why there is nothing."""

    figures: dict[str, float | None]
    reason: str | None = None


class Scorer:
    """A reference, a feature model and what both need, ready for any number of sets of images.

    Attributes
    ----------
    protocol
        How it scores.
    no_features
        Why there is no feature model for the data set, None if there is one.
    """

    def __init__(
        self,
        real: ImageSet,
        n_fake: int,
        options: Options,
        *,
        train_splits: Sequence[SplitName] = ("train",),
    ) -> None:
        """Load the feature model.

        Parameters
        ----------
        real
            The reference.
        n_fake
            Samples in each set.
        options
            How to score.
        train_splits
            Of the data set, that a generator was trained on.

        Raises
        ------
        UsageError
            The feature model cannot be used.
        """
        self._real = real
        self._options = options
        self._train_splits = tuple(train_splits)
        self._cache = ReferenceCache(options.cache)
        self.no_features: str | None = None
        self._model: FeatureModel | None = None
        try:
            self._model = load_features(
                options.features,
                threads=options.threads,
                dataset=real.dataset,
                weights=options.weights,
                say=options.say,
            )
            self._model.check(real.shape)
        except NoFeatures as error:
            self.no_features = str(error)
        except GanBenchError as error:
            if self._model is None:
                raise
            self.no_features = str(error)
        model = self._model
        self.name = model.name if model else options.features
        self.protocol = Protocol(
            features=self.name,
            features_sha256=model.sha256 if model else None,
            resize=model.resize if model else "none",
            channels=model.channels if model and real.shape[2] == 1 else "none",
            dataset=real.name,
            split=real.split,
            reference_sha256=real.sha256,
            n_real=real.count,
            n_fake=n_fake,
            seed=options.seed,
        )

    def __enter__(self) -> "Scorer":
        return self

    def __exit__(self, *_: object) -> None:
        self._cache.__exit__()

    @property
    def classifier_sha256(self) -> str | None:
        """Of the model that sees the classes, None where there is none."""
        return self._classifier.sha256 if self._classifier else None

    @property
    def weights(self) -> str | None:
        """Where the feature model's weights come from, if it was made on this machine."""
        return self._model.weights if self._model else None

    @property
    def versions(self) -> dict[str, str]:
        """Of what computes."""
        provider = self._model.provider if self._model else "not used"
        return {
            "gan_bench": __version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "onnxruntime": f"{onnxruntime.__version__} ({provider})",
            "python": platform.python_version(),
        }

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader of the figures must know."""
        fewest = min(self.protocol.n_real, self.protocol.n_fake)
        if self.name == "lenet" and self._real.dataset is None:
            return (
                f"{self._real.name} is no data set that is known here: these features are those of "
                "a classifier of handwritten digits, and mean little for anything else.",
            )
        if self.name == "inception" and fewest < FEW_FOR_INCEPTION:
            return (
                f"FID with Inception from {fewest:,} images is mostly the bias of so few, and "
                f"does not compare with published figures, which take {FEW_FOR_INCEPTION:,} or "
                "more: compare under this protocol only.",
            )
        return ()

    def score(
        self, fake: ImageSet, metrics: Sequence[str], *, keep: bool = False, train: bool = True
    ) -> list[MetricValue]:
        """Return the figures of a set of images.

        Parameters
        ----------
        fake
            Of the reference's shape.
        metrics
            Of `METRICS`.
        keep
            Whether their features go into the cache, which makes sense for real images.
        train
            Whether they may be compared with the training images.

        Raises
        ------
        GanBenchError
            The two sides are of different sizes, or the files of the images fail.
        """
        if fake.shape != self._real.shape:
            raise GanBenchError(
                f"The two sides must be of one size: {self._real.name} is of "
                f"{_size(self._real.shape)}, {fake.name} of {_size(fake.shape)} (height x width x "
                "channels)."
            )
        figures: list[MetricValue] = []
        ours: Side | None = None
        reason = self.no_features
        wanted = [metric for metric in METRICS if metric in metrics and metric != "modes"]
        if wanted and self._model is not None and reason is None:
            try:
                ours = Side(*self._cache.features(self._model, fake, keep=keep))
                _ = self._reference
            except GanBenchError as error:
                reason = str(error)
        for metric in METRICS:
            if metric == "modes" and metric in metrics:
                figures += self._modes(fake, train=train)
            elif metric in wanted:
                if ours is None or reason is not None:
                    figures += missing_figures(
                        metric, self.name, self._real.count, fake.count, reason or ""
                    )
                else:
                    figures += feature_figures(
                        metric, self.name, self._reference, ours, seed=self._options.seed
                    )
        if ours is not None:
            ours.features.path.unlink()
        return figures

    def floor(self, metrics: Iterable[str]) -> Floor:
        """Return what real images of the other split come to, drawn and scored like samples."""
        asked = set(metrics)
        metrics = [metric for metric in METRICS if metric in asked]
        names = [name for metric in metrics for name in figure_names(metric, self.name)]
        names = [name for name in names if name not in figure_names("modes", "")[3:5]]
        dataset, split = self._real.dataset, self._real.split
        if dataset is None or split is None:
            reason = (
                f"There is no floor: {self._real.name} is no data set with another split of real "
                "images."
            )
            return Floor(dict.fromkeys(names), reason)
        other: SplitName = "test" if split == "train" else "train"
        key = {
            "floor": self.protocol.fingerprint,
            "metrics": ",".join(metrics),
            "other": getattr(dataset, other).sha256,
            "runtime": str(self.versions),
            "classifier": str(self.classifier_sha256),
        }
        kept = self._cache.figures(key)
        if kept is not None:
            return Floor(kept)
        try:
            real = drawn(dataset, other, self.protocol.n_fake, seed=self._options.seed)
            found = self.score(real, metrics, keep=True, train=False)
        except GanBenchError as error:
            return Floor(dict.fromkeys(names), str(error))
        figures = {figure.metric: figure.value for figure in found if figure.metric in names}
        reasons = [figure.reason for figure in found if figure.metric in names and figure.reason]
        if not reasons:
            self._cache.keep_figures(key, figures)
        return Floor(figures, reasons[0] if reasons else None)

    def notices(self) -> list[str]:
        """Return what happened on the way, once."""
        said, self._cache.notices = self._cache.notices, []
        return said

    @cached_property
    def _reference(self) -> Side:
        assert self._model is not None
        return Side(*self._cache.features(self._model, self._real, keep=True))

    def _modes(self, fake: ImageSet, *, train: bool) -> list[MetricValue]:
        n_real, n_fake = self._real.count, fake.count
        names = figure_names("modes", "")
        figures: list[MetricValue] = []
        classifier = self._classifier
        try:
            if classifier is None:
                raise GanBenchError(self._no_classifier)
            real, ours = self._real_classes, classify(classifier, fake)
        except GanBenchError as error:
            figures += [
                MetricValue.missing(name, "classifier", n_real, n_fake, str(error))
                for name in names[:3]
            ]
        else:
            values = (present(ours, real), divergence(ours, real), ours.confident)
            details = {
                "classifier_sha256": classifier.sha256,
                "shares": ours.shares.tolist(),
                "real_shares": real.shares.tolist(),
                "real_confident_share": real.confident,
            }
            figures += [
                MetricValue(
                    metric=name,
                    features=classifier.name,
                    value=float(value),
                    n_real=n_real,
                    n_fake=n_fake,
                    details=details if name == names[0] else {},
                )
                for name, value in zip(names[:3], values, strict=True)
            ]
        if train:
            figures += self._nearest(fake)
        found = different_bins(self._bins, fake)
        details = {"bins": found.bins}
        for name, value in zip(names[5:], (found.different, found.divergence), strict=True):
            figures.append(
                MetricValue(
                    metric=name,
                    features="pixels",
                    value=float(value),
                    n_real=n_real,
                    n_fake=n_fake,
                    details=details if name == "ndb" else {},
                )
            )
        return figures

    def _nearest(self, fake: ImageSet) -> list[MetricValue]:
        names = figure_names("modes", "")[3:5]
        training, dataset = self._training, self._real.dataset
        if training is None or dataset is None:
            reason = (
                f"{self._real.name} is no data set, so there are no training images to compare "
                "with."
            )
            return [MetricValue.missing(n, "pixels", 0, fake.count, reason) for n in names]
        found = nearest_training_images(fake, training)
        looked_at = len(found.distances)
        figures = [
            MetricValue(
                metric=names[0],
                features="pixels",
                value=float(np.median(found.distances)),
                n_real=len(training),
                n_fake=looked_at,
                details={
                    "held_out": None
                    if self._held_out is None
                    else float(np.median(self._held_out.distances)),
                    "nearest_index": found.indices[:64].tolist(),
                    "distance": found.distances[:64].tolist(),
                },
            )
        ]
        if self._held_out is None:
            reason = "The test split was trained on too, so no real image is held out."
            return [
                *figures,
                MetricValue.missing(names[1], "pixels", len(training), looked_at, reason),
            ]
        return [
            *figures,
            MetricValue(
                metric=names[1],
                features="pixels",
                value=copied_share(found, self._held_out),
                n_real=len(training),
                n_fake=looked_at,
            ),
        ]

    @cached_property
    def _classifier(self) -> FeatureModel | None:
        dataset = self._real.dataset
        own = self._model is not None and "logits" in self._model.outputs
        # The digits' lenet says nothing of the classes of images that may be anything.
        if own and not (dataset is None and self.name == "lenet"):
            return self._model
        if dataset is None:
            return None
        try:
            model = load_features("lenet", threads=self._options.threads, dataset=dataset)
            model.check(self._real.shape)
        except GanBenchError:
            return None
        return model

    @property
    def _no_classifier(self) -> str:
        dataset = self._real.dataset
        if dataset is None:
            return f"{self._real.name} is no data set, so there is no classifier of its classes."
        label = data.label(dataset.name)
        if dataset.classes < 2:
            return f"{label} has no labels, so there is no classifier of its classes."
        return (
            f"There is no classifier of {label}'s classes, the one that is shipped knows "
            f"{' and '.join(DIGITS)}: run `gan-bench features train {label}` once."
        )

    @cached_property
    def _real_classes(self) -> Classes:
        assert self._classifier is not None
        return classify(self._classifier, self._real)

    @cached_property
    def _bins(self) -> Bins:
        return make_bins(self._real, seed=self._options.seed)

    @cached_property
    def _training(self) -> NDArray[np.uint8] | None:
        dataset = self._real.dataset
        return None if dataset is None else dataset.training(self._train_splits).images

    @cached_property
    def _held_out(self) -> Nearest | None:
        dataset, training = self._real.dataset, self._training
        if dataset is None or training is None or "test" in self._train_splits:
            return None
        return nearest_training_images(of_split(dataset, "test"), training)


def _size(shape: tuple[int, int, int]) -> str:
    return " x ".join(map(str, shape))
