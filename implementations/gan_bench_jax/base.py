"""What the recipes share in JAX: data on the device, canonical weights, the loop, state."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax import Array, lax
from jax.extend.core import jaxpr_as_fun
from numpy.typing import NDArray

from gan_bench import trainer as contract
from gan_bench.contract import check_networks, named, tensors_to_set
from gan_bench.errors import UsageError
from gan_bench.recipe import Recipe
from gan_bench.trainer import (
    CONTRACT_VERSION,
    Precision,
    Unsupported,
    Weights,
    check_labels,
    declared_losses,
    tf32_asked,
)
from gan_bench_jax.framework import deterministic_kernels
from gan_bench_jax.names import canonical, in_layout

# Parity needs float64, which JAX otherwise turns to float32. Dtypes are explicit everywhere.
jax.config.update("jax_enable_x64", True)

# Steps and samples are made in arrays of one size, the last padded: one executable serves any
# number of them, and kernels of other sizes round otherwise. A run's longest chunks are of 50 steps
# on a CPU, and of 250 on a GPU.
_STEPS = 50
_SAMPLE_BATCH = 128

Draws = Mapping[str, Array]
"""The draws of a step by name; ``latents`` are (count, batch, latent)."""
State = Any
"""The arrays of a trainer's parts, as `flax.nnx.split` gives them."""


