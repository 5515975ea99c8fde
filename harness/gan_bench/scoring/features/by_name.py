"""Feature models by name: ``lenet``, ``inception``, or the path of an ``.onnx`` file."""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from gan_bench import data
from gan_bench.data import Dataset
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.scoring.features.inception_weights import (
    GRAPH_VERSION,
    Weights,
    find_weights,
    local_weights,
)
from gan_bench.scoring.features.model_cache import cached_model, check_packages, make_model
from gan_bench.system.files import file_sha256
from gan_bench.system.scratch import scratch_folder
from gan_bench.text import listed, percent

if TYPE_CHECKING:
    from gan_bench.scoring.features.onnx_model import FeatureModel

MODELS = Path(__file__).parent / "models"
NAMES = ("lenet", "inception")
DIGITS = ("mnist", "mnist-5k")
STACKED = ("stacked-mnist", "stacked-mnist-5k")
"""Data sets whose images have a digit in each channel."""
BUILT_IN = (*DIGITS, *STACKED)
"""Data sets of the built-in lenet."""
_LENET = MODELS / "lenet.onnx"
_INCEPTION = f"inception-{GRAPH_VERSION}"
_CHANCE_LEVEL = 0.01
"""A lenet is used if guessing would be as accurate with less than this probability."""
_INCEPTION_NEEDS = ("torch", "torchvision", "pytorch_fid", "onnx")
_SMALLEST_SIDE = 8
"""Smallest height and width that the classifier can halve three times, in pixels."""


def _classifier_name(data_sha256: str) -> str:
    return f"lenet-{data_sha256[:16]}"


def _inception_name(weights: Weights) -> str:
    # All known files contain the same weights.
    return _INCEPTION if weights.kind != "unknown" else f"{_INCEPTION}-{weights.sha256[:16]}"


def cached_inception(weights: Path | None) -> tuple[Path, dict[str, Any]] | None:
    """Return the cached model of these weights, or of the published ones; None if there is none.

    Raises
    ------
    UsageError
        The weights cannot be used.
    """
    return cached_model(_INCEPTION if weights is None else _inception_name(find_weights(weights)))


def model_sha256(
    features: str, *, dataset: str, data_sha256: str, weights: Path | None
) -> str | None:
    """Return the sha256 of the model that would score a data set now; None if there is none."""
    try:
        if features == "lenet":
            if dataset in BUILT_IN:
                return _lenet_sha256()
            cached = cached_model(_classifier_name(data_sha256))
        elif features == "inception":
            cached = cached_inception(weights)
        else:
            return file_sha256(Path(features))
    except (UsageError, OSError):
        return None
    return None if cached is None else str(cached[1]["sha256"])


@lru_cache
def _lenet_sha256() -> str:
    return file_sha256(_LENET)


class NoFeatures(GanBenchError):
    """The data set has no lenet."""


def load_features(
    name: str,
    *,
    threads: int = 1,
    dataset: Dataset | None = None,
    weights: Path | None = None,
    cuda: bool = True,
    say: Callable[[str], None] = lambda sentence: None,
) -> "FeatureModel":
    """Load a feature model by its name, or by the path of an ``.onnx`` file.

    Parameters
    ----------
    name
        ``lenet`` (the data set's classifier; the one for digits is built in, and takes each channel
        of stacked digits by itself), ``inception``, or the path of an ``.onnx`` file.
    threads
        Number of threads.
    dataset
        The data set of the images; None if they are not from one: then ``lenet`` is the one for
        digits.
    weights
        File of Inception's weights; None: search for the published ones, then download
        them.
    cuda
        Whether to use a GPU if ONNX Runtime can.
    say
        Called with a sentence before something takes long.

    Raises
    ------
    NoFeatures
        There is no lenet for this data set.
    UsageError
        There is no such model, or it cannot be used or made.
    """
    if weights is not None and name != "inception":
        raise UsageError(f"--weights is for the features inception, not {name}.")
    if name == "lenet":
        path, origin = _lenet(dataset)
    elif name == "inception":
        path, origin = _inception(weights, say)
    else:
        path, origin = Path(name), None
        if path.suffix != ".onnx":
            raise UsageError(
                f"There are no features {name!r}: give one of {', '.join(NAMES)} "
                "or the path of an .onnx file."
            )
        if path.stem in (*NAMES, "pixels"):
            raise UsageError(f"{path} has the name of built-in features: rename the file.")
        name = path.stem
    # These import ONNX Runtime, which commands that only choose a model do not need.
    from gan_bench.scoring.features.channelwise import ChannelwiseModel
    from gan_bench.scoring.features.onnx_model import FeatureModel

    stacked = name == "lenet" and dataset is not None and dataset.name in STACKED
    model = ChannelwiseModel if stacked else FeatureModel
    return model(path, name=name, threads=threads, weights=origin, cuda=cuda)


