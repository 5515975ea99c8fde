"""The canonical names of what Flax trains and keeps: see `gan_bench.trainer.Weights`."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array
from numpy.typing import NDArray

from gan_bench.contract import held
from gan_bench.errors import UsageError
from gan_bench.trainer import TENSORS

_SCALES = {"scale": "gamma", "bias": "beta", "mean": "moving_mean", "var": "moving_variance"}
# What Flax calls otherwise, by layer.
_NAMES: dict[type[nnx.Module], dict[str, str]] = {
    nnx.Module: {name: name for name in TENSORS},
    nnx.Embed: {"embedding": "embeddings"},
    nnx.PReLU: {"negative_slope": "alpha"},
    nnx.BatchNorm: _SCALES,
    nnx.GroupNorm: _SCALES,
    nnx.InstanceNorm: _SCALES,
    nnx.LayerNorm: _SCALES,
    nnx.RMSNorm: _SCALES,
}
_LIBRARIES = frozenset({"jax", "jaxlib", "flax", "optax", "gan_bench_jax"})

Found = tuple[nnx.Variable[Array], nnx.Module]
"""A variable and its layer."""


def canonical(trainer: Any, networks: Mapping[str, nnx.Module]) -> Iterator[tuple[str, Found]]:
    """Yield every variable of the networks once, a shared one under its first name.

    Raises
    ------
    UsageError
        A variable has no name, two have the same, or no network has it.
    """
    known = {id(part) for net in networks.values() for _, part in nnx.iter_graph(net)}
    for path, value in held(vars(trainer), {id(trainer)}, nnx.Module, _LIBRARIES):
        _refuse_beside(trainer, path, value, known)
    seen: set[int] = set()
    for name, network in networks.items():
        index = 0
        found: dict[str, Found] = {}
        for path, layer in _layers(network, name):
            for attribute, tensor, value in _named_tensors(layer, trainer.own_tensors):
                if id(value) in seen:
                    continue
                seen.add(id(value))
                if tensor is None or tensor in found:
                    raise UsageError(
                        f"The tensor {path}.{attribute} of {type(trainer).__name__} has no name "
                        "of its own among the weights; name it in the class's own_tensors, "
                        f'such as own_tensors = {{"{attribute}": "scale"}}, or make it a plain '
                        "array if it is a constant."
                    )
                found[tensor] = value, layer
            if isinstance(layer, nnx.SpectralNorm):
                continue  # its vector belongs to the layer in it, which is the next
            for tensor, variable in found.items():
                yield f"{name}.{index}.{tensor}", variable
            index += bool(found)
            found = {}


def in_layout(layer: nnx.Module, tensor: NDArray[Any]) -> NDArray[Any]:
    """Return a layer's tensor in the canonical layout, or a canonical one in the layer's."""
    if not isinstance(layer, nnx.ConvTranspose) or tensor.ndim < 2:
        return tensor
    if layer.transpose_kernel:
        return tensor.swapaxes(-1, -2)
    return np.flip(tensor, range(tensor.ndim - 2))  # Flax does not turn it around


def _refuse_beside(trainer: object, path: str, value: object, known: set[int]) -> None:
    """Raise if a value that a trainer holds has variables that no network has."""
    # The trainer's own attributes are in checkpoints, those of its objects are not.
    is_variable = isinstance(value, nnx.Param) or (
        "." in path and isinstance(value, nnx.Variable | Array)
    )
    if (is_variable or isinstance(value, nnx.Module)) and id(value) not in known:
        raise UsageError(
            f"{path} of {type(trainer).__name__} has tensors that no network has, so they are not "
            "among the weights; make an nnx.Param in a network, a further network or an "
            "nnx.Variable an attribute of the trainer, and a constant a NumPy array."
        )


def _named_tensors(
    layer: nnx.Module, own_names: Mapping[str, str]
) -> Iterator[tuple[str, str | None, nnx.Variable[Array]]]:
    """Yield attribute, canonical name if there is one, and variable of a layer's variables."""
    names: dict[str, str] = {}
    for kind, of_kind in _NAMES.items():
        names |= of_kind if isinstance(layer, kind) else {}
    names |= own_names
    for attribute, value in vars(layer).items():
        inner = value.items() if isinstance(value, dict) else [(attribute, value)]
        for key, variable in inner:
            if isinstance(variable, nnx.Variable) and not _counts(variable):
                last = key[-1] if isinstance(key, tuple) else key
                yield last, names.get(last), variable


def _counts(variable: nnx.Variable[Array]) -> bool:
    """Tell whether it is no tensor: a random state, a counter, a scale of the last pass."""
    if isinstance(variable, nnx.Param):
        return False
    is_number = jnp.issubdtype(variable.dtype, jnp.floating)
    return isinstance(variable, nnx.RngState) or not (variable.ndim and is_number)


def _layers(layer: nnx.Module, path: str) -> Iterator[tuple[str, nnx.Module]]:
    """Yield a layer and all layers in it, in the order in which they became attributes."""
    yield path, layer
    for name, value in vars(layer).items():
        inner = value.items() if isinstance(value, dict) else [("", value)]
        for key, part in inner:
            if isinstance(part, nnx.Module):
                within = f"{path}.{name}" + (f".{key}" if key else "")
                yield from _layers(part, within)
