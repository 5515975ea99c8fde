"""A recipe and its trainer in NumPy, which fulfil the contract and train in milliseconds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gan_bench.recipe import LOSSES, Recipe
from gan_bench.streams import Stream, generator
from gan_bench.trainer import CONTRACT_VERSION, Unsupported, Weights


class FakeRecipe(Recipe):
    """A dense GAN on pictures of ``resolution`` squared pixels, resized to any image shape.

    A step is ``discriminator_steps`` updates of the discriminator, each with its own batch of real
    images and of latents, then ``generator_steps`` updates of the generator, each with its own
    batch of latents.
    """

    name: ClassVar[str] = "fake"
    origin: ClassVar[str] = "numpy"
    source: ClassVar[str] = "gan_bench.testing"

    batch_size: int = Field(default=16, ge=2, description="images in a batch")
    latent_size: int = Field(default=8, ge=1, description="dimensions of a latent vector")
    epochs: int = Field(default=2, ge=1, description="passes over the data in the source")
    hidden: int = Field(default=16, ge=1, description="units of each network's hidden layer")
    resolution: int = Field(default=14, ge=1, description="pixels a side of the picture within")
    discriminator_steps: int = Field(default=2, ge=1, description="discriminator updates a step")
    generator_steps: int = Field(default=1, ge=1, description="generator updates a step")
    learning_rate: float = Field(default=0.02, gt=0, description="of both networks, at the start")
    decay: float = Field(
        default=0.5, ge=0, le=1, description="share of the rate lost, linearly, over planned_steps"
    )
    momentum: float = Field(default=0.5, ge=0, lt=1, description="of SGD, Polyak's form")
    dropout: float = Field(default=0.25, ge=0, lt=1, description="rate in the discriminator")
    leaky_slope: float = Field(default=0.2, ge=0, lt=1, description="of both leaky ReLUs")
    batch_norm_momentum: float = Field(
        default=0.9, ge=0, lt=1, description="weight of the old moving statistics"
    )
    batch_norm_epsilon: float = Field(default=1e-3, gt=0, description="added to the variance")

    @property
    def real_batches_per_step(self) -> int:
        """One for each update of the discriminator."""
        return self.discriminator_steps

    @property
    def latent_batches_per_step(self) -> int:
        """One for each update of either network."""
        return self.discriminator_steps + self.generator_steps

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return every tensor's shape by canonical name."""
        pixels = self.resolution**2
        return {
            "generator.0.kernel": (self.latent_size, self.hidden),
            "generator.1.gamma": (self.hidden,),
            "generator.1.beta": (self.hidden,),
            "generator.1.moving_mean": (self.hidden,),
            "generator.1.moving_variance": (self.hidden,),
            "generator.2.kernel": (self.hidden, pixels),
            "generator.2.bias": (pixels,),
            "discriminator.0.kernel": (pixels, self.hidden),
            "discriminator.0.bias": (self.hidden,),
            "discriminator.1.kernel": (self.hidden, 1),
            "discriminator.1.bias": (1,),
        }

    def initial_weights(self, seed: int) -> dict[str, NDArray[np.float32]]:
        """Return normal kernels of variance 1 / inputs; the other tensors are zeros or ones."""
        weights: dict[str, NDArray[np.float32]] = {}
        for index, (name, shape) in enumerate(self.shapes().items()):
            if name.endswith("kernel"):
                numbers = generator(seed, Stream.INITIAL_WEIGHTS, index)
                kernel = numbers.standard_normal(shape, dtype=np.float32)
                weights[name] = kernel / np.float32(np.sqrt(shape[0]))
            else:
                one = name.endswith(("gamma", "moving_variance"))
                weights[name] = np.full(shape, 1 if one else 0, dtype=np.float32)
        return weights

    def parameter_counts(self) -> dict[str, int]:
        """Return the trainable parameters of both networks."""
        counts = {"generator": 0, "discriminator": 0}
        for name, shape in self.shapes().items():
            if "moving" not in name:
                counts[name.partition(".")[0]] += int(np.prod(shape))
        return counts

    def without_dropout(self) -> Self:
        """Return the recipe with dropout at rate 0."""
        return self.model_copy(update={"dropout": 0.0})

    def forward_multiply_adds(self) -> dict[str, int]:
        """Return the multiply-adds of the dense layers in a forward pass of one image."""
        pixels = self.resolution**2
        return {
            "generator": self.latent_size * self.hidden + self.hidden * pixels,
            "discriminator": pixels * self.hidden + self.hidden,
        }

    def multiply_adds_per_step(self) -> int:
        """Return the multiply-adds of the dense layers, forwards and backwards."""
        pixels = self.resolution**2
        generate, discriminate = self.forward_multiply_adds().values()
        # The gradients of the weights and those of the inputs each cost as much as a forward pass.
        discriminator_update = generate + 2 * discriminate + 2 * (discriminate + self.hidden)
        generator_update = generate + discriminate + discriminate + generate + self.hidden * pixels
        return self.batch_size * (
            self.discriminator_steps * discriminator_update
            + self.generator_steps * generator_update
        )


