"""Scores sets of images against one reference; every score comes from here."""

import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime
import scipy

from gan_bench import data
from gan_bench.data import SplitName
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.metrics import FEW_FOR_INCEPTION
from gan_bench.results.scores import MetricValue, Protocol, Score, Scores
from gan_bench.scoring.array_file import FeatureFile
from gan_bench.scoring.features import Meter, Progress
from gan_bench.scoring.features.by_name import BUILT_IN, NoFeatures, load_features
from gan_bench.scoring.features.onnx_model import FeatureModel
from gan_bench.scoring.images import ImageSet, random_subset, size_text
from gan_bench.scoring.metrics import MetricFamily, Side
from gan_bench.scoring.metrics.by_class import AskedClasses, IntraFid
from gan_bench.scoring.metrics.fid import Fid, FidInfinity
from gan_bench.scoring.metrics.frechet import GaussianStatistics
from gan_bench.scoring.metrics.kid import Kid
from gan_bench.scoring.metrics.modes import Classifier, ClassModes, ReachedModes
from gan_bench.scoring.metrics.ndb import PixelBins
from gan_bench.scoring.metrics.nearest import NearestTraining
from gan_bench.scoring.metrics.prdc import Prdc
from gan_bench.scoring.reference_cache import ReferenceCache
from gan_bench.text import listed
from gan_bench.version import __version__


@dataclass(frozen=True)
class Options:
    """How to score. Only features, weights and seed change values."""

    features: str = "lenet"
    weights: Path | None = None
    threads: int = 1
    cache: Path | None = None
    """Folder of the reference cache; None: nothing is cached."""
    seed: int = 0
    say: Callable[[str], None] = lambda sentence: None
    """Called with a sentence for the user."""
    progress: Progress = lambda line: None
    """Called with how far it is."""


@dataclass(frozen=True)
class Floor:
    """The values of real images by metric, or the reason why there are none."""

    values: dict[str, float | None]
    reason: str | None = None


