"""Trains the lenet of a data set, which scores it: ``gan-bench features train``."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gan_bench import data
from gan_bench.errors import UsageError
from gan_bench.scoring.features.by_name import DIGITS, classifier_name
from gan_bench.scoring.features.model_cache import make_model

SMALLEST_SIDE = 8
"""Pixels that three halvings need."""


def train_classifier(
    name: str, *, epochs: int, seed: int, threads: int, say: Callable[[str], None]
) -> tuple[Path, dict[str, Any]]:
    """Train a classifier on a data set's train split and keep it; return it and its facts.

    Parameters
    ----------
    name
        Of the data set.
    epochs, seed, threads
        Of the training.
    say
        Is told of every epoch.

    Raises
    ------
    UsageError
        The data set is not there, has no labels or too small images, or PyTorch is missing.
    """
    dataset = data.load(name)
    label = data.label(dataset.name)
    if dataset.name in DIGITS:
        raise UsageError(f"The lenet of {label} comes with gan-bench; there is nothing to train.")
    if dataset.classes < 2:
        raise UsageError(f"{label} has no labels, so no classifier can be trained on it.")
    if min(dataset.train.images.shape[1:3]) < SMALLEST_SIDE:
        raise UsageError(f"The images of {label} are smaller than {SMALLEST_SIDE} pixels.")
    with tempfile.TemporaryDirectory(prefix="gan-bench-train-") as scratch:
        path = Path(scratch) / "data.npz"
        np.savez(
            path,
            train_images=dataset.train.images,
            train_labels=dataset.train.labels,
            test_images=dataset.test.images,
            test_labels=dataset.test.labels,
        )
        return make_model(
            classifier_name(dataset.sha256),
            "gan_bench_torch.features.classifier",
            {
                "data": str(path),
                "classes": dataset.classes,
                "epochs": epochs,
                "seed": seed,
                "threads": threads,
            },
            needs=("torch", "onnx"),
            extra="torch",
            say=say,
        )