class JaxTrainer(ABC):
    """The base of trainers: a subclass builds the networks and optimisers, and defines one update.

    The uint8 images stay on the device, where a step gathers its batches by index. The steps of a
    call of `train` are one compiled loop, to which the networks and optimisers are handed over, and
    from which the losses come back at its end. Trainers of equal classes and recipes share it.

    Further networks, optimisers, ``nnx.Rngs``, variables and arrays that are attributes of the
    trainer, such as an average of the generator's weights, are part of its checkpoints, and the
    networks part of its weights.
    """

    framework: ClassVar[str] = "jax"
    recipe_class: ClassVar[type[Recipe]]
    hyperparameters: ClassVar[type]
    """In place of a recipe; see `gan_bench.trainer.Trainer`."""
    recipe: Any
    contract_version: ClassVar[int] = CONTRACT_VERSION
    precisions: ClassVar[tuple[Precision, ...]] = ("ieee", "tf32")
    own_tensors: ClassVar[Mapping[str, str]] = {}
    """See `gan_bench.trainer.Trainer`; by the attribute of the layer that has the variable."""

    generator: nnx.Module
    discriminator: nnx.Module
    generator_optimiser: nnx.Optimizer
    discriminator_optimiser: nnx.Optimizer

    def __init__(
        self,
        recipe: Recipe,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        *,
        device: str,
        planned_steps: int,
        seed: int,
    ) -> None:
        if os.environ.get("GAN_BENCH_DETERMINISTIC") == "1":
            # Here too, for whoever builds a trainer without the environment of a worker.
            os.environ.update(deterministic_kernels())
        _, height, width, channels = images.shape
        self.recipe = recipe.for_images((height, width, channels))
        self.planned_steps = planned_steps
        self.seed = seed
        self.classes = int(labels.max()) + 1
        self.device = _device(device)
        _set_precision(self.device, recipe.dtype)
        with jax.default_device(self.device):
            # Of JAX's generators the one that compiles in a fraction of the others' time.
            self.random = nnx.Rngs(jax.random.key(seed, impl="rbg"))
            self.build_networks()
            for network in self._networks().values():
                nnx.update(network, _as_dtype(nnx.state(network), recipe.dtype))
            self.build_optimisers()
        check_networks(self, recipe, self._networks())
        for _ in canonical(self, self._networks()):
            pass  # raises if a variable has no name
        # Copies: a step gives its arrays away, and two parts or an author may hold the same.
        self._take(jax.tree.map(jnp.copy, nnx.state(self._parts())))
        self.images = jax.device_put(np.array(images), self.device)
        self.labels = jax.device_put(np.array(labels), self.device)

    @abstractmethod
    def build_networks(self) -> None:
        """Set ``generator`` (latents -> NHWC) and ``discriminator`` (NHWC -> logits).

        Logits are (n,) or (n, 1). If the recipe is conditional, both take labels int64 (n,), below
        ``self.classes``, as a second argument. A network that the recipe's ``sampler`` names
        samples instead of ``generator``.
        """

    @abstractmethod
    def build_optimisers(self) -> None:
        """Set ``generator_optimiser`` and ``discriminator_optimiser``."""

    @abstractmethod
    def update(self, real: list[Array], draws: Draws) -> dict[str, Array]:
        """Make one step and return the losses that the recipe declares, by name.

        It is traced once for all trainers of equal attributes. The trainer that it gets has no
        ``images``, ``labels``, ``device`` and ``seed``.

        A loss of several updates has one element for each; their mean is recorded.

        Parameters
        ----------
        real
            Batches of real images, NHWC in [-1, 1].
        draws
            What the recipe declares, by name: ``draws["latents"]`` is (count, batch, latent). If
            the recipe is conditional, ``draws["real_labels"]`` has the labels of ``real``, int64
            (count, batch).
        """

    def train(
        self, batches: NDArray[np.int64], draws: Mapping[str, NDArray[Any]]
    ) -> dict[str, NDArray[np.floating]]:
        """Train one step for each row and return when the device is idle again."""
        given = [batches, *(draws[name] for name in self.recipe.draws())]
        graph, state = nnx.split(self._parts())
        traced, pieces = _Traced(self), []
        for start in range(0, len(batches), _STEPS):
            padded = [_padded(array[start : start + _STEPS], _STEPS) for array in given]
            rows, *drawn = jax.device_put(padded, self.device)
            count = min(_STEPS, len(batches) - start)
            state, losses = _steps(
                traced, graph, state, self.images, self.labels, rows, drawn, count
            )
            pieces.append((losses, count))
        self._take(state)
        return {
            name: np.concatenate([np.asarray(losses[name])[:count] for losses, count in pieces])
            for name in pieces[0][0]
        }

    def sample(
        self, latents: NDArray[np.float32], labels: NDArray[np.int64] | None = None
    ) -> NDArray[np.uint8]:
        """Return G(latents) as uint8 NHWC, in inference mode."""
        graph, state = nnx.split(self._networks()[self.recipe.sampler])
        columns = (latents, *check_labels(labels, self.recipe, self.classes))
        images = []
        for start in range(0, len(latents), _SAMPLE_BATCH):
            chunk = [
                _padded(rows[start : start + _SAMPLE_BATCH], _SAMPLE_BATCH) for rows in columns
            ]
            images.append(_samples(graph, state, *jax.device_put(chunk, self.device)))
        return np.concatenate([np.asarray(made) for made in images])[: len(latents)]

    def forward(
        self,
        latents: NDArray[np.float32],
        images: NDArray[np.float32],
        training: bool,
        labels: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Return G(latents) as float NHWC and D(images) as logits, leaving no state behind."""
        classes = check_labels(labels, self.recipe, self.classes)
        outputs = []
        for name, entering in ((self.recipe.sampler, latents), ("discriminator", images)):
            given = jax.device_put([entering, *classes], self.device)
            outputs.append(_outputs(*nnx.split(self._networks()[name]), training, *given))
        made, logits = outputs
        if logits.size == len(images):  # many networks return (n, 1)
            logits = logits.reshape(-1)
        return np.array(made), np.array(logits)

    def set_weights(self, weights: Weights) -> None:
        """Replace every tensor of every network; optimiser state is left as it is.

        Further networks and the vectors of spectral normalisation, which a recipe does not have to
        know, stay as they are if ``weights`` lacks them.
        """
        variables = dict(canonical(self, self._networks()))
        shapes = {
            name: in_layout(layer, np.empty(variable.shape)).shape
            for name, (variable, layer) in variables.items()
        }
        for name in tensors_to_set(self, shapes, weights):
            variable, layer = variables[name]
            tensor = in_layout(layer, np.array(weights[name], variable.dtype))
            variable.set_value(jax.device_put(tensor, self.device))

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of every tensor of all networks, on the host."""
        return {
            name: np.array(in_layout(layer, np.asarray(variable[...])), order="C")
            for name, (variable, layer) in canonical(self, self._networks())
        }

    def save(self, path: Path) -> None:
        """Write networks, optimisers and dropout's random state below the folder ``path``."""
        leaves = jax.tree.leaves_with_path(nnx.state(self._parts()))
        np.savez(path / "state.npz", **{_name(key): _plain(leaf) for key, leaf in leaves})

    def load(self, path: Path) -> None:
        """Restore what ``save`` wrote, on any device."""
        with np.load(path / "state.npz", allow_pickle=False) as saved:

            def restored(key: Any, leaf: Array) -> Any:
                value = saved[_name(key)]
                if _is_key(leaf):
                    return jax.random.wrap_key_data(value, impl=jax.random.key_impl(leaf))
                return value

            self._take(jax.tree.map_with_path(restored, nnx.state(self._parts())))

    def multiply_adds(self) -> dict[str, int]:
        """Return those of a forward pass of one image, from the operations that JAX traces."""
        shapes = {
            "generator": (1, self.recipe.latent_size),
            "discriminator": (1, *self.images.shape[1:]),
        }
        given = [np.zeros(1, np.int64)] if self.recipe.conditional else []
        counts = {}
        for name, shape in shapes.items():
            split = nnx.split(self._networks()[name])
            jaxpr = jax.make_jaxpr(_outputs, static_argnums=(0, 2))(
                *split, False, np.zeros(shape, self.recipe.dtype), *given
            )
            try:
                counts[name] = _multiply_adds(jaxpr.jaxpr)
            except _Uncountable as error:
                raise UsageError(
                    f"{type(self).__name__}'s {name} has matrix products {error}, so its multiply-"
                    "adds cannot be counted; write it without, such as with lax.scan, or override "
                    "multiply_adds."
                ) from error
        return counts

    def device_memory(self) -> dict[str, int]:
        """Return the most bytes on the GPU that XLA's allocator had in use and held."""
        stats = self.device.memory_stats() or {}
        names = {"allocated": "peak_bytes_in_use", "reserved": "peak_pool_bytes"}
        return {name: stats[key] for name, key in names.items() if key in stats}

    def _parts(self) -> dict[str, Any]:
        """Return what has arrays: networks, optimisers, random numbers, variables."""
        return {
            name: value
            for name, value in vars(self).items()
            if name not in _OWN
            and any(isinstance(leaf, Array | np.ndarray) for leaf in jax.tree.leaves(value))
        }

    def _take(self, state: State) -> None:
        parts = self._parts()
        nnx.update(parts, jax.device_put(state, self.device))
        vars(self).update(parts)  # arrays that are attributes

    def _networks(self) -> dict[str, nnx.Module]:
        found = {name: part for name, part in named(vars(self)) if isinstance(part, nnx.Module)}
        first = {name: found[name] for name in ("generator", "discriminator") if name in found}
        return first | found


_OWN = frozenset({"images", "labels", "device", "seed"})
"""Attributes of a trainer that are no parts of it and on which no executable depends."""


class _Traced:
    """What an executable depends on besides shapes; trainers with equal ones share it."""

    def __init__(self, trainer: JaxTrainer) -> None:
        self.trainer_class = type(trainer)
        self.parts = frozenset(trainer._parts())
        self.fixed = {
            name: value
            for name, value in vars(trainer).items()
            if name not in _OWN and name not in self.parts
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Traced) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.trainer_class, self.fixed["recipe"]))

    def step(
        self, parts: dict[str, Any], real: list[Array], draws: Draws
    ) -> tuple[State, dict[str, Array]]:
        """Let a trainer of these parts make a step; return their state and the losses."""
        trainer = object.__new__(self.trainer_class)
        vars(trainer).update(self.fixed, **parts)
        what = f"the update of {self.trainer_class.__name__}"
        losses = declared_losses(trainer.update(real, contract.Draws(draws)), trainer.recipe, what)
        for name, value in self.fixed.items():
            if vars(trainer)[name] is not value:
                raise UsageError(
                    f"{self.trainer_class.__name__}.{name} changes in the update, which JAX traces "
                    "once, so it would keep one value; make it a JAX array."
                )
        for name in sorted(vars(trainer).keys() - self.fixed.keys() - parts.keys()):
            raise UsageError(
                f"{self.trainer_class.__name__}.{name} is set in the update, which JAX traces "
                "once, so it would be lost; set it in build_networks, as a JAX array if it changes."
            )
        state = nnx.state({name: vars(trainer)[name] for name in parts})
        return state, {name: jnp.mean(loss) for name, loss in losses.items()}

    def check_dtypes(self, jaxpr: Any, state: State, losses: dict[str, Array]) -> None:
        """Raise if a step of float32 computes in float64; single numbers in the state may."""
        found = [
            f"computes in float64 {_line(operation)}"
            for operation in jaxpr.eqns
            if _widens(operation)
        ]
        found += [
            f"leaves {_name(path)} in float64"
            for path, leaf in jax.tree.leaves_with_path(state)
            if leaf.dtype == jnp.float64 and leaf.size > 1
        ]
        found += [
            f"makes the loss {name} float64"
            for name, loss in losses.items()
            if loss.dtype == jnp.float64
        ]
        if found and self.fixed["recipe"].dtype == "float32":
            raise UsageError(
                f"The update of {self.trainer_class.__name__} {found[0]}, where the recipe's "
                "dtype is float32; give new arrays the dtype self.recipe.dtype, as NumPy's and "
                "JAX' are of float64 without one."
            )


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
def _steps(
    traced: _Traced,
    graph: Any,
    state: State,
    images: Array,
    labels: Array,
    batches: Array,
    given: list[Array],
    count: Array,
) -> tuple[State, dict[str, Array]]:
    """Make the first ``count`` of the steps; return the state and the losses of each step."""
    recipe: Recipe = traced.fixed["recipe"]

    def step(index: Array, state: State) -> tuple[State, dict[str, Array]]:
        real = [images[batch].astype(recipe.dtype) / 127.5 - 1.0 for batch in batches[index]]
        draws = {
            name: _cast(draw[index], recipe.dtype)
            for name, draw in zip(recipe.draws(), given, strict=True)
        }
        if recipe.conditional:
            draws["real_labels"] = labels[batches[index]]
        return traced.step(nnx.merge(graph, state), real, draws)

    index = jnp.zeros((), jnp.int32)
    jaxpr, made = jax.make_jaxpr(step, return_shape=True)(index, state)
    traced.check_dtypes(jaxpr.jaxpr, *made)
    step_again = jaxpr_as_fun(jaxpr)  # without tracing the update again

    def keep_losses(
        index: Array, carried: tuple[State, dict[str, Array]]
    ) -> tuple[State, dict[str, Array]]:
        state, losses = carried
        outputs = step_again(index.astype(jnp.int32), *jax.tree.leaves(state))
        state, found = jax.tree.unflatten(jax.tree.structure(made), outputs)
        return state, {
            name: losses[name].at[index].set(loss.astype(recipe.dtype))
            for name, loss in found.items()
        }

    losses = {name: jnp.zeros(len(batches), recipe.dtype) for name in made[1]}
    return lax.fori_loop(0, count, keep_losses, (state, losses))


