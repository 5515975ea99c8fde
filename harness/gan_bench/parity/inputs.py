"""The inputs of both implementations: pure functions of the recipe and the seed."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from gan_bench import data
from gan_bench.recipe import Recipe
from gan_bench.streams import Stream, generator
from gan_bench.trainer import Weights

DATASET: Final = "mnist-5k"
TEN_STEPS: Final = 10
_MARKS = (1, 10, 20, 50, 100, 200, 300)


@dataclass(frozen=True)
class Inputs:
    """Batches and latents as the harness draws them for a recipe."""

    recipe: Recipe
    seed: int
    images: NDArray[np.uint8]
    """uint8 (n, height, width, channels)."""

    def batches(self, first_step: int, steps: int) -> NDArray[np.int64]:
        """Return the batches of a window of steps."""
        return data.batches(
            seed=self.seed,
            first_step=first_step,
            steps=steps,
            real_batches_per_step=self.recipe.real_batches_per_step,
            batch_size=self.recipe.batch_size,
            images=len(self.images),
        )

    def latents(self, first_step: int, steps: int) -> NDArray[np.float32]:
        """Return the latents of a window of steps."""
        return data.training_latents(
            seed=self.seed,
            first_step=first_step,
            steps=steps,
            draws=self.recipe.draws_per_step,
            batch_size=self.recipe.batch_size,
            latent_size=self.recipe.latent_size,
            distribution=self.recipe.latent_distribution,
        )

    def evaluation_latents(self) -> NDArray[np.float32]:
        """Return a batch of evaluation latents."""
        return data.evaluation_latents(
            seed=self.seed,
            count=self.recipe.batch_size,
            latent_size=self.recipe.latent_size,
            distribution=self.recipe.latent_distribution,
        )

    def first_images(self) -> NDArray[np.float32]:
        """Return the first batch of real images, NHWC in [-1, 1]."""
        first = self.images[self.batches(0, 1)[0, 0]]
        return np.asarray(first.astype(np.float32) / np.float32(127.5) - 1)


def observed_recipe(recipe: Recipe, dtype: str, batch_size: int) -> Recipe:
    """Return the recipe with a dtype and, if it allows that, a limited batch size.

    Raises
    ------
    ValidationError
        It does not allow the dtype.
    """
    with suppress(ValidationError):
        recipe = _changed(recipe, batch_size=min(batch_size, recipe.batch_size))
    return _changed(recipe, dtype=dtype)


def _changed(recipe: Recipe, **changes: object) -> Recipe:
    return type(recipe).model_validate(recipe.model_dump() | changes)


def perturbed(weights: Weights, seed: int) -> dict[str, NDArray[np.float32]]:
    """Return weights without trivial tensors, such as initial zeros.

    Biases of 0, gammas of 1 and the moving statistics of a network that never trained hide that an
    implementation leaves one out or takes one for the other. Kernels stay as they are.
    """
    moved = {}
    for index, name in enumerate(sorted(weights)):
        random = generator(seed, Stream.PARITY, index)
        tensor = np.asarray(weights[name], dtype=np.float32)
        match name.rpartition(".")[2]:
            case "bias" | "beta" | "moving_mean":
                shift = random.standard_normal(tensor.shape, dtype=np.float32)
                tensor = tensor + np.float32(0.1) * shift
            case "gamma" | "moving_variance":
                tensor = tensor * random.uniform(0.5, 1.5, tensor.shape).astype(np.float32)
        moved[name] = tensor
    return moved


def marks(steps: int) -> Iterable[int]:
    """Return the steps of a paired run at which weights are compared, including the last."""
    return sorted({mark for mark in _MARKS if mark < steps} | {steps})
