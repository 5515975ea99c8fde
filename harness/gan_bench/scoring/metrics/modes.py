"""Modes: which classes the samples show, and how sure the classifier is of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gan_bench.scoring.features.onnx_model import FeatureModel
from gan_bench.scoring.images import ImageSet

CONFIDENT = 0.9
"""A sample counts as confident if a class has at least this probability."""
PRESENT = 0.1
"""A class counts as present with at least this part of its share of the real images: a classifier
that errs now and then finds a few samples of any class."""


@dataclass(frozen=True)
class Classes:
    """What a classifier sees in a set of images."""

    counts: NDArray[np.int64]
    """Images of each class, int64 (classes,)."""
    confident: float
    """Share of images with a class of probability `CONFIDENT` or more."""

    @property
    def shares(self) -> NDArray[np.float64]:
        """Of each class, float64 (classes,), with the sum 1."""
        return np.asarray(self.counts / self.counts.sum(), dtype=np.float64)


def classify(classifier: FeatureModel, images: ImageSet) -> Classes:
    """Return what a model with an output ``logits`` sees.

    Raises
    ------
    GanBenchError
        The images do not fit it.
    """
    counts, confident = None, 0
    batches = images.read(classifier.batch_size)
    for logits in classifier.batches(batches, output="logits"):
        scores = np.exp(logits - logits.max(axis=1, keepdims=True), dtype=np.float64)
        probabilities = scores / scores.sum(axis=1, keepdims=True)
        found = np.bincount(probabilities.argmax(axis=1), minlength=logits.shape[1])
        counts = found if counts is None else counts + found
        confident += int((probabilities.max(axis=1) >= CONFIDENT).sum())
    assert counts is not None
    return Classes(counts.astype(np.int64), confident / images.count)


def divergence(fake: Classes, real: Classes) -> float:
    """Return the Kullback-Leibler divergence of the samples' shares from the real ones, in nats.

    KL(fake || real), as "mode KL" in Metz et al. 2017, "Unrolled generative adversarial networks",
    section 3.3.1. A class without a real image has half an image's share, so that it is finite.
    """
    p = fake.shares
    q = np.maximum(real.counts, 0.5) / np.maximum(real.counts, 0.5).sum()
    seen = p > 0
    return float((p[seen] * np.log(p[seen] / q[seen])).sum())


def present(fake: Classes, real: Classes) -> int:
    """Return how many of the real images' classes are present among the samples."""
    return int(((fake.shares >= PRESENT * real.shares) & (real.counts > 0)).sum())