@partial(jax.jit, static_argnums=0)
def _samples(graph: Any, state: State, latents: Array, *labels: Array) -> Array:
    network = nnx.merge(graph, state)
    images = _in_mode(network, training=False)(_cast(latents, _dtype(network)), *labels)
    return jnp.clip(jnp.round((images + 1.0) * 127.5), 0.0, 255.0).astype(jnp.uint8)


@partial(jax.jit, static_argnums=(0, 2))
def _outputs(graph: Any, state: State, training: bool, entering: Array, *labels: Array) -> Array:
    network = nnx.merge(graph, state)
    return _in_mode(network, training=training)(_cast(entering, _dtype(network)), *labels)


def mean_probability(logits: Array) -> Array:
    """Return the batch mean of sigmoid(logits)."""
    return jax.nn.sigmoid(logits).mean()


def _in_mode(network: nnx.Module, *, training: bool) -> nnx.Module:
    """Return a network, which is a copy inside of a compiled function, without dropout."""
    network.set_attributes(
        deterministic=True, use_running_average=not training, raise_if_not_found=False
    )
    return network


class _Uncountable(Exception):
    """Says which products cannot be counted."""


def _multiply_adds(jaxpr: Any) -> int:
    total = 0
    for operation in jaxpr.eqns:
        inputs = [variable.aval for variable in operation.invars]
        within = [_multiply_adds(inner) for inner in _inner(operation)]
        if operation.primitive is lax.dot_general_p:
            (output,) = operation.outvars
            (contracted, _), _ = operation.params["dimension_numbers"]
            total += prod(output.aval.shape) * prod(inputs[0].shape[axis] for axis in contracted)
        elif operation.primitive is lax.conv_general_dilated_p:
            # A kernel meets each position of the output, a transposed one of the input.
            (output,) = operation.outvars
            numbers, dilated = operation.params["dimension_numbers"], False
            dilated = max(operation.params["lhs_dilation"]) > 1
            met, axes = (
                (inputs[0], numbers.lhs_spec[2:])
                if dilated
                else (output.aval, numbers.out_spec[2:])
            )
            total += prod(inputs[1].shape) * prod(met.shape[axis] for axis in axes)
        elif operation.params.get("branches_platforms"):  # one for each kind of device
            total += within[-1]
        elif "branches" in operation.params:
            if len(set(within)) > 1:
                raise _Uncountable("in branches of unequal cost")
            total += within[0]
        elif operation.primitive is lax.while_p:
            if sum(within):
                raise _Uncountable("in a loop whose steps are not known before it runs")
        else:
            total += operation.params.get("length", 1) * sum(within)  # only a scan has a length
    return total