class Scorer:
    """A reference and a feature model, ready to score any number of sets of images.

    Attributes
    ----------
    protocol
        The scoring protocol.
    no_features
        Why the data set has no feature model; None if it has one.
    """

    def __init__(
        self,
        real: ImageSet,
        n_fake: int,
        options: Options,
        *,
        train_splits: Sequence[SplitName] = ("train",),
        asked_classes: int | None = None,
    ) -> None:
        """Load the feature model.

        ``asked_classes`` is the number of classes that a conditional recipe was asked for in turn.

        Raises
        ------
        UsageError
            The feature model cannot be used.
        """
        self._real = real
        self._options = options
        self._train_splits = tuple(train_splits)
        self._asked_classes = asked_classes
        self._meter = Meter(Path(options.features).stem, options.progress)
        self._meter.expect(real.count)
        self._cache = ReferenceCache(options.cache, self._meter)
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
        except NoFeatures as error:
            self.no_features = str(error)
        if self._model is not None:
            try:
                self._model.check(real.shape)
            except GanBenchError as error:
                self.no_features = str(error)
        model = self._model
        self.name = model.name if model else options.features
        self.protocol = Protocol(
            features=self.name,
            features_sha256=model.sha256 if model else None,
            resize=model.resize if model else "none",
            channels=model.treatment(real.shape[2]) if model else "none",
            dataset=real.name,
            split=real.split,
            reference_sha256=real.sha256,
            n_real=real.count,
            n_fake=n_fake,
            seed=options.seed,
            selection="first" if real.whole is None else "drawn",
            conversion=str(real.conversion),
        )

    def __enter__(self) -> "Scorer":
        return self

    def __exit__(self, *_: object) -> None:
        self._cache.__exit__()

    @property
    def classifier_sha256(self) -> str | None:
        """The sha256 of the classifier; None if there is none."""
        return self._classifier.sha256 if self._classifier else None

    @property
    def weights(self) -> str | None:
        """Origin of the feature model's weights, if the model was made on this machine."""
        return self._model.weights if self._model else None

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the software that computes the values."""
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
        """Warnings to show with the values."""
        fewest = min(self.protocol.n_real, self.protocol.n_fake)
        if self.name == "lenet" and self._real.dataset is None:
            return (
                f"{self._real.name} is not a known data set: these features come from a classifier "
                "of handwritten digits, and mean little for other images.",
            )
        if self.name == "inception" and fewest < FEW_FOR_INCEPTION:
            return (
                f"FID with Inception from {fewest:,} images is biased upwards. Do not compare it "
                f"with published values, which use {FEW_FOR_INCEPTION:,} images or more, but only "
                "with values under the same protocol.",
            )
        return ()

    def expect(self, sets: int, *, floor: bool) -> None:
        """Say how many sets of samples will be scored, and whether real images as a floor."""
        self._meter.expect((sets + floor) * self.protocol.n_fake)

    def score(
        self, fake: ImageSet, metrics: Iterable[str], *, keep: bool = False
    ) -> list[MetricValue]:
        """Return the values of a set of images.

        ``keep`` caches their features, which makes sense for real images.

        Raises
        ------
        GanBenchError
            The two sides have different sizes, or the images cannot be read.
        """
        check_sizes(self._real, fake)
        return self._compute(self._families_of(metrics), fake, keep=keep)

    def missing(self, metrics: Iterable[str], n_fake: int, reason: str) -> list[MetricValue]:
        """Return the rows of metrics that cannot be computed, without values."""
        return [
            row
            for family in self._families_of(metrics)
            for row in family.missing(self._real.count, n_fake, reason)
        ]

    def floor(self, metrics: Iterable[str]) -> Floor:
        """Return the values of a random subset of the other split, scored like samples."""
        families = [family for family in self._families_of(metrics) if family.has_floor]
        names = [name for family in families for name in family.names]
        dataset, split = self._real.dataset, self._real.split
        if dataset is None or split is None:
            reason = (
                f"There is no floor: {self._real.name} is not a data set with another split of "
                "real images."
            )
            return Floor(dict.fromkeys(names), reason)
        other: SplitName = "test" if split == "train" else "train"
        key = {
            "floor": self.protocol.fingerprint,
            "metrics": ",".join(dict.fromkeys(family.word for family in families)),
            "other": getattr(dataset, other).sha256,
            "runtime": str(self.versions),
            "classifier": str(self.classifier_sha256),
        }
        cached = self._cache.values(key)
        if cached is not None:
            self._meter.skip(self.protocol.n_fake)
            return Floor(cached)
        try:
            real = random_subset(dataset, other, self.protocol.n_fake, seed=self._options.seed)
            real = real.converted(self._real.conversion)
            rows = self._compute(families, real, keep=True)
        except GanBenchError as error:
            return Floor(dict.fromkeys(names), str(error))
        values = {row.metric: row.value for row in rows}
        reason_of_first = next((row.reason for row in rows if row.reason), None)
        if reason_of_first is None:
            self._cache.keep_values(key, values)
        return Floor(values, reason_of_first)

    def scores(self, rows: Sequence[Score], floor: Floor, began: float) -> Scores:
        """Return the content of a score file; ``began`` is `time.perf_counter()` at the start."""
        return Scores(
            status="ok",
            warnings=self.warnings,
            score_s=time.perf_counter() - began,
            protocol=self.protocol,
            fingerprint=self.protocol.fingerprint,
            versions=self.versions,
            weights=self.weights,
            floor=floor.values,
            floor_reason=floor.reason,
            scores=list(rows),
        )

    def notices(self) -> list[str]:
        """Return sentences about the cache that were not returned before."""
        notices, self._cache.notices = self._cache.notices, []
        return notices

    def _compute(
        self, families: Sequence[MetricFamily], images: ImageSet, *, keep: bool
    ) -> list[MetricValue]:
        fake = self._side(images, keep=keep)
        no_features = self.no_features
        if no_features is None and any(family.needs == "features" for family in families):
            try:
                for side in (fake, self._reference):
                    side.extract()
            except GanBenchError as error:
                no_features = str(error)
        rows: list[MetricValue] = []
        for family in families:
            try:
                if family.needs == "features" and no_features is not None:
                    raise GanBenchError(no_features)
                self._meter.compute(family.word)
                rows += family.compute(self._reference, fake)
            except GanBenchError as error:
                rows += family.missing(self._real.count, images.count, str(error))
        fake.delete_features()
        return rows

    def _side(self, images: ImageSet, *, keep: bool) -> Side:
        def extract() -> tuple[FeatureFile, GaussianStatistics]:
            assert self._model is not None
            return self._cache.features(self._model, images, keep=keep)

        return Side(images, extract)

    @cached_property
    def _reference(self) -> Side:
        return self._side(self._real, keep=True)

    def _families_of(self, metrics: Iterable[str]) -> list[MetricFamily]:
        wanted = set(metrics)
        return [family for family in self._families if family.word in wanted]

    @cached_property
    def _families(self) -> tuple[MetricFamily, ...]:
        """All families, in the order of the values."""
        seed = self._options.seed
        classifier = Classifier(self._classifier, self._no_classifier)
        return (
            Fid(self.name),
            Kid(self.name),
            Prdc(self.name),
            ClassModes(classifier),
            NearestTraining(self._real.dataset, self._train_splits, seed=seed),
            PixelBins(self._cache, seed=seed),
            ReachedModes(classifier),
            FidInfinity(self.name, seed=seed),
            *self._of_conditional(classifier),
        )

    def _of_conditional(self, classifier: Classifier) -> tuple[MetricFamily, ...]:
        classes = self._asked_classes
        if classes is None:
            return ()
        return (
            AskedClasses(classes, classifier),
            IntraFid(self.name, classes),
        )

    @cached_property
    def _classifier(self) -> FeatureModel | None:
        dataset = self._real.dataset
        own = self._model is not None and "logits" in self._model.outputs
        # The digits' lenet does not know the classes of other images.
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
            return f"{self._real.name} is not a data set, so it has no classifier."
        label = data.label(dataset.name)
        if dataset.classes < 2:
            return f"{label} has only one class, so it has no classifier."
        if dataset.name in BUILT_IN:
            own = size_text(getattr(dataset, self._real.split or "test").image_shape)
            return (
                f"The classifier for {label} needs images of {own}, these are "
                f"{size_text(self._real.shape)} (height x width x channels): leave them as they "
                "are."
            )
        return (
            f"There is no classifier for {label} (the built-in one is for {listed(BUILT_IN)}): "
            f"run `gan-bench features train {label}` once."
        )


def check_sizes(real: ImageSet, fake: ImageSet, hint: str = "") -> None:
    """Refuse two sides of different sizes; the hint is the end of the sentence.

    Raises
    ------
    UsageError
        Heights, widths or channels differ.
    """
    if real.shape != fake.shape:
        raise UsageError(
            f"Both sides must have the same size: {real.name} has {size_text(real.shape)}, "
            f"{fake.name} has {size_text(fake.shape)} (height x width x channels){hint}."
        )