Array = NDArray[np.floating[Any]]
Tensors = dict[str, Array]
STATISTICS = ("generator.1.moving_mean", "generator.1.moving_variance")


@dataclass(frozen=True)
class GeneratorPass:
    """The values of a forward pass: most are (n, hidden), ``pictures`` is (n, pixels)."""

    latents: Array
    mean: Array
    variance: Array
    normalised: Array
    scale: Array
    slopes: Array
    activations: Array
    pictures: Array


@dataclass(frozen=True)
class DiscriminatorPass:
    """The values of a forward pass; ``logits`` has shape (n,)."""

    pictures: Array
    slopes: Array
    mask: Array | None
    activations: Array
    logits: Array


def generate(
    tensors: Tensors, latents: Array, *, training: bool, slope: float, epsilon: float
) -> GeneratorPass:
    """Turn latents (n, z) into pictures (n, pixels) in [-1, 1].

    Training normalises with the batch's mean and (biased) variance, otherwise the moving ones.
    """
    raw = latents @ tensors["generator.0.kernel"]
    if training:
        mean, variance = raw.mean(axis=0), raw.var(axis=0)
    else:
        mean, variance = (tensors[name] for name in STATISTICS)
    scale = 1 / np.sqrt(variance + epsilon)
    normalised = (raw - mean) * scale
    shifted = normalised * tensors["generator.1.gamma"] + tensors["generator.1.beta"]
    slopes = leaky_slopes(shifted, slope)
    activations = shifted * slopes
    pictures = np.tanh(activations @ tensors["generator.2.kernel"] + tensors["generator.2.bias"])
    return GeneratorPass(latents, mean, variance, normalised, scale, slopes, activations, pictures)


def generator_gradients(tensors: Tensors, cache: GeneratorPass, upstream: Array) -> Tensors:
    """Return the gradients of the trainable tensors, given d loss / d pictures (n, pixels)."""
    outer = upstream * (1 - cache.pictures**2)
    shifted = (outer @ tensors["generator.2.kernel"].T) * cache.slopes
    normalised = shifted * tensors["generator.1.gamma"]
    # Mean and variance depend on the batch too (Ioffe and Szegedy 2015, section 3).
    raw = cache.scale * (
        normalised
        - normalised.mean(axis=0)
        - cache.normalised * (normalised * cache.normalised).mean(axis=0)
    )
    return {
        "generator.0.kernel": cache.latents.T @ raw,
        "generator.1.gamma": (shifted * cache.normalised).sum(axis=0),
        "generator.1.beta": shifted.sum(axis=0),
        "generator.2.kernel": cache.activations.T @ outer,
        "generator.2.bias": outer.sum(axis=0),
    }


def discriminate(
    tensors: Tensors, pictures: Array, *, slope: float, mask: Array | None
) -> DiscriminatorPass:
    """Turn pictures (n, pixels) into logits; ``mask`` (n, hidden) is for dropout."""
    raw = pictures @ tensors["discriminator.0.kernel"] + tensors["discriminator.0.bias"]
    slopes = leaky_slopes(raw, slope)
    activations = raw * slopes
    if mask is not None:
        activations = activations * mask
    logits = activations @ tensors["discriminator.1.kernel"] + tensors["discriminator.1.bias"]
    return DiscriminatorPass(pictures, slopes, mask, activations, logits[:, 0])


def discriminator_gradients(
    tensors: Tensors, cache: DiscriminatorPass, upstream: Array
) -> tuple[Tensors, Array]:
    """Return the gradients of the tensors and d loss / d pictures, given d loss / d logits (n,)."""
    outer = upstream[:, None]
    raw = (outer @ tensors["discriminator.1.kernel"].T) * cache.slopes
    if cache.mask is not None:
        raw = raw * cache.mask
    gradients: Tensors = {
        "discriminator.0.kernel": cache.pictures.T @ raw,
        "discriminator.0.bias": raw.sum(axis=0),
        "discriminator.1.kernel": cache.activations.T @ outer,
        "discriminator.1.bias": outer.sum(axis=0),
    }
    return gradients, raw @ tensors["discriminator.0.kernel"].T


def cross_entropy(logits: Array, real: bool) -> tuple[float, Array]:
    """Return the mean binary cross-entropy of logits (n,) and its gradient (n,)."""
    sign = -1 if real else 1
    loss = np.logaddexp(0, sign * logits).mean()
    return float(loss), sign * sigmoid(sign * logits) / len(logits)


