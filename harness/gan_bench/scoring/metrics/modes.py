"""Modes: which classes the samples show, and how confident the classifier is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import GanBenchError
from gan_bench.metrics import REACHED
from gan_bench.results.scores import MetricValue
from gan_bench.scoring.features.onnx_model import FeatureModel
from gan_bench.scoring.images import ImageSet
from gan_bench.scoring.metrics import MetricFamily, Side

CONFIDENT = 0.9
"""A sample counts as confident if a class has at least this probability."""
PRESENT = 0.1
"""A class counts as present with at least this fraction of its share of the real images, because a
classifier's errors put a few samples into any class."""


@dataclass(frozen=True)
class Classes:
    """The classes that a classifier finds in a set of images."""

    counts: NDArray[np.int64]
    """Images of each class, int64 (classes,)."""
    confident: float
    """Share of images with a class of probability `CONFIDENT` or more."""
    of_images: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """The class of each image, int64 (n,), in their order."""

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of the images in each class, float64 (classes,), with the sum 1."""
        return np.asarray(self.counts / self.counts.sum(), dtype=np.float64)


def classify(classifier: FeatureModel, images: ImageSet) -> Classes:
    """Count the images of each class by a model with an output ``logits``.

    Raises
    ------
    GanBenchError
        The images do not fit the model.
    """
    found, confident, number = [], 0, 0
    batches = images.read(classifier.batch_size)
    for logits in classifier.batches(batches, output="logits"):
        scores = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
        probabilities = scores / scores.sum(axis=1, keepdims=True)
        found.append(probabilities.argmax(axis=1))
        number = logits.shape[1]
        confident += int((probabilities.max(axis=1) >= CONFIDENT).sum())
    of_images = np.concatenate(found)
    counts = np.bincount(of_images, minlength=number).astype(np.int64)
    return Classes(counts, confident / images.count, of_images)


def divergence(fake: Classes, real: Classes) -> float:
    """Return the Kullback-Leibler divergence of the samples' shares from the real ones, in nats.

    KL(fake || real), as "mode KL" in Metz et al. 2017, "Unrolled generative adversarial networks",
    section 3.3.1. A class without a real image has half an image's share, which keeps
    the divergence finite.
    """
    p = fake.shares
    q = np.maximum(real.counts, 0.5) / np.maximum(real.counts, 0.5).sum()
    seen = p > 0
    return float((p[seen] * np.log(p[seen] / q[seen])).sum())


def present(fake: Classes, real: Classes) -> int:
    """Return how many of the real images' classes are present among the samples."""
    return int(((fake.shares >= PRESENT * real.shares) & (real.counts > 0)).sum())


def reached(fake: Classes) -> int:
    """Return how many classes have a sample."""
    return int((fake.counts > 0).sum())


def from_uniform(fake: Classes) -> float:
    """Return the Kullback-Leibler divergence of the samples' shares from equal ones, in nats.

    KL(fake || uniform), between 0 and the logarithm of the number of classes.
    """
    shares = fake.shares[fake.counts > 0]
    return float((shares * np.log(shares * len(fake.counts))).sum())


class Classifier:
    """Counts the classes of both sides, each side once."""

    def __init__(self, model: FeatureModel | None, reason: str) -> None:
        """Compute nothing yet.

        ``reason`` says why there is no model.
        """
        self._model = model
        self._reason = reason
        self._counted: WeakKeyDictionary[Side, Classes] = WeakKeyDictionary()

    @property
    def model(self) -> FeatureModel:
        """The model with an output ``logits``.

        Raises
        ------
        GanBenchError
            There is none.
        """
        if self._model is None:
            raise GanBenchError(self._reason)
        return self._model

    def classes(self, side: Side) -> Classes:
        """Return the classes of a side's images; see `classify`."""
        if side not in self._counted:
            self._counted[side] = classify(self.model, side.images)
        return self._counted[side]


class ByClassifier(MetricFamily):
    """A family whose first value has the classifier's sha256 in its details."""

    needs = "classifier"

    def __init__(self, names: tuple[str, ...], classifier: Classifier) -> None:
        super().__init__(self.needs, names)
        self._classifier = classifier

    def rows(
        self, values: Sequence[float], details: dict[str, Any], real: Side, fake: Side
    ) -> list[MetricValue]:
        """Return the family's values, in the order of its names."""
        model = self._classifier.model
        details = {"classifier_sha256": model.sha256, **details}
        return [
            self.value(
                *(name, value, real, fake),
                features=model.name,
                details=details if name == self.names[0] else {},
            )
            for name, value in zip(self.names, values, strict=True)
        ]


class ClassModes(ByClassifier):
    """How many classes the samples show, how even they are, and how confident the classifier is."""

    word = "modes"

    def __init__(self, classifier: Classifier) -> None:
        super().__init__(("classes_present", "class_kl", "confident_share"), classifier)

    def compute(self, real: Side, fake: Side) -> list[MetricValue]:
        """Return three values; the first has the share of each class in its details."""
        expected, seen = self._classifier.classes(real), self._classifier.classes(fake)
        values = (present(seen, expected), divergence(seen, expected), seen.confident)
        details = {
            "shares": seen.shares.tolist(),
            "real_shares": expected.shares.tolist(),
            "real_confident_share": expected.confident,
        }
        return self.rows(values, details, real, fake)


class ReachedModes(ByClassifier):
    """The two values of the literature on stacked MNIST: see `gan_bench.data.stacked`."""

    word = "modes-reached"

    def __init__(self, classifier: Classifier) -> None:
        super().__init__(REACHED, classifier)

    def compute(self, real: Side, fake: Side) -> list[MetricValue]:
        """Return two values of the samples alone; the first has the number of all classes."""
        seen = self._classifier.classes(fake)
        values = (reached(seen), from_uniform(seen))
        return self.rows(values, {"classes": len(seen.counts)}, real, fake)
