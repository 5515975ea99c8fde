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
    table = np.full((steps, len(LOSS_COLUMNS)), np.nan, dtype=np.float32)
    for column, name in enumerate(LOSS_COLUMNS):
        values = getattr(losses, name)
        if values is None and name in _OPTIONAL:
            continue
        if not isinstance(values, np.ndarray) or values.shape != (steps,):
            shape = getattr(values, "shape", type(values).__name__)
            raise ContractError(f"train returned {name} of {shape}, the contract says ({steps},)")
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
    if not isinstance(images, np.ndarray) or images.shape != shape:
        actual = getattr(images, "shape", type(images).__name__)
        raise ContractError(f"sample returned {actual}, the contract says {shape}")
    if images.dtype != np.uint8:
        raise ContractError(f"sample returned {images.dtype}, the contract says uint8")


def weights_sha256(weights: dict[str, NDArray[Any]]) -> str:
    """Hash weights by name, dtype, shape and bits."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {tensor.dtype} {tensor.shape}\n".encode() + tensor.tobytes())
    return digest.hexdigest()