def _inner(operation: Any) -> Iterator[Any]:
    """Yield what an operation of a traced function calls: bodies of loops, branches, functions."""
    for value in operation.params.values():
        for inner in value if isinstance(value, tuple) else (value,):
            if hasattr(inner, "eqns"):
                yield inner


def _widens(operation: Any) -> bool:
    """Tell whether an operation, or one within, makes float64 arrays of float32 ones."""
    if operation.primitive is lax.convert_element_type_p:
        (source,), (made,) = operation.invars, operation.outvars
        return bool(
            made.aval.dtype == jnp.float64
            and source.aval.dtype == jnp.float32
            and made.aval.size > 1
        )
    return any(_widens(within) for inner in _inner(operation) for within in inner.eqns)


def _line(operation: Any) -> str:
    """Return the line of an author's file from which an operation is."""
    libraries = [Path(module.__file__).parent for module in (jax, flax, optax)]
    traceback = operation.source_info.traceback
    for frame in traceback.frames if traceback else ():
        path = Path(frame.file_name)
        if not any(path.is_relative_to(library) for library in libraries):
            return f"in line {frame.line_num} of {path.name}"
    return "somewhere"


def _as_dtype(state: State, dtype: str) -> State:
    return jax.tree.map(partial(_cast, dtype=dtype), state)


