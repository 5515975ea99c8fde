"""The recipe of the fake GAN: small enough to train in milliseconds, every field of it wired."""

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gan_bench.recipe import Recipe
from gan_bench.streams import Stream, generator


class FakeRecipe(Recipe):
    """A dense GAN on pictures of ``resolution`` squared pixels, resized to any image shape.

    A step is ``discriminator_steps`` updates of the discriminator, each on a real batch and a draw
    of its own, then ``generator_steps`` of the generator, each on a draw of its own.
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
    def draws_per_step(self) -> int:
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
        """Return those of the dense layers, of a forward pass of one image."""
        pixels = self.resolution**2
        return {
            "generator": self.latent_size * self.hidden + self.hidden * pixels,
            "discriminator": pixels * self.hidden + self.hidden,
        }

    def multiply_adds_per_step(self) -> int:
        """Return the multiply-adds of the dense layers, forwards and backwards."""
        pixels = self.resolution**2
        generate, discriminate = self.forward_multiply_adds().values()
        # Backwards costs as much as forwards for the tensors, and again for what lies before them.
        discriminator_update = generate + 2 * discriminate + 2 * (discriminate + self.hidden)
        generator_update = generate + discriminate + discriminate + generate + self.hidden * pixels
        return self.batch_size * (
            self.discriminator_steps * discriminator_update
            + self.generator_steps * generator_update
        )
