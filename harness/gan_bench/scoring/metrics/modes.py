"""Modes: which classes the samples show, and how confident the classifier is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import GanBenchError
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
    counts, confident = None, 0
    batches = images.read(classifier.batch_size)
    for logits in classifier.batches(batches, output="logits"):
        scores = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
        probabilities = scores / scores.sum(axis=1, keepdims=True)
        batch = np.bincount(probabilities.argmax(axis=1), minlength=logits.shape[1])
        counts = batch if counts is None else counts + batch
        confident += int((probabilities.max(axis=1) >= CONFIDENT).sum())
    assert counts is not None
    return Classes(counts.astype(np.int64), confident / images.count)


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


class ClassModes(MetricFamily):
    """How many classes the samples show, how even they are, and how confident the classifier is."""

    word = "modes"
    needs = "classifier"

    def __init__(self, classifier: FeatureModel | None, reason: str) -> None:
        """Compute nothing yet.

        ``reason`` says why there is no classifier.
        """
        super().__init__(self.needs, ("classes_present", "class_kl", "confident_share"))
        self._classifier = classifier
        self._reason = reason
        self._real: Classes | None = None

    def compute(self, real: Side, fake: Side) -> list[MetricValue]:
        """Return three values; the first has the share of each class in its details."""
        if self._classifier is None:
            raise GanBenchError(self._reason)
        if self._real is None:
            self._real = classify(self._classifier, real.images)
        seen = classify(self._classifier, fake.images)
        values = (present(seen, self._real), divergence(seen, self._real), seen.confident)
        details = {
            "classifier_sha256": self._classifier.sha256,
            "shares": seen.shares.tolist(),
            "real_shares": self._real.shares.tolist(),
            "real_confident_share": self._real.confident,
        }
        return [
            self.value(
                *(name, value, real, fake),
                features=self._classifier.name,
                details=details if name == "classes_present" else {},
            )
            for name, value in zip(self.names, values, strict=True)
        ]