def _cast(values: Array, dtype: Any) -> Array:
    return values.astype(dtype) if jnp.issubdtype(values.dtype, jnp.floating) else values


def _dtype(network: nnx.Module) -> Any:
    return jax.tree.leaves(nnx.state(network, nnx.Param))[0].dtype


def _padded(array: NDArray[Any], length: int) -> NDArray[Any]:
    return np.pad(array, [(0, length - len(array))] + [(0, 0)] * (array.ndim - 1))


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def _plain(leaf: Array) -> NDArray[np.generic]:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _is_key(leaf: Array) -> bool:
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _set_precision(device: jax.Device, dtype: str) -> None:
    """Let JAX compute in the precision that the run asks for; executables depend on it."""
    major, _, minor = getattr(device, "compute_capability", "").partition(".")
    capability = (int(major), int(minor)) if major and minor else None
    name = "cpu" if device.platform == "cpu" else "cuda"
    jax.config.update(
        "jax_default_matmul_precision",
        "tensorfloat32" if tf32_asked(name, dtype, capability) else "highest",
    )


def _device(name: str) -> jax.Device:
    kind, _, index = name.partition(":")
    try:
        found = jax.devices("cpu")[:1] if kind == "cpu" else jax.devices(kind)
    except RuntimeError:  # JAX knows no such platform, or its library for it does not start
        found = []
    if int(index or 0) >= len(found):
        hint = "" if kind == "cpu" else "; JAX for NVIDIA's GPUs is installed with 'jax[cuda13]'"
        raise Unsupported(
            f"the device {name} was asked for, and JAX has {len(found)} such devices{hint}"
        )
    return found[int(index or 0)]
