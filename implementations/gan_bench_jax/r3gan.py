"""jax-r3gan: see `gan_bench_recipes.r3gan`."""

from typing import ClassVar

from flax import nnx
from jax import Array
from jax.numpy import tanh

from gan_bench_jax.alternating import AlternatingTrainer
from gan_bench_jax.averaging import follow
from gan_bench_jax.base import Draws
from gan_bench_jax.layers import (
    AveragePooling,
    Conv,
    Dense,
    Reshape,
    Residual,
    UpSampling,
    leaky_relu,
)
from gan_bench_jax.losses import relativistic, zero_centred_penalty
from gan_bench_jax.optimisers import adam
from gan_bench_recipes import r3gan


class R3gan(AlternatingTrainer):
    """The recipe r3gan in JAX, twin of that in PyTorch."""

    recipe_class: ClassVar[type[r3gan.R3gan]] = r3gan.R3gan
    recipe: r3gan.R3gan

    def build_networks(self) -> None:
        """Build both networks, and the average of the generator."""
        self.generator = self.new_generator()
        self.discriminator = self.new_discriminator()
        self.average = self.new_generator()

    def new_generator(self) -> nnx.Module:
        """Return a generator."""
        recipe = self.recipe
        channels, quarter = recipe.generator_channels, recipe.side // 4
        return nnx.Sequential(
            Dense(recipe.latent_size, quarter * quarter * 4 * channels, bias=False),
            Reshape(quarter, quarter, 4 * channels),
            self.block(4 * channels),  # side / 4
            Conv(4 * channels, 2 * channels, 1, bias=False),
            UpSampling(2),
            self.block(2 * channels),  # side / 2
            Conv(2 * channels, channels, 1, bias=False),
            UpSampling(2),
            self.block(channels),  # side
            Conv(channels, recipe.image_channels, 3, 1, 1),
            tanh,
        )

    def new_discriminator(self) -> nnx.Module:
        """Return a discriminator."""
        recipe = self.recipe
        channels, quarter = recipe.discriminator_channels, recipe.side // 4
        return nnx.Sequential(
            Conv(recipe.image_channels, channels, 3, 1, 1),
            self.block(channels),  # side
            AveragePooling(2),
            Conv(channels, 2 * channels, 1, bias=False),
            self.block(2 * channels),  # side / 2
            AveragePooling(2),
            Conv(2 * channels, 4 * channels, 1, bias=False),
            self.block(4 * channels),  # side / 4
            Reshape(-1),
            Dense(quarter * quarter * 4 * channels, 1, bias=False),
            Reshape(),  # logits (batch,)
        )

    def block(self, channels: int) -> Residual:
        """Return a block that keeps the side and the channels."""
        slope, within = self.recipe.leaky_relu_slope, self.recipe.expansion * channels
        return Residual(
            branch=[
                Conv(channels, within, 1),
                leaky_relu(slope),
                Conv(within, within, 3, 1, 1),
                leaky_relu(slope),
                Conv(within, channels, 1, bias=False),
            ]
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        rate = self.recipe.learning_rate
        self.generator_optimiser = adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = adam(self.discriminator, rate, **self.recipe.adam)

    def update(self, real: list[Array], draws: Draws) -> dict[str, Array]:
        """Update both networks; then the average takes in the generator."""
        losses = super().update(real, draws)
        follow(self.average, self.generator, 1 - self.recipe.average_decay)
        return losses

    def update_discriminator(self, images: Array, noise: Array) -> dict[str, Array]:
        """Make one update; return the loss and its penalties."""
        fakes = self.generator(noise)  # (batch, height, width, channels)

        def loss(discriminator: nnx.Module) -> tuple[Array, tuple[Array, Array]]:
            on_real, r1 = zero_centred_penalty(discriminator, images)
            on_fake, r2 = zero_centred_penalty(discriminator, fakes)
            return relativistic(on_real, on_fake) + self.recipe.penalty_weight * (r1 + r2), (r1, r2)

        (judged, (r1, r2)), gradient = nnx.value_and_grad(loss, has_aux=True)(self.discriminator)
        self.discriminator_optimiser.update(self.discriminator, gradient)
        return {"discriminator": judged, "r1": r1, "r2": r2}

    def update_generator(self, noise: Array, images: Array) -> dict[str, Array]:
        """Make one update; return the loss."""

        def loss(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            return relativistic(discriminator(generator(noise)), discriminator(images))

        made, gradient = nnx.value_and_grad(loss)(self.generator, self.discriminator)
        self.generator_optimiser.update(self.generator, gradient)
        return {"generator": made}
