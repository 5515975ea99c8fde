"""Feature models by name: ``lenet``, ``inception``, or the path of an ``.onnx`` file."""

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from gan_bench import data
from gan_bench.data import Dataset
from gan_bench.errors import GanBenchError, UsageError
from gan_bench.scoring.features.inception.weights import (
    GRAPH_VERSION,
    Weights,
    find_weights,
    sha256_of,
)
from gan_bench.scoring.features.model_cache import made_model, make_model
from gan_bench.scoring.features.onnx_model import FeatureModel

MODELS = Path(__file__).parent / "models"
_KNOWN = f"inception-{GRAPH_VERSION}"
NAMES = ("lenet", "inception")
DIGITS = ("mnist", "mnist-5k")
"""The data sets that the shipped lenet was trained for."""


def shipped_lenet() -> Path:
    """Return the digits' lenet."""
    return MODELS / "lenet.onnx"


def classifier_name(data_sha256: str) -> str:
    """Return the name under which a data set's own lenet is kept."""
    return f"lenet-{data_sha256[:16]}"


def made_inception(weights: Path | None) -> tuple[Path, dict[str, Any]] | None:
    """Return the export of these weights, or of the known ones; None if there is none yet.

    Raises
    ------
    UsageError
        The weights cannot be used.
    """
    return made_model(_KNOWN if weights is None else inception_name(find_weights(weights)))


def inception_name(weights: Weights) -> str:
    """Return the name under which an export of weights is kept: known ones are all the same."""
    return _KNOWN if weights.kind != "unknown" else f"{_KNOWN}-{weights.sha256[:16]}"


def model_sha256(
    features: str, *, dataset: str, data_sha256: str, weights: Path | None
) -> str | None:
    """Return the sha256 of the model that would score a data set now; None if there is none.

    Parameters
    ----------
    features
        As users name it.
    dataset, data_sha256
        The data set's name and content.
    weights
        Inception's, unless they are to be looked for.
    """
    try:
        if features == "lenet":
            if dataset in DIGITS:
                return _digest(shipped_lenet())
            made = made_model(classifier_name(data_sha256))
        elif features == "inception":
            made = made_inception(weights)
        else:
            return sha256_of(Path(features))
    except UsageError:
        return None
    return None if made is None else str(made[1]["sha256"])


@lru_cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class NoFeatures(GanBenchError):
    """A data set has no model of this name."""


def load_features(
    name: str,
    *,
    threads: int = 1,
    dataset: Dataset | None = None,
    weights: Path | None = None,
    cuda: bool = True,
    say: Callable[[str], None] = lambda sentence: None,
) -> FeatureModel:
    """Return a feature model by its name, or by the path of an ``.onnx`` file.

    Parameters
    ----------
    name
        ``lenet`` is the classifier of the data set, which comes with the package for digits.
    threads
        For the model.
    dataset
        What the images are of; of images that are of none, ``lenet`` is the digits' one.
    weights
        Inception's, unless they are to be looked for.
    cuda
        Whether a GPU may compute it, where ONNX Runtime can use one.
    say
        Is told a sentence where something takes long or was made again.

    Raises
    ------
    NoFeatures
        There is no lenet for this data set.
    UsageError
        There is no such model, or it cannot be used or made.
    """
    if weights is not None and name != "inception":
        raise UsageError(f"--weights are for the features inception, not {name}.")
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
            raise UsageError(
                f"The name of {path} means something else in gan-bench: rename the file."
            )
        name = path.stem
    return FeatureModel(path, name=name, threads=threads, weights=origin, cuda=cuda)


def _lenet(dataset: Dataset | None) -> tuple[Path, str | None]:
    if dataset is None or dataset.name in DIGITS:
        return shipped_lenet(), None
    made = made_model(classifier_name(dataset.sha256))
    if made is None:
        label = data.label(dataset.name)
        raise NoFeatures(
            f"There is no lenet for {label}, the one that is shipped knows digits: run "
            f"`gan-bench features train {label}` once, or score with --features inception."
            if dataset.classes > 1
            else f"There is no lenet for {label}, which has no labels: score with --features "
            "inception or a model of your own."
        )
    path, facts = made
    return path, str(facts["weights"])


def _inception(weights: Path | None, say: Callable[[str], None]) -> tuple[Path, str]:
    made = made_inception(weights)
    if made is None:
        found = find_weights(weights)
        say("Exporting the Inception network, once; it is kept in the cache.")
        made = make_model(
            inception_name(found),
            "gan_bench_torch.features.inception",
            {"weights": str(found.path)},
            needs=("torch", "torchvision", "pytorch_fid", "onnx"),
            extra="inception",
        )
    path, facts = made
    return path, str(facts["weights"])
