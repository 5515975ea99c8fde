"""Checks that what a trainer returns keeps the contract, and a walk over what it holds."""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_bench.errors import ContractError, UsageError
from gan_bench.recipe import ImageShape, Recipe
from gan_bench.trainer import Weights, declared_losses, is_given, kind_of


def loss_table(losses: object, steps: int, recipe: Recipe) -> NDArray[np.floating]:
    """Return losses as (steps, losses), in the order in which the recipe declares them.

    The dtype is the recipe's. Columns of optional losses that the trainer does not report are NaN.

    Raises
    ------
    ContractError
        A declared loss is missing, one is not declared, or one has the wrong shape or dtype.
    """
    table = np.full((steps, len(recipe.losses)), np.nan, dtype=recipe.dtype)
    for name, values in declared_losses(losses, recipe, "train").items():
        if (values := _array(f"train returned {name}", values)).shape != (steps,):
            several = values.ndim == 2 and len(values) == steps
            raise ContractError(
                f"train returned {name} of {values.shape}, the contract says ({steps},)"
                + (": of several updates their mean, .mean(axis=1)" if several else "")
            )
        if values.dtype != recipe.dtype:
            raise ContractError(
                f"train returned {name} as {values.dtype}, not the recipe's {recipe.dtype}"
            )
        table[:, recipe.losses.index(name)] = values
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
        raise ContractError(
            f"weights returned {kind_of(weights)}, the contract says arrays by name"
        )
    for name, tensor in weights.items():
        _array(f"weights returned {name}", tensor)
    return weights


def _array(what: str, values: object) -> NDArray[Any]:
    if isinstance(values, np.ndarray):
        return values
    raise ContractError(
        f"{what} as {kind_of(values)}, the contract says a NumPy array; convert it with "
        "numpy.asarray; a tensor must first be copied to the host, without its gradients"
    )


def weights_sha256(weights: dict[str, NDArray[Any]]) -> str:
    """Hash weights by name, dtype, shape and bits."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = np.ascontiguousarray(weights[name])
        digest.update(f"{name} {tensor.dtype} {tensor.shape}\n".encode() + tensor.tobytes())
    return digest.hexdigest()


def named(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield values by name, and what is in lists, tuples and dictionaries: ``critics_0``.

    Raises
    ------
    UsageError
        Two objects have one name, so that a checkpoint would have one of them. Plain numbers and
        texts, which no checkpoint has, may.
    """
    seen: dict[str, Any] = {}
    for name, value in _flat(values):
        if seen.setdefault(name, value) is not value and not (
            type(value).__module__ == type(seen[name]).__module__ == "builtins"
        ):
            raise UsageError(f"Two parts of a trainer are called {name}; rename an attribute.")
        yield name, value


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, list | tuple):
            yield from _flat({f"{name}_{index}": item for index, item in enumerate(value)})
        elif isinstance(value, dict):
            yield from _flat({f"{name}_{key}": item for key, item in value.items()})
        else:
            yield name, value


def check_networks(trainer: object, recipe: Recipe, networks: Collection[str]) -> None:
    """Raise `UsageError` if a trainer lacks a network that its recipe declares."""
    absent = [name for name in recipe.networks if name not in networks]
    if absent:
        raise UsageError(
            f"{type(trainer).__name__} has no {absent[0]}, which is in its recipe's networks: "
            "build_networks has to set it."
        )


def tensors_to_set(
    trainer: object, shapes: Mapping[str, tuple[int, ...]], weights: Weights
) -> list[str]:
    """Return the names of the trainer's tensors that ``weights`` has.

    Parameters
    ----------
    trainer
        The trainer, which an error names.
    shapes
        The shape of each of its tensors, in the canonical layout.
    weights
        Those to set. It may lack what `is_given` leaves out.

    Raises
    ------
    UsageError
        The tensors or a shape are others.
    """
    different = {
        name for name in shapes.keys() ^ weights.keys() if name in weights or is_given(name)
    }
    if different:
        raise UsageError(
            f"{type(trainer).__name__} has other tensors than these weights: only one has "
            f"{', '.join(sorted(different))}."
        )
    found = [name for name in shapes if name in weights]
    for name in found:
        if shapes[name] != weights[name].shape:
            raise UsageError(f"{name} has the shape {shapes[name]}, not {weights[name].shape}.")
    return found


_NOT_SEARCHED = frozenset({"builtins", "functools", "types", "numpy", "gan_bench"})


def held(
    values: Mapping[str, Any], seen: set[int], network: type, libraries: frozenset[str]
) -> Iterator[tuple[str, Any]]:
    """Yield values as `named` does, and what objects of a plugin's own classes hold.

    Parameters
    ----------
    values
        Attributes by name.
    seen
        The ids of the objects that are not searched.
    network
        The framework's class of networks and layers, which are not searched.
    libraries
        The packages whose objects are not searched.
    """
    for name, value in _flat(values):
        yield name, value
        package = type(value).__module__.partition(".")[0]
        if package in _NOT_SEARCHED | libraries or isinstance(value, network):
            continue
        if hasattr(value, "__dict__") and id(value) not in seen:
            seen.add(id(value))
            inside = {f"{name}.{key}": item for key, item in vars(value).items()}
            yield from held(inside, seen, network, libraries)


ROUNDING = 0.5 / 127.5
"""How far rounding may bring a float beyond -1 and 1, half a grey level: it is clipped."""


def to_array(value: Any) -> NDArray[Any]:
    """Return an array or tensor of any framework as a NumPy array; it waits for the device.

    Raises
    ------
    UsageError
        It is no array of numbers.
    """
    tensor = value
    if callable(getattr(tensor, "detach", None)):  # PyTorch
        tensor = tensor.detach().cpu()
        if tensor.is_floating_point() and tensor.element_size() < 4:  # NumPy has no bfloat16
            tensor = tensor.float()
        tensor = tensor.numpy()
    elif not hasattr(tensor, "__array__") and callable(getattr(tensor, "numpy", None)):
        tensor = tensor.numpy()
    try:
        array = np.asarray(tensor)
        if array.dtype.kind == "V":  # the bfloat16 of JAX and TensorFlow
            array = array.astype(np.float32)
    except (TypeError, ValueError):
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in "fiub":
        raise UsageError(f"{kind_of(value)} is no array of numbers.")
    return array


def channels_last(images: NDArray[Any], wanted: ImageShape | None) -> NDArray[Any] | None:
    """Return four-dimensional images as (n, height, width, channels).

    Parameters
    ----------
    images
        With the channels last or first.
    wanted
        Their height, width and channels; None: any size, and 1 or 3 channels.

    Returns
    -------
    A view, or None if they have another size.
    """
    for found in (images, np.moveaxis(images, 1, -1)):
        size = found.shape[1:]
        if size == wanted or (wanted is None and size[2] in (1, 3)):
            return found
    return None


def grey_levels(images: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return floats of -1 to 1 as grey levels, as `Trainer.sample` makes them of its outputs."""
    levels = np.rint(127.5 * (images.astype(np.float32) + 1))
    return np.ascontiguousarray(np.clip(levels, 0, 255).astype(np.uint8))
