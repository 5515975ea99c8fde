"""jax-conditional: see `gan_bench_recipes.conditional`."""

from typing import ClassVar

import jax
from flax import nnx
from jax import Array
from jax.numpy import tanh

from gan_bench_jax.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Embedding,
    Labelled,
    Projection,
    Reshape,
    SpectralConv,
    iterate,
    leaky_relu,
    sum_over_pixels,
)
from gan_bench_jax.losses import hinge, wasserstein
from gan_bench_jax.sngan import Sngan
from gan_bench_recipes import conditional


class Conditional(Sngan):
    """The recipe conditional in JAX, twin of that in PyTorch: sngan's optimisers."""

    recipe_class: ClassVar[type[conditional.Conditional]] = conditional.Conditional
    recipe: conditional.Conditional

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        norm = recipe.batch_norm
        entering = recipe.latent_size + recipe.embedding_size
        channels, quarter = recipe.generator_channels, recipe.side // 4
        self.generator = Labelled(
            Embedding(recipe.classes, recipe.embedding_size),
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
        )
        channels = recipe.discriminator_channels
        self.discriminator = Labelled(
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
            sum_over_pixels,
            Projection(recipe.classes, 4 * channels),  # logits (batch,)
        )

    def update_discriminator(
        self, images: Array, noise: Array, *, fake_labels: Array, real_labels: Array
    ) -> dict[str, Array]:
        """Make one power iteration and one update; return the loss."""
        iterate(self.discriminator)
        fakes = self.generator(noise, fake_labels)  # (batch, height, width, channels)

        def loss(discriminator: nnx.Module) -> Array:
            on_real = hinge(discriminator(images, real_labels), True)
            return on_real + hinge(discriminator(fakes, fake_labels), False)

        judged, gradient = nnx.value_and_grad(loss)(self.discriminator)
        self.discriminator_optimiser.update(self.discriminator, gradient)
        return {"discriminator": judged}

    def update_generator(
        self, noise: Array, images: Array, *, fake_labels: Array
    ) -> dict[str, Array]:
        """Make one update; return the loss."""

        def loss(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            fakes = generator(noise, fake_labels)
            return wasserstein(discriminator(fakes, fake_labels), True)

        made, gradient = nnx.value_and_grad(loss)(self.generator, self.discriminator)
        self.generator_optimiser.update(self.generator, gradient)
        return {"generator": made}
