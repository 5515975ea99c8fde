"""What the recipes share in JAX: data on the device, canonical weights, the loop, state."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array, lax
from numpy.typing import NDArray

from gan_bench.errors import UsageError
from gan_bench.recipe import Recipe
from gan_bench.trainer import LOSS_COLUMNS, Losses, Unsupported, Weights
from gan_bench_jax.framework import DETERMINISTIC
from gan_bench_jax.layers import ConvTranspose, PointToMap

# Parity needs float64, which JAX otherwise turns to float32. Dtypes are explicit everywhere.
jax.config.update("jax_enable_x64", True)

# Steps and samples are made in arrays of one size, the rest of them padded: one executable serves
# any number of them, and kernels of other sizes round otherwise.
_STEPS = 64
_SAMPLE_BATCH = 128

_TENSORS = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
"""In canonical order; layers keep them under these names and in the canonical layouts."""

Parts = dict[str, nnx.Module]
"""Both networks and both optimisers, by the trainer's attribute."""
Draws = Mapping[str, Array]
"""What a step draws, by the recipe's name for it; ``latents`` are (draws, batch, latent)."""


class JaxTrainer(ABC):
    """A trainer of two networks; a subclass says how they are built and what one update does.

    The uint8 images stay on the device, where a step gathers its batches by index. The steps of a
    call of `train` are one compiled loop, to which the networks and optimisers are handed over, and
    from which the losses come back at its end. Trainers of equal classes and recipes share it.
    """

    framework: ClassVar[str] = "jax"
    recipe_class: ClassVar[type[Recipe]]

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
            _ask_for_the_same_bits()
        self.recipe = recipe
        self.planned_steps = planned_steps
        self.device = _device(device)
        with jax.default_device(self.device):
            # Of JAX's generators the one that compiles in a fraction of the others' time.
            self.random = nnx.Rngs(jax.random.key(seed, impl="rbg"))
            self.build_networks()
            for name in ("generator", "discriminator"):
                setattr(self, name, _as_dtype(getattr(self, name), recipe.dtype))
            self.build_optimisers()
        self._take(self._parts())
        self.images = jax.device_put(np.array(images), self.device)

    @abstractmethod
    def build_networks(self) -> None:
        """Set ``generator`` (latents -> NHWC) and ``discriminator`` (NHWC -> logits (n,))."""

    @abstractmethod
    def build_optimisers(self) -> None:
        """Set ``generator_optimiser`` and ``discriminator_optimiser``."""

    @abstractmethod
    def update(self, real: list[Array], draws: Draws) -> dict[str, Array]:
        """Make one step and return its losses by name; traced once for equal classes and recipes.

        Of the trainer it may use ``recipe`` and what `build_networks` and `build_optimisers` set.

        Parameters
        ----------
        real
            Batches of real images, NHWC in [-1, 1].
        draws
            What the step draws, by name.
        """

    def train(self, batches: NDArray[np.int64], latents: NDArray[np.float32]) -> Losses:
        """Train one step for each row and return when the device is idle again."""
        return Losses(**self._train(batches, {"latents": latents}))

    def _train(
        self, batches: NDArray[np.int64], draws: Mapping[str, NDArray[np.generic]]
    ) -> dict[str, NDArray[np.floating]]:
        pieces = []
        for start in range(0, len(batches), _STEPS):
            count = min(_STEPS, len(batches) - start)
            padded = [
                _padded(array[start : start + count], _STEPS)
                for array in (batches, *draws.values())
            ]
            rows, *drawn = jax.device_put(padded, self.device)
            parts, losses = _steps(
                type(self),
                self.recipe,
                self._parts(),
                self.images,
                rows,
                dict(zip(draws, drawn, strict=True)),
                count,
            )
            vars(self).update(parts)
            pieces.append({name: values[:count] for name, values in losses.items()})
        return {
            name: np.concatenate([np.asarray(piece[name]) for piece in pieces])
            for name in pieces[0]
        }

    def sample(
        self, latents: NDArray[np.float32], labels: NDArray[np.int64] | None = None
    ) -> NDArray[np.uint8]:
        """Return G(latents) as uint8 NHWC, in inference mode."""
        padded = _padded(latents, -(-len(latents) // _SAMPLE_BATCH) * _SAMPLE_BATCH)
        images = [
            _samples(self.generator, jax.device_put(chunk, self.device))
            for chunk in padded.reshape(-1, _SAMPLE_BATCH, latents.shape[1])
        ]
        return np.concatenate([np.asarray(made) for made in images])[: len(latents)]

    def forward(
        self, latents: NDArray[np.float32], images: NDArray[np.float32], training: bool
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Return G(latents) as float NHWC and D(images) as logits, leaving no state behind."""
        networks = {"generator": latents, "discriminator": images}
        made, logits = (
            _outputs(getattr(self, name), jax.device_put(entering, self.device), training)
            for name, entering in networks.items()
        )
        return np.array(made), np.array(logits)

    def set_weights(self, weights: Weights) -> None:
        """Replace every tensor of both networks; optimiser state is left as it is."""
        variables = dict(self._canonical_variables())
        if variables.keys() != weights.keys():
            raise UsageError(
                f"{type(self).__name__} has other tensors than these weights: only one has "
                f"{', '.join(sorted(variables.keys() ^ weights.keys()))}."
            )
        for name, variable in variables.items():
            if variable.shape != weights[name].shape:
                raise UsageError(
                    f"{name} has the shape {variable.shape}, not {weights[name].shape}."
                )
            tensor = np.array(weights[name], variable.dtype)
            variable.set_value(jax.device_put(tensor, self.device))

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of every tensor of both networks, on the host."""
        return {name: np.array(variable[...]) for name, variable in self._canonical_variables()}

    def save(self, path: Path) -> None:
        """Write networks, optimisers and dropout's random state below the folder ``path``."""
        leaves = jax.tree.leaves_with_path(self._parts())
        np.savez(path / "state.npz", **{_name(key): _plain(leaf) for key, leaf in leaves})

    def load(self, path: Path) -> None:
        """Restore what ``save`` wrote, on any device."""
        with np.load(path / "state.npz", allow_pickle=False) as state:

            def restored(key: Any, leaf: Array) -> Array:
                saved = state[_name(key)]
                if _is_key(leaf):
                    return jax.random.wrap_key_data(saved, impl=jax.random.key_impl(leaf))
                return saved

            self._take(jax.tree.map_with_path(restored, self._parts()))

    def multiply_adds(self) -> dict[str, int]:
        """Return those of a forward pass of one image, from the layers' kernels and maps."""
        shapes = {
            "generator": (1, self.recipe.latent_size),
            "discriminator": (1, *self.images.shape[1:]),
        }
        return {name: _multiply_adds(getattr(self, name), shapes[name]) for name in shapes}

    def _parts(self) -> Parts:
        names = ("generator", "discriminator", "generator_optimiser", "discriminator_optimiser")
        return {name: getattr(self, name) for name in names}

    def _take(self, parts: Parts) -> None:
        vars(self).update(jax.device_put(parts, self.device))

    def _canonical_variables(self) -> Iterator[tuple[str, nnx.Variable[Array]]]:
        for name in ("generator", "discriminator"):
            tensors = [
                [
                    (key, found)
                    for key in _TENSORS
                    if (found := getattr(layer, key, None)) is not None
                ]
                for layer in getattr(self, name).layers
            ]
            for index, with_tensors in enumerate(filter(None, tensors)):
                for key, variable in with_tensors:
                    yield f"{name}.{index}.{key}", variable


@partial(jax.jit, static_argnums=(0, 1), donate_argnums=2)
def _steps(
    trainer_class: type[JaxTrainer],
    recipe: Recipe,
    parts: Parts,
    images: Array,
    batches: Array,
    draws: Draws,
    count: Array,
) -> tuple[Parts, dict[str, Array]]:
    """Make the first ``count`` of the steps; return the parts and the losses of each step."""

    def step(
        index: Array, carried: tuple[Parts, dict[str, Array]]
    ) -> tuple[Parts, dict[str, Array]]:
        parts, losses = carried
        trainer = object.__new__(trainer_class)
        vars(trainer).update(parts, recipe=recipe)
        real = [images[batch].astype(recipe.dtype) / 127.5 - 1.0 for batch in batches[index]]
        drawn = {name: _cast(draw[index], recipe.dtype) for name, draw in draws.items()}
        made = trainer.update(real, drawn)
        losses = {name: values.at[index].set(made[name]) for name, values in losses.items()}
        return trainer._parts(), losses

    losses = {name: jnp.zeros(len(batches), recipe.dtype) for name in LOSS_COLUMNS}
    return lax.fori_loop(0, count, step, (parts, losses))


@jax.jit
def _samples(generator: nnx.Module, latents: Array) -> Array:
    images = _in_mode(generator, training=False)(_cast(latents, _dtype(generator)))
    return jnp.clip(jnp.round((images + 1.0) * 127.5), 0.0, 255.0).astype(jnp.uint8)


@partial(jax.jit, static_argnums=2)
def _outputs(network: nnx.Module, entering: Array, training: bool) -> Array:
    return _in_mode(network, training=training)(_cast(entering, _dtype(network)))


def cross_entropy(logits: Array, real: bool) -> Array:
    """Return the binary cross-entropy of sigmoid(logits) with the target 1 or 0, batch mean."""
    return jax.nn.softplus(-logits if real else logits).mean()


def mean_probability(logits: Array) -> Array:
    """Return the batch mean of sigmoid(logits)."""
    return jax.nn.sigmoid(logits).mean()


def _in_mode(network: nnx.Module, *, training: bool) -> nnx.Module:
    """Return a network, which is a copy inside of a compiled function, without dropout."""
    network.set_attributes(
        deterministic=True, use_running_average=not training, raise_if_not_found=False
    )
    return network


def _multiply_adds(network: nnx.Module, shape: tuple[int, ...]) -> int:
    counts = []

    def walk(network: nnx.Module, maps: Array) -> None:
        for layer in _in_mode(network, training=False).layers:
            outputs = layer(maps)
            if hasattr(layer, "kernel"):
                # A kernel meets each position of the output, a transposed one of the input.
                met = maps if isinstance(layer, ConvTranspose | PointToMap) else outputs
                counts.append(prod(layer.kernel.shape) * prod(met.shape[1:-1]))
            maps = outputs

    jax.eval_shape(walk, network, jax.ShapeDtypeStruct(shape, _dtype(network)))
    return sum(counts)


def _as_dtype(network: nnx.Module, dtype: str) -> nnx.Module:
    return jax.tree.map(partial(_cast, dtype=dtype), network)


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


def _ask_for_the_same_bits() -> None:
    # Here too, for whoever builds a trainer without the environment of a worker.
    flags, flag = os.environ.get("XLA_FLAGS", ""), DETERMINISTIC["XLA_FLAGS"]
    if flag not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {flag}".strip()


def _device(name: str) -> jax.Device:
    kind, _, index = name.partition(":")
    try:
        found = jax.devices("cpu")[:1] if kind == "cpu" else jax.devices(kind)
    except RuntimeError:  # JAX knows no such platform, or its library for it does not start
        found = []
    if int(index or 0) >= len(found):
        raise Unsupported(f"the device {name} was asked for, and JAX has {len(found)} such devices")
    return found[int(index or 0)]
