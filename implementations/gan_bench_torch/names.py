"""The canonical names of what PyTorch trains and keeps: see `gan_bench.trainer.Weights`."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from gan_bench.contract import held
from gan_bench.errors import UsageError

_SCALES = {"gamma": ("weight", (0,)), "beta": ("bias", (0,))}


def _kernel(*axes: int) -> dict[str, tuple[str, tuple[int, ...]]]:
    return {"kernel": ("weight", axes), "bias": ("bias", (0,))}


# For each kind of layer: canonical tensor -> (attribute, its axes in the canonical order).
_LAYOUTS: dict[type[nn.Module], dict[str, tuple[str, tuple[int, ...]]]] = {
    nn.Linear: _kernel(1, 0),
    nn.Bilinear: _kernel(1, 2, 0),
    nn.Conv1d: _kernel(2, 1, 0),
    nn.Conv2d: _kernel(2, 3, 1, 0),
    nn.Conv3d: _kernel(2, 3, 4, 1, 0),
    nn.ConvTranspose1d: _kernel(2, 0, 1),
    nn.ConvTranspose2d: _kernel(2, 3, 0, 1),
    nn.ConvTranspose3d: _kernel(2, 3, 4, 0, 1),
    nn.Embedding: {"embeddings": ("weight", (0, 1))},
    nn.EmbeddingBag: {"embeddings": ("weight", (0, 1))},
    nn.PReLU: {"alpha": ("weight", (0,))},
    nn.GroupNorm: _SCALES,
    nn.LayerNorm: _SCALES,
    nn.RMSNorm: _SCALES,
    _NormBase: _SCALES  # batch and instance normalisation of all dimensions
    | {"moving_mean": ("running_mean", (0,)), "moving_variance": ("running_var", (0,))},
}
# What PyTorch's spectral and weight normalisation keep; the former's older form, a buffer, and the
# latter's, a parameter, have the same name.
_OF_NORMALISATION = {
    **{"_u": "u", "_v": "v", "weight_u": "u", "weight_v": "v"},
    **{"original0": "magnitude", "original1": "direction", "weight_g": "magnitude"},
}
_LIBRARIES = frozenset({"torch", "gan_bench_torch"})
_REGISTERED = frozenset({"_parameters", "_buffers", "_modules"})


def canonical(trainer: Any, networks: Mapping[str, nn.Module]) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor of the networks once, a tied one under its first name.

    Raises
    ------
    UsageError
        A tensor has no name, two have the same, or PyTorch does not know it as a part of its
        network.
    """
    known = {id(tensor) for network in networks.values() for tensor in _tensors(network)}
    for path, value in held(vars(trainer), {id(trainer)}, nn.Module, _LIBRARIES):
        _refuse_unknown(trainer, path, value, known, state=path not in vars(trainer))
    seen: set[int] = set()
    for name, network in networks.items():
        index = 0
        for path, layer in network.named_modules(prefix=name):
            others = {k: v for k, v in vars(layer).items() if k not in _REGISTERED}
            for attribute, value in held(others, {id(trainer)}, nn.Module, _LIBRARIES):
                _refuse_unknown(trainer, f"{path}.{attribute}", value, known)
            found: dict[str, Tensor] = {}
            for attribute, tensor, value, axes in _named_tensors(layer, trainer.own_tensors):
                if id(value) in seen:
                    continue
                seen.add(id(value))
                if tensor is None or tensor in found:
                    is_parameter = isinstance(value, nn.Parameter)
                    raise UsageError(
                        f"The tensor {path}.{attribute} of {type(trainer).__name__} has no name "
                        "of its own among the weights; name it in the class's own_tensors, "
                        f'such as own_tensors = {{"{attribute}": "scale"}}'
                        + ("" if is_parameter else _IF_CONSTANT)
                        + "."
                    )
                found[tensor] = value.detach().permute(axes)
            for tensor, view in found.items():
                yield f"{name}.{index}.{tensor}", view
            index += bool(found)


_IF_CONSTANT = ", or register it with persistent=False if it is a constant"


def _refuse_unknown(
    trainer: object, path: str, value: object, known: set[int], *, state: bool = False
) -> None:
    """Raise if a value has tensors to train, or with ``state`` any, that no network has."""
    tensors: list[Tensor] = []
    if isinstance(value, nn.Module):
        tensors = _tensors(value)
    elif isinstance(value, Tensor) and (
        (value.is_leaf and value.requires_grad) or (state and value.is_floating_point())
    ):
        tensors = [value]
    if any(id(tensor) not in known for tensor in tensors):
        raise UsageError(
            f"{path} of {type(trainer).__name__} has tensors that PyTorch does not know as a part "
            "of the network, so no optimiser and no checkpoint has them; use nn.Parameter, "
            "nn.ParameterList or nn.ModuleList in a network, make a further network an "
            "attribute of the trainer, and keep constants as NumPy arrays."
        )


def _named_tensors(
    layer: nn.Module, own_names: Mapping[str, str]
) -> Iterator[tuple[str, str | None, Tensor, tuple[int, ...]]]:
    """Yield attribute, canonical name if there is one, tensor and axes of a layer's tensors."""
    layouts = [layout for kind, layout in _LAYOUTS.items() if isinstance(layer, kind)]
    for layout in layouts:
        for tensor, (attribute, axes) in layout.items():
            value = _stored(layer, attribute)
            if value is not None:
                if value.dim() != len(axes):  # of maps: layer normalisation
                    axes = (1, 2, 0) if value.dim() == 3 else tuple(range(value.dim()))
                yield attribute, own_names.get(attribute, tensor), value, axes
    names = {**_OF_NORMALISATION, **own_names}
    for part in (layer, *_parametrisations(layer)):
        for attribute, value in _own_tensors(part):
            if value.is_floating_point() or value.dim():  # else it counts steps
                name = names.get(attribute)
                if name == "v" and isinstance(value, nn.Parameter):
                    name = "direction"
                yield attribute, name, value, tuple(range(value.dim()))


def _own_tensors(layer: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield a layer's own parameters and persistent buffers."""
    for name, tensor in {**layer._parameters, **layer._buffers}.items():
        if tensor is not None and name not in layer._non_persistent_buffers_set:
            yield name, tensor


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]


def _parametrisations(layer: nn.Module) -> list[nn.Module]:
    """Return the modules from which a layer's parametrised tensors are computed."""
    found = getattr(layer, "parametrizations", None)
    return list(found.modules()) if isinstance(found, nn.ModuleDict) else []


def _stored(layer: nn.Module, attribute: str) -> Tensor | None:
    """Return the tensor that a layer trains or keeps, None if it has none of this name."""
    parametrised = getattr(layer, "parametrizations", {})
    if attribute in parametrised:
        original = getattr(parametrised[attribute], "original", None)
        return original if isinstance(original, Tensor) else None
    kept = {**layer._parameters, **layer._buffers}
    return kept.get(f"{attribute}_orig", kept.get(attribute))