def sigmoid(logits: Array) -> Array:
    """Return 1 / (1 + exp(-logits)) without overflow."""
    probabilities: Array = 0.5 * (1 + np.tanh(0.5 * logits))
    return probabilities


def leaky_slopes(values: Array, slope: float) -> Array:
    """Return leaky ReLU's derivative, in the dtype of ``values``."""
    return np.where(values > 0, values.dtype.type(1), values.dtype.type(slope))


def area_matrix(target: int, origin: int) -> NDArray[np.float64]:
    """Return the matrix (target, origin) that resizes a row of pixels by their shared areas."""
    edges = np.linspace(0, origin, target + 1)
    pixels = np.arange(origin)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = np.clip(shared, 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


# A fixed shape, so that the bits of a row do not depend on the number of rows.
SAMPLE_ROWS = 64


class FakeTrainer:
    """A dense GAN with batch normalisation, dropout and momentum, for images of any shape."""

    framework: ClassVar[str] = "numpy"
    recipe_class: ClassVar[type[Recipe]] = FakeRecipe
    contract_version: ClassVar[int] = CONTRACT_VERSION

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
        if device != "cpu":
            raise Unsupported(f"numpy computes on the CPU, not on {device}.")
        if not isinstance(recipe, FakeRecipe):
            raise Unsupported(f"FakeTrainer implements FakeRecipe, not {type(recipe).__name__}.")
        self.recipe = recipe
        self._dtype = np.dtype(recipe.dtype)
        self._planned_steps = planned_steps
        self._steps_done = 0
        self._dropout_numbers = np.random.Generator(np.random.PCG64(seed))
        self._image_shape = images.shape[1:]
        self._reals = np.concatenate(
            [
                self._shrink(images[start : start + 1024] / np.float32(127.5) - 1)
                for start in range(0, len(images), 1024)
            ]
        )
        self._tensors: Tensors = {
            name: np.zeros(shape, self._dtype) for name, shape in recipe.shapes().items()
        }
        self._velocities: Tensors = {
            name: np.zeros(shape, self._dtype)
            for name, shape in recipe.shapes().items()
            if name not in STATISTICS
        }
        self.set_weights(recipe.initial_weights(seed))

    def set_weights(self, weights: Weights) -> None:
        """Replace every tensor of both networks."""
        shapes = self.recipe.shapes()
        if {name: tensor.shape for name, tensor in weights.items()} != shapes:
            raise ValueError(f"FakeTrainer has the tensors {shapes}; names or shapes differ.")
        self._tensors = {name: weights[name].astype(self._dtype) for name in shapes}

    def weights(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of every tensor of both networks."""
        return {name: tensor.copy() for name, tensor in self._tensors.items()}

    def train(
        self, batches: NDArray[np.int64], draws: Mapping[str, NDArray[Any]]
    ) -> dict[str, NDArray[np.floating]]:
        """Train one step for each row of ``batches`` and latents; other draws are ignored."""
        rows = [
            self._step(step_batches, step_latents.astype(self._dtype))
            for step_batches, step_latents in zip(batches, draws["latents"], strict=True)
        ]
        columns = np.array(rows, dtype=self._dtype).reshape(len(rows), 4).T
        return {name: column.copy() for name, column in zip(LOSSES, columns, strict=True)}

    def sample(
        self, latents: NDArray[np.float32], labels: NDArray[np.int64] | None = None
    ) -> NDArray[np.uint8]:
        """Return G(latents) as uint8 (n, height, width, channels); ``labels`` are ignored."""
        count = len(latents)
        padded = np.zeros((-(-count // SAMPLE_ROWS) * SAMPLE_ROWS, *latents.shape[1:]), self._dtype)
        padded[:count] = latents
        chunks = [
            np.rint((self._images(padded[start : start + SAMPLE_ROWS], False) + 1) * 127.5)
            for start in range(0, len(padded), SAMPLE_ROWS)
        ]
        return np.concatenate(chunks)[:count].astype(np.uint8)

    def forward(
        self,
        latents: NDArray[np.float32],
        images: NDArray[np.float32],
        training: bool,
        labels: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Return G(latents) as float NHWC and D(images) as logits, dropout off."""
        fakes = self._images(latents.astype(self._dtype), training)
        slope = self.recipe.leaky_slope
        cache = discriminate(self._tensors, self._shrink(images), slope=slope, mask=None)
        return fakes, cache.logits

    def multiply_adds(self) -> dict[str, int]:
        """Return the multiply-adds of a forward pass of one image; all layers are dense."""
        counts = {"generator": 0, "discriminator": 0}
        for name, tensor in self._tensors.items():
            if name.endswith("kernel"):
                counts[name.partition(".")[0]] += tensor.size
        return counts

    def save(self, path: Path) -> None:
        """Write tensors, velocities, the step and dropout's random state below ``path``."""
        np.savez(
            path / "state.npz",
            allow_pickle=False,
            steps_done=np.int64(self._steps_done),
            **{f"tensor {name}": tensor for name, tensor in self._tensors.items()},
            **{f"velocity {name}": tensor for name, tensor in self._velocities.items()},
        )
        (path / "dropout.json").write_text(
            json.dumps(self._dropout_numbers.bit_generator.state), encoding="utf-8"
        )

    def load(self, path: Path) -> None:
        """Restore what ``save`` wrote."""
        with np.load(path / "state.npz", allow_pickle=False) as state:
            self._steps_done = int(state["steps_done"])
            self._tensors = {name: state[f"tensor {name}"] for name in self._tensors}
            self._velocities = {name: state[f"velocity {name}"] for name in self._velocities}
        self._dropout_numbers.bit_generator.state = json.loads((path / "dropout.json").read_text())

    def _step(self, batches: NDArray[np.int64], latents: Array) -> tuple[float, ...]:
        updates = self.recipe.discriminator_steps
        discriminator = np.array(
            [
                self._update_discriminator(self._pictures(batch), noise)
                for batch, noise in zip(batches, latents[:updates], strict=True)
            ]
        )
        generator = [self._update_generator(noise) for noise in latents[updates:]]
        self._steps_done += 1
        return float(np.mean(generator)), *discriminator.mean(axis=0).tolist()

    def _pictures(self, batch: NDArray[np.int64]) -> Array:
        return self._reals[batch]

    def _update_discriminator(self, reals: Array, latents: Array) -> tuple[float, float, float]:
        fakes = self._pass(latents).pictures
        totals: Tensors = {}
        loss = 0.0
        means = []
        for pictures, real in ((reals, True), (fakes, False)):
            cache = self._judge(pictures)
            part, upstream = cross_entropy(cache.logits, real)
            gradients, _ = discriminator_gradients(self._tensors, cache, upstream)
            totals = {name: totals.get(name, 0) + gradients[name] for name in gradients}
            loss += part
            means.append(float(sigmoid(cache.logits).mean()))
        self._descend(totals)
        return loss, means[0], means[1]

    def _update_generator(self, latents: Array) -> float:
        cache = self._pass(latents)
        judged = self._judge(cache.pictures)
        loss, upstream = cross_entropy(judged.logits, True)
        _, towards_pictures = discriminator_gradients(self._tensors, judged, upstream)
        self._descend(generator_gradients(self._tensors, cache, towards_pictures))
        return loss

    def _pass(self, latents: Array) -> GeneratorPass:
        cache = self._generate(latents, True)
        keep = self.recipe.batch_norm_momentum
        for name, batch in zip(STATISTICS, (cache.mean, cache.variance), strict=True):
            self._tensors[name] = keep * self._tensors[name] + (1 - keep) * batch
        return cache

    def _generate(self, latents: Array, training: bool) -> GeneratorPass:
        slope, epsilon = self.recipe.leaky_slope, self.recipe.batch_norm_epsilon
        return generate(self._tensors, latents, training=training, slope=slope, epsilon=epsilon)

    def _judge(self, pictures: Array) -> DiscriminatorPass:
        rate = self.recipe.dropout
        mask = None
        if rate > 0:
            uniform = self._dropout_numbers.random((len(pictures), self.recipe.hidden))
            mask = (uniform >= rate).astype(self._dtype) / self._dtype.type(1 - rate)
        return discriminate(self._tensors, pictures, slope=self.recipe.leaky_slope, mask=mask)

    def _descend(self, gradients: Tensors) -> None:
        rate = self._learning_rate()
        for name, gradient in gradients.items():
            velocity = self.recipe.momentum * self._velocities[name] - rate * gradient
            self._velocities[name] = velocity
            self._tensors[name] = self._tensors[name] + velocity

    def _learning_rate(self) -> float:
        progress = min(1.0, self._steps_done / self._planned_steps)
        return self.recipe.learning_rate * (1 - self.recipe.decay * progress)

    def _images(self, latents: Array, training: bool) -> Array:
        side = self.recipe.resolution
        height, width, channels = self._image_shape
        rows, columns = area_matrix(height, side), area_matrix(width, side)
        pictures = self._generate(latents, training).pictures.reshape(-1, side, side)
        images = rows.astype(self._dtype) @ pictures @ columns.T.astype(self._dtype)
        return np.repeat(np.clip(images, -1, 1)[..., None], channels, axis=-1)

    def _shrink(self, images: Array) -> Array:
        side = self.recipe.resolution
        height, width, _ = self._image_shape
        rows, columns = area_matrix(side, height), area_matrix(side, width)
        grey = images.astype(self._dtype).mean(axis=-1)
        pictures = rows.astype(self._dtype) @ grey @ columns.T.astype(self._dtype)
        return np.asarray(pictures.reshape(-1, side * side))
