"""Which file a feature model's name stands for, without loading it."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from gan_bench.errors import UsageError
from gan_bench.score.inception.weights import GRAPH_VERSION, Weights, find_weights, sha256_of
from gan_bench.score.made import made_model

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
