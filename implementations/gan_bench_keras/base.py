"""What the recipes share in Keras: data on the device, canonical weights, the loop, state."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property, partial
from math import prod
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gan_bench.contract import check_networks, named, tensors_to_set
from gan_bench.recipe import Recipe
from gan_bench.trainer import (
    CONTRACT_VERSION,
    Draws,
    Precision,
    Unsupported,
    Weights,
    check_labels,
    declared_losses,
)
from gan_bench_keras.names import canonical, layers, variables
from gan_bench_keras.placement import device_name, floatx, set_precision

# Samples are made in batches of one size, the last padded: kernels of other sizes round otherwise.
_SAMPLE_BATCH = 128


class KerasTrainer(ABC):
    """The base of trainers: a subclass builds the networks and optimisers, and defines one update.

    The uint8 images stay on the device, where a step gathers its batches by index. A step is one
    graph, traced when the trainer is built (sampling when it first samples); the losses stay on the
    device, too, and are fetched once at the end of `train`.

    Further networks, optimisers, seed generators and variables that are attributes of the trainer,
    such as an average of the generator's weights, are part of its checkpoints, and the networks
    part of its weights.
    """

    framework: ClassVar[str] = "keras"
    recipe_class: ClassVar[type[Recipe]]
    hyperparameters: ClassVar[type]
    """In place of a recipe; see `gan_bench.trainer.Trainer`."""
    recipe: Any
    contract_version: ClassVar[int] = CONTRACT_VERSION
    precisions: ClassVar[tuple[Precision, ...]] = ("ieee", "tf32")
    own_tensors: ClassVar[Mapping[str, str]] = {}
    """See `gan_bench.trainer.Trainer`; by the variable's name."""

    generator: keras.Model
    discriminator: keras.Model
    generator_optimiser: keras.Optimizer
    discriminator_optimiser: keras.Optimizer

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
        if keras.backend.backend() != "tensorflow":
            raise Unsupported(
                f"the keras implementations need Keras on TensorFlow, and KERAS_BACKEND is "
                f"{keras.backend.backend()}"
            )
        if os.environ.get("GAN_BENCH_DETERMINISTIC") == "1":
            tf.config.experimental.enable_op_determinism()
        set_precision(device, recipe.dtype)
        _, height, width, channels = images.shape
        self.recipe = recipe.for_images((height, width, channels))
        self.planned_steps = planned_steps
        self.seed = seed
        self.dtype = tf.as_dtype(recipe.dtype)
        self.device = device_name(device)
        with tf.device(self.device), floatx(recipe.dtype):
            # A variable, not a constant: TensorFlow gathers uint8 on a GPU from variables only.
            self.images = tf.Variable(images, trainable=False)
            self.labels = tf.constant(labels)
            self.classes = int(labels.max()) + 1
            self.build_networks()
            self.build_optimisers()
            for name in ("generator", "discriminator"):
                optimiser: keras.Optimizer = getattr(self, f"{name}_optimiser")
                if not optimiser.built:  # now, not in the graph of a step
                    optimiser.build(getattr(self, name).trainable_variables)
        check_networks(self, recipe, self._networks())
        for _ in canonical(self, self._networks()):
            pass  # raises if a variable has no name
        self._step  # noqa: B018 - traced now: not a part of training

    @abstractmethod
    def build_networks(self) -> None:
        """Set ``generator`` (latents -> NHWC) and ``discriminator`` (NHWC -> logits).

        Logits are (n,) or (n, 1). If the recipe is conditional, both take a list of two: their
        input, and labels int64 (n,), below ``self.classes``. A network that the recipe's
        ``sampler`` names samples instead of ``generator``.
        """

    @abstractmethod
    def build_optimisers(self) -> None:
        """Set ``generator_optimiser`` and ``discriminator_optimiser``."""

    @abstractmethod
    def update(self, real: list[tf.Tensor], draws: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Make one step and return the losses that the recipe declares, by name; traced once.

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
        with tf.device(self.device):
            given = [tf.constant(batches), *(tf.constant(draws[n]) for n in self.recipe.draws())]
            losses = [self._step(*(array[step] for array in given)) for step in range(len(batches))]
            columns = tf.stack(losses).numpy().T.copy()
            return dict(zip(self._reported, columns, strict=True))

    def sample(
        self, latents: NDArray[np.float32], labels: NDArray[np.int64] | None = None
    ) -> NDArray[np.uint8]:
        """Return G(latents) as uint8 NHWC, in inference mode."""
        columns = (latents, *check_labels(labels, self.recipe, self.classes))
        chunks = zip(*map(_sample_batches, columns), strict=True)
        with tf.device(self.device):
            images = [self._sample(*map(tf.constant, chunk)).numpy() for chunk in chunks]
        return np.concatenate(images)[: len(latents)]

    def forward(
        self,
        latents: NDArray[np.float32],
        images: NDArray[np.float32],
        training: bool,
        labels: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Return G(latents) as float NHWC and D(images) as logits, leaving no state behind."""
        networks = (self._networks()[self.recipe.sampler], self.discriminator)
        kept = [[variable.numpy() for variable in network.variables] for network in networks]
        columns = (latents, images, *check_labels(labels, self.recipe, self.classes))
        with tf.device(self.device):
            made, logits = self._forward[training](*map(tf.constant, columns))
        for network, values in zip(networks, kept, strict=True):
            for variable, value in zip(network.variables, values, strict=True):
                variable.assign(value)
        return made.numpy(), logits.numpy()

    def set_weights(self, weights: Weights) -> None:
        """Replace every tensor of every network; optimiser state is left as it is.

        Further networks and the vectors of spectral normalisation, which a recipe does not have to
        know, stay as they are if ``weights`` lacks them.
        """
        found = dict(canonical(self, self._networks()))
        shapes = {
            name: tuple(variable.shape[axis] for axis in axes)
            for name, (variable, axes) in found.items()
        }
        for name in tensors_to_set(self, shapes, weights):
            variable, axes = found[name]
            variable.assign(np.transpose(weights[name], axes))

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of every tensor of all networks, on the host."""
        return {
            name: np.array(np.transpose(variable.numpy(), axes), order="C")
            for name, (variable, axes) in canonical(self, self._networks())
        }

    def save(self, path: Path) -> None:
        """Write networks and optimisers below the folder ``path``."""
        np.savez(
            path / "state.npz", **{name: value.numpy() for name, value in self._state().items()}
        )

    def load(self, path: Path) -> None:
        """Restore what ``save`` wrote."""
        with np.load(path / "state.npz", allow_pickle=False) as state:
            for name, variable in self._state().items():
                variable.assign(state[name])

    @staticmethod
    def compiles(device: str) -> bool:
        """Tell whether XLA compiles steps on a device: Keras' own choice, ``"auto"``.

        On a CPU the convolutions of its graphs are slower than TensorFlow's.
        """
        return device.startswith("/GPU")

    @cached_property
    def _step(self) -> Callable[..., tf.Tensor]:
        recipe = self.recipe
        return self._traced(
            self._one_step,
            tf.TensorSpec((recipe.real_batches_per_step, recipe.batch_size), tf.int64),
            *(
                tf.TensorSpec(
                    (draw.count, recipe.batch_size, *draw.shape),
                    tf.int64 if draw.distribution == "classes" else tf.float32,
                )
                for draw in recipe.draws().values()
            ),
            compiled=self.compiles(self.device),
        )

    @cached_property
    def _sample(self) -> Callable[..., tf.Tensor]:
        network = self._networks()[self.recipe.sampler]
        return self._traced(
            lambda *given: _to_bytes(network(self._entering(*given), training=False)),
            tf.TensorSpec((_SAMPLE_BATCH, self.recipe.latent_size), tf.float32),
            *self._labels_of(_SAMPLE_BATCH),
        )

    def _labels_of(self, count: int | None) -> list[tf.TensorSpec]:
        return [tf.TensorSpec((count,), tf.int64)] if self.recipe.conditional else []

    def _entering(self, values: tf.Tensor, *labels: tf.Tensor) -> tf.Tensor | list[tf.Tensor]:
        """Return what a network takes."""
        return [self._cast(values), *labels] if labels else self._cast(values)

    @cached_property
    def _forward(self) -> dict[bool, Callable[..., tuple[tf.Tensor, tf.Tensor]]]:
        return {
            training: self._traced(
                partial(self._outputs, training=training),
                tf.TensorSpec((None, self.recipe.latent_size), tf.float32),
                tf.TensorSpec((None, *self.images.shape[1:]), tf.float32),
                *self._labels_of(None),
            )
            for training in (False, True)
        }

    def _traced(
        self, function: Callable[..., Any], *inputs: tf.TensorSpec, compiled: bool = False
    ) -> Callable[..., Any]:
        with tf.device(self.device), floatx(self.recipe.dtype):
            return tf.function(
                function, input_signature=inputs, autograph=False, jit_compile=compiled
            ).get_concrete_function()

    def multiply_adds(self) -> dict[str, int]:
        """Return those of a forward pass of one image, from the operations that are traced."""
        shapes = {"generator": (self.recipe.latent_size,), "discriminator": self.images.shape[1:]}
        counts = {}
        for name, shape in shapes.items():
            network = self._networks()[name]
            traced = self._traced(
                lambda *given, network=network: network(self._entering(*given), training=False),
                tf.TensorSpec((1, *shape), tf.float32),
                *self._labels_of(1),
            )
            counts[name] = sum(map(_multiply_adds, traced.graph.get_operations()))
        return counts

    def device_memory(self) -> dict[str, int]:
        """Return the most bytes on the GPU that TensorFlow's allocator had in use."""
        return {"allocated": tf.config.experimental.get_memory_info(self.device.strip("/"))["peak"]}

    def _one_step(self, batches: tf.Tensor, *given: tf.Tensor) -> tf.Tensor:
        real = [self._gather(batch) for batch in tf.unstack(batches)]
        draws = Draws(
            (name, self._cast(values) if values.dtype.is_floating else values)
            for name, values in zip(self.recipe.draws(), given, strict=True)
        )
        if self.recipe.conditional:
            draws["real_labels"] = tf.gather(self.labels, batches)
        what = f"the update of {type(self).__name__}"
        found = declared_losses(self.update(real, draws), self.recipe, what)
        self._reported = tuple(found)
        losses = [tf.convert_to_tensor(loss, self.dtype) for loss in found.values()]
        return tf.stack([tf.reduce_mean(loss) if loss.shape.rank else loss for loss in losses])

    def _outputs(
        self, latents: tf.Tensor, images: tf.Tensor, *labels: tf.Tensor, training: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        network = self._networks()[self.recipe.sampler]
        with self._without_dropout():
            made = network(self._entering(latents, *labels), training=training)
            logits = self.discriminator(self._entering(images, *labels), training=training)
        return made, tf.squeeze(logits, -1) if logits.shape[1:] == (1,) else logits

    @contextmanager
    def _without_dropout(self) -> Iterator[None]:
        networks = self._networks().values()
        rates = [
            (layer, name, getattr(layer, name))
            for network in networks
            for layer in layers(network)
            for name in ("rate", "stddev")  # of dropout; of Gaussian noise
            if hasattr(layer, "seed_generator") and hasattr(layer, name)
        ]
        for layer, name, _ in rates:
            setattr(layer, name, 0.0)
        try:
            yield
        finally:
            for layer, name, rate in rates:
                setattr(layer, name, rate)

    def _gather(self, indices: tf.Tensor) -> tf.Tensor:
        return self._cast(tf.gather(self.images, indices)) / 127.5 - 1.0

    def _cast(self, values: tf.Tensor) -> tf.Tensor:
        return tf.cast(values, self.dtype)

    def _networks(self) -> dict[str, keras.Layer]:
        found = {name: part for name, part in named(vars(self)) if isinstance(part, keras.Layer)}
        return {"generator": self.generator, "discriminator": self.discriminator} | found

    def _state(self) -> dict[str, Any]:
        """Return every variable that a checkpoint has."""
        parts: dict[str, list[Any]] = {
            "generator": self.generator.variables,
            "discriminator": self.discriminator.variables,
            "generator_optimiser": self.generator_optimiser.variables,
            "discriminator_optimiser": self.discriminator_optimiser.variables,
        }
        for name, part in named(vars(self)):
            if name not in parts and part is not self.images:
                parts[name] = variables(part)
        return {
            f"{name}.{index}": variable
            for name, variables in parts.items()
            for index, variable in enumerate(variables)
        }


def descend(
    tape: tf.GradientTape, loss: tf.Tensor, network: keras.Model, optimiser: keras.Optimizer
) -> None:
    """Make one step down the gradient of the network's own parameters, computing no other."""
    optimiser.apply(differentiate(tape, loss, network), network.trainable_variables)


def differentiate(tape: tf.GradientTape, loss: tf.Tensor, network: keras.Model) -> list[tf.Tensor]:
    """Return the gradient of the network's own parameters, computing no other."""
    return tape.gradient(loss, [parameter.value for parameter in network.trainable_variables])


def _multiply_adds(operation: tf.Operation) -> int:
    if operation.type == "MatMul":
        first, (output,) = operation.inputs[0].shape, operation.outputs
        return prod(output.shape) * first[0 if operation.get_attr("transpose_a") else 1]
    # A kernel meets each position of the output, a transposed one each position of the input.
    if operation.type == "Conv2D":
        met = operation.outputs[0]
    elif operation.type == "Conv2DBackpropInput":
        met = operation.inputs[2]
    else:
        return 0
    return prod(operation.inputs[1].shape) * prod(met.shape[1:3])


def _sample_batches(column: NDArray[Any]) -> NDArray[Any]:
    """Return the rows in batches, the last padded."""
    rest = [(0, 0)] * (column.ndim - 1)
    padded = np.pad(column, [(0, -len(column) % _SAMPLE_BATCH), *rest])
    return padded.reshape(-1, _SAMPLE_BATCH, *column.shape[1:])


def _to_bytes(images: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.clip_by_value(tf.round((images + 1.0) * 127.5), 0.0, 255.0), tf.uint8)
