"""Checks that what a trainer returns keeps the contract, before it is used."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import GanBenchError
from gan_bench.trainer import LOSS_COLUMNS, Losses

_OPTIONAL = frozenset({"d_real", "d_fake"})


class ContractError(GanBenchError):
    """A trainer returned something that breaks the contract."""


def loss_table(losses: Losses, steps: int, dtype: str) -> NDArray[np.float32]:
    """Return losses as float32 (steps, 4), with NaN in columns that the trainer does not report.

    ``dtype`` is the recipe's; the trainer must return losses in it.

    Raises
    ------
    ContractError
        A required column is missing, or a column has the wrong shape or dtype.
    """
    if not all(hasattr(losses, name) for name in LOSS_COLUMNS):
        raise ContractError(
            f"train returned {_kind(losses)}, the contract says gan_bench.trainer.Losses"
        )
    table = np.full((steps, len(LOSS_COLUMNS)), np.nan, dtype=np.float32)
    for column, name in enumerate(LOSS_COLUMNS):
        values = getattr(losses, name)
        if values is None and name in _OPTIONAL:
            continue
        if (values := _array(f"train returned {name}", values)).shape != (steps,):
            raise ContractError(
                f"train returned {name} of {values.shape}, the contract says ({steps},)"
            )
        if values.dtype != dtype:
            raise ContractError(
                f"train returned {name} as {values.dtype}, not the recipe's {dtype}"
            )
        table[:, column] = values
    return table


def check_samples(images: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
    """Check that samples are uint8 and have the given shape.

    Raises
    ------
    ContractError
        The type, dtype or shape is wrong.
    """
    if _array("sample returned images", images).shape != shape:
        raise ContractError(f"sample returned {images.shape}, the contract says {shape}")
    if images.dtype != np.uint8:
        raise ContractError(f"sample returned {images.dtype}, the contract says uint8")


def check_weights(weights: object) -> dict[str, NDArray[Any]]:
    """Return what ``weights`` returned, if it is NumPy arrays by name.

    Raises
    ------
    ContractError
        It is something else.
    """
    if not isinstance(weights, dict) or not all(isinstance(name, str) for name in weights):
        raise ContractError(f"weights returned {_kind(weights)}, the contract says arrays by name")
    for name, tensor in weights.items():
        _array(f"weights returned {name}", tensor)
    return weights


def _array(what: str, values: object) -> NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values
    raise ContractError(
        f"{what} as {_kind(values)}, the contract says a NumPy array; convert it, from PyTorch "
        "with .detach().cpu().numpy(), from Keras or TensorFlow with .numpy(), else with "
        "numpy.asarray"
    )


def _kind(values: object) -> str:
    kind = type(values)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def weights_sha256(weights: dict[str, NDArray[Any]]) -> str:
    """Hash weights by name, dtype, shape and bits."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {tensor.dtype} {tensor.shape}\n".encode() + tensor.tobytes())
    return digest.hexdigest()
