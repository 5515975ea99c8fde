"""The canonical names of what Keras trains and keeps: see `gan_bench.trainer.Weights`."""

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf

from gan_bench.contract import held, named
from gan_bench.errors import UsageError
from gan_bench.trainer import TENSORS

# Keras keeps the kernel of a transposed convolution as (height, width, out, in). The permutation
# to the canonical (height, width, in, out) is its own inverse.
_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
# What Keras calls otherwise.
_NAMES = {name: name for name in TENSORS} | {"vector_u": "u"}
_LIBRARIES = frozenset({"keras", "tensorflow", "gan_bench_keras"})

Found = tuple[keras.Variable, tuple[int, ...]]
"""A variable and its axes in the canonical order."""


def canonical(trainer: Any, networks: Mapping[str, keras.Layer]) -> Iterator[tuple[str, Found]]:
    """Yield every weight of the networks once, a shared one under its first name.

    Raises
    ------
    UsageError
        A variable has no name, two have the same, or Keras does not know it as a part of its
        network.
    """
    known = {id(network) for network in networks.values()}
    for path, value in held(vars(trainer), {id(trainer)}, keras.Layer, _LIBRARIES):
        _refuse_beside(trainer, path, value, known)
    seen: set[int] = set()
    for name, network in networks.items():
        index = 0
        found: dict[str, Found] = {}
        for layer in layers(network):
            _refuse_unknown(trainer, layer)
            for attribute, tensor, value, axes in _named_tensors(layer, trainer.own_tensors):
                if id(value) in seen:
                    continue
                seen.add(id(value))
                if tensor is None or tensor in found:
                    raise UsageError(
                        f"The variable {attribute} of {name}'s layer {layer.name} in "
                        f"{type(trainer).__name__} has no name of its own among the weights; give "
                        'it one with add_weight(name="scale"), and in the class with '
                        'own_tensors = {"scale": "scale"}.'
                    )
                found[tensor] = value, axes
            if isinstance(layer, keras.layers.SpectralNormalization):
                continue  # its vector belongs to the layer in it, which is the next
            for tensor, variable in found.items():
                yield f"{name}.{index}.{tensor}", variable
            index += bool(found)
            found = {}


def _refuse_beside(trainer: object, path: str, value: object, networks: set[int]) -> None:
    """Raise if a value that a trainer holds has variables that no network has."""
    # The trainer's own attributes are in checkpoints, those of its objects are not.
    is_variable = isinstance(value, keras.Variable | tf.Variable) and (
        value.trainable or "." in path
    )
    if is_variable or (isinstance(value, keras.Layer) and id(value) not in networks):
        raise UsageError(
            f"{path} of {type(trainer).__name__} has variables that no network has, so they "
            "are not among the weights; make a variable with add_weight in a layer, a "
            "further network an attribute of the trainer, and a variable that is not "
            "trained an attribute of the trainer with trainable=False."
        )


def _refuse_unknown(trainer: object, layer: keras.Layer) -> None:
    """Raise if a layer has variables that Keras does not know as a part of it."""
    known = {id(variable) for variable in layer.variables}
    for name, value in named(vars(layer)):
        if isinstance(value, keras.Optimizer):
            continue
        if any(id(variable) not in known for variable in variables(value)):
            raise UsageError(
                f"{name} of the layer {layer.name} in {type(trainer).__name__} has variables that "
                "Keras does not know as a part of the network, so no checkpoint has them; "
                "make them with add_weight, or keep the layer in an attribute."
            )


def _named_tensors(
    layer: keras.Layer, own_names: Mapping[str, str]
) -> Iterator[tuple[str, str | None, keras.Variable, tuple[int, ...]]]:
    """Yield attribute, canonical name if there is one, tensor and axes of a layer's tensors."""
    names = {**_NAMES, **own_names}
    for variable in _own_tensors(layer):
        axes = tuple(range(len(variable.shape)))
        if isinstance(layer, _TRANSPOSED) and len(axes) > 1:
            axes = (*axes[:-2], axes[-1], axes[-2])
        yield variable.name, names.get(variable.name), variable, axes


def _own_tensors(layer: keras.Layer) -> list[keras.Variable]:
    """Return a layer's weights without those of the layers in it."""
    inner = {id(weight) for part in layer._layers for weight in part.weights}
    return [weight for weight in layer.weights if id(weight) not in inner]


def layers(layer: keras.Layer) -> list[keras.Layer]:
    """Return a layer and all layers in it, in forward order."""
    inner = [part for inside in layer._layers for part in layers(inside)]
    return list(dict.fromkeys([layer, *inner]))


def variables(part: object) -> list[Any]:
    """Return the variables of a layer, an optimiser, a seed generator, or a variable itself."""
    if isinstance(part, keras.Layer | keras.optimizers.Optimizer):
        return list(part.variables)
    if isinstance(part, keras.random.SeedGenerator):
        return [part.state]
    return [part] if isinstance(part, keras.Variable | tf.Variable) else []
