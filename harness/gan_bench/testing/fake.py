"""A complete trainer in numpy: it fulfils the whole contract and trains in milliseconds."""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gan_bench.recipe import Recipe
from gan_bench.testing.fake_recipe import (
    STATISTICS,
    Array,
    DiscriminatorPass,
    FakeRecipe,
    GeneratorPass,
    Tensors,
    area_matrix,
    cross_entropy,
    discriminate,
    discriminator_gradients,
    generate,
    generator_gradients,
    sigmoid,
)
from gan_bench.trainer import Losses, Unsupported, Weights

# One shape for every matrix product, so that a row's bits do not depend on how many there are.
SAMPLE_ROWS = 64


class FakeTrainer:
    """A dense GAN with batch normalisation, dropout and momentum, for images of any shape."""

    framework: ClassVar[str] = "numpy"
    recipe_class: ClassVar[type[Recipe]] = FakeRecipe

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

    def train(self, batches: NDArray[np.int64], latents: NDArray[np.float32]) -> Losses:
        """Train one step for each row of ``batches`` and ``latents``."""
        rows = [
            self._step(step_batches, step_latents.astype(self._dtype))
            for step_batches, step_latents in zip(batches, latents, strict=True)
        ]
        columns = np.array(rows, dtype=self._dtype).reshape(len(rows), 4).T
        return Losses(*(column.copy() for column in columns))

    def sample(
        self, latents: NDArray[np.float32], labels: NDArray[np.int64] | None = None
    ) -> NDArray[np.uint8]:
        """Return G(latents) as uint8 (n, height, width, channels); ``labels`` do not matter."""
        count = len(latents)
        padded = np.zeros((-(-count // SAMPLE_ROWS) * SAMPLE_ROWS, *latents.shape[1:]), self._dtype)
        padded[:count] = latents
        chunks = [
            np.rint((self._images(padded[start : start + SAMPLE_ROWS], False) + 1) * 127.5)
            for start in range(0, len(padded), SAMPLE_ROWS)
        ]
        return np.concatenate(chunks)[:count].astype(np.uint8)

    def forward(
        self, latents: NDArray[np.float32], images: NDArray[np.float32], training: bool
    ) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
        """Return G(latents) as float NHWC and D(images) as logits, dropout off."""
        fakes = self._images(latents.astype(self._dtype), training)
        slope = self.recipe.leaky_slope
        way = discriminate(self._tensors, self._shrink(images), slope=slope, mask=None)
        return fakes, way.logits

    def multiply_adds(self) -> dict[str, int]:
        """Return those of a forward pass of one image, each kernel being that of a dense layer."""
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
        (path / "dropout.json").write_text(json.dumps(self._dropout_numbers.bit_generator.state))

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
                self._update_discriminator(self._reals[batch], draw)
                for batch, draw in zip(batches, latents[:updates], strict=True)
            ]
        )
        generator = [self._update_generator(draw) for draw in latents[updates:]]
        self._steps_done += 1
        return float(np.mean(generator)), *discriminator.mean(axis=0).tolist()

    def _update_discriminator(self, reals: Array, latents: Array) -> tuple[float, float, float]:
        fakes = self._pass(latents).pictures
        totals: Tensors = {}
        loss = 0.0
        means = []
        for pictures, real in ((reals, True), (fakes, False)):
            way = self._judge(pictures)
            part, upstream = cross_entropy(way.logits, real)
            gradients, _ = discriminator_gradients(self._tensors, way, upstream)
            totals = {name: totals.get(name, 0) + gradients[name] for name in gradients}
            loss += part
            means.append(float(sigmoid(way.logits).mean()))
        self._descend(totals)
        return loss, means[0], means[1]

    def _update_generator(self, latents: Array) -> float:
        way = self._pass(latents)
        judged = self._judge(way.pictures)
        loss, upstream = cross_entropy(judged.logits, True)
        _, towards_pictures = discriminator_gradients(self._tensors, judged, upstream)
        self._descend(generator_gradients(self._tensors, way, towards_pictures))
        return loss

    def _pass(self, latents: Array) -> GeneratorPass:
        way = self._generate(latents, True)
        keep = self.recipe.batch_norm_momentum
        for name, batch in zip(STATISTICS, (way.mean, way.variance), strict=True):
            self._tensors[name] = keep * self._tensors[name] + (1 - keep) * batch
        return way

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
