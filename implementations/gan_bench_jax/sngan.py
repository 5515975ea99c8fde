"""jax-sngan: see `gan_bench_recipes.sngan`."""

from collections.abc import Callable
from typing import ClassVar

import jax
from flax import nnx
from jax import Array
from jax.numpy import tanh

from gan_bench_jax.alternating import AlternatingTrainer
from gan_bench_jax.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Reshape,
    SpectralConv,
    SpectralDense,
    iterate,
    leaky_relu,
)
from gan_bench_jax.losses import hinge, wasserstein
from gan_bench_jax.optimisers import adam
from gan_bench_recipes import sngan


class Sngan(AlternatingTrainer):
    """The recipe sngan in JAX, twin of that in PyTorch."""

    recipe_class: ClassVar[type[sngan.Sngan]] = sngan.Sngan
    recipe: sngan.Sngan

    def build_networks(self) -> None:
        """Build both networks."""
        self.generator = self.new_generator()
        self.discriminator = self.new_discriminator()

    def new_generator(self) -> nnx.Module:
        """Return a generator."""
        return nnx.Sequential(*self.generator_layers(self.recipe.latent_size))

    def generator_layers(self, entering: int) -> list[Callable[[Array], Array]]:
        """Return the layers of a generator, of vectors of ``entering`` numbers."""
        recipe, norm = self.recipe, self.recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        return [
            Dense(entering, quarter * quarter * 4 * channels, bias=False),
            Reshape(quarter, quarter, 4 * channels),
            BatchNorm(4 * channels, **norm),  # side / 4
            jax.nn.relu,
            ConvTranspose(4 * channels, 2 * channels, 4, 2, 1, bias=False),
            BatchNorm(2 * channels, **norm),  # side / 2
            jax.nn.relu,
            ConvTranspose(2 * channels, channels, 4, 2, 1, bias=False),
            BatchNorm(channels, **norm),  # side
            jax.nn.relu,
            Conv(channels, recipe.image_channels, 3, 1, 1),
            tanh,
        ]

    def new_discriminator(self) -> nnx.Module:
        """Return a discriminator."""
        channels, quarter = self.recipe.discriminator_channels, self.recipe.side // 4
        return nnx.Sequential(
            *self.maps(),
            Reshape(-1),
            SpectralDense(quarter * quarter * 4 * channels, 1),
            Reshape(),  # logits (batch,)
        )

    def maps(self) -> list[Callable[[Array], Array]]:
        """Return the layers of a discriminator up to its last maps."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        channels = recipe.discriminator_channels
        return [
            SpectralConv(recipe.image_channels, channels, 3, 1, 1),
            leaky_relu(slope),  # side
            SpectralConv(channels, channels, 4, 2, 1),
            leaky_relu(slope),  # side / 2
            SpectralConv(channels, 2 * channels, 3, 1, 1),
            leaky_relu(slope),
            SpectralConv(2 * channels, 2 * channels, 4, 2, 1),
            leaky_relu(slope),  # side / 4
            SpectralConv(2 * channels, 4 * channels, 3, 1, 1),
            leaky_relu(slope),
        ]

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        rate = self.recipe.learning_rate
        self.generator_optimiser = adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = adam(self.discriminator, rate, **self.recipe.adam)

    def update_discriminator(self, images: Array, noise: Array) -> dict[str, Array]:
        """Make one power iteration and one update; return the loss."""
        iterate(self.discriminator)
        fakes = self.generator(noise)  # (batch, height, width, channels)

        def loss(discriminator: nnx.Module) -> Array:
            return hinge(discriminator(images), True) + hinge(discriminator(fakes), False)

        judged, gradient = nnx.value_and_grad(loss)(self.discriminator)
        self.discriminator_optimiser.update(self.discriminator, gradient)
        return {"discriminator": judged}

    def update_generator(self, noise: Array, images: Array) -> dict[str, Array]:
        """Make one update; return the loss."""

        def loss(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            return wasserstein(discriminator(generator(noise)), True)

        made, gradient = nnx.value_and_grad(loss)(self.generator, self.discriminator)
        self.generator_optimiser.update(self.generator, gradient)
        return {"generator": made}