def _lenet(dataset: Dataset | None) -> tuple[Path, str | None]:
    if dataset is None or dataset.name in BUILT_IN:
        return _LENET, None
    cached = cached_model(_classifier_name(dataset.sha256))
    if cached is None:
        label = data.label(dataset.name)
        raise NoFeatures(
            f"There is no lenet for {label} (the built-in one is for {listed(BUILT_IN)}): run "
            f"`gan-bench features train {label}` once, or score with --features inception."
            if dataset.classes > 1
            else f"There is no lenet for {label}, which has only one class: score with --features "
            "inception or a model of your own."
        )
    path, facts = cached
    problem = _no_better_than_chance(dataset, facts)
    if problem is not None:
        raise NoFeatures(problem)
    return path, str(facts["weights"])


def _no_better_than_chance(dataset: Dataset, facts: Mapping[str, Any]) -> str | None:
    """Return why a lenet of a data set must not be used; None if it may be.

    The binomial test compares its accuracy on the test split with that of always naming the
    largest class.
    """
    from scipy.special import bdtrc  # takes a third of the time of importing this package

    labels = dataset.test.labels
    chance = float(np.bincount(labels).max()) / len(labels)
    accuracy = float(facts["accuracy"])
    right = round(accuracy * len(labels))
    if bdtrc(right - 1, len(labels), chance) < _CHANCE_LEVEL:
        return None
    label = data.label(dataset.name)
    return (
        f"The lenet of {label} is no better than chance: it recognises {percent(accuracy, 1)} of "
        f"{len(labels):,} test images, and {percent(chance, 1)} are of the largest class. Check "
        "the labels, train it with more --epochs or images, or score with --features inception."
    )


def _inception(weights: Path | None, say: Callable[[str], None]) -> tuple[Path, str]:
    model = cached_inception(weights)
    if model is None:
        file = find_weights(weights)
        say("Exporting the Inception network to the cache, once.")
        model = make_model(
            _inception_name(file),
            "gan_bench_torch.features.inception",
            {"weights": str(file.path)},
            needs=_INCEPTION_NEEDS,
            extra="inception",
        )
    path, facts = model
    return path, str(facts["weights"])


def inception_to_make(weights: Path | None) -> str | None:
    """Return a sentence on what must be made before Inception can be used; None if it is there.

    Raises
    ------
    UsageError
        It cannot be made.
    """
    if cached_inception(weights) is not None:
        return None
    check_packages("inception", _INCEPTION_NEEDS, extra="inception")
    found, _ = local_weights(weights)
    first = "weights are downloaded and the network" if found is None else "network"
    return f"Before the first run, the Inception {first} is exported to the cache."


def inception_status() -> tuple[Literal["ok", "missing", "info"], str]:
    """Return whether Inception can be used on this machine, and a sentence; download nothing."""
    model = cached_inception(None)
    if model is not None:
        return "ok", f"{model[0]} is there"
    try:
        check_packages("inception", _INCEPTION_NEEDS, extra="inception")
    except UsageError as error:
        return "missing", str(error).rstrip(".")
    weights, _ = local_weights(None)
    if weights is None:
        return "info", "its weights are downloaded when first used, and the network is exported"
    return "ok", "its weights are there; the network is exported when first used"


def train_classifier(
    name: str, *, epochs: int, seed: int, threads: int, say: Callable[[str], None]
) -> tuple[Path, dict[str, Any]]:
    """Train the lenet of a data set and add it to the cache; return its file and facts.

    ``say`` gets a line after every epoch.

    Raises
    ------
    UsageError
        The data set does not exist, or has only one class or too small images, PyTorch is
        missing, or the classifier is no better than chance.
    """
    dataset = data.load(name)
    label = data.label(dataset.name)
    if dataset.name in BUILT_IN:
        raise UsageError(f"The lenet of {label} comes with gan-bench; there is nothing to train.")
    if dataset.classes < 2:
        raise UsageError(f"{label} has only one class, so no classifier can be trained on it.")
    if min(dataset.train.images.shape[1:3]) < _SMALLEST_SIDE:
        raise UsageError(
            f"The images of {label} are too small for the classifier, which needs at least "
            f"{_SMALLEST_SIDE} x {_SMALLEST_SIDE} pixels."
        )
    with scratch_folder() as scratch:
        path = Path(scratch) / "data.npz"
        np.savez(
            path,
            train_images=dataset.train.images,
            train_labels=dataset.train.labels,
            test_images=dataset.test.images,
            test_labels=dataset.test.labels,
        )
        return make_model(
            _classifier_name(dataset.sha256),
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
            problem=partial(_no_better_than_chance, dataset),
        )
