"""jax-upsampling-sgd: see `gan_bench_recipes.upsampling_sgd`."""

from typing import ClassVar

import jax.numpy as jnp
from flax import nnx
from jax import Array
from jax.numpy import tanh

from gan_bench_jax.base import Draws, JaxTrainer, mean_probability
from gan_bench_jax.layers import BatchNorm, Conv, Dense, MaxPooling, Reshape, UpSampling
from gan_bench_jax.losses import cross_entropy
from gan_bench_jax.optimisers import sgd
from gan_bench_recipes import upsampling_sgd


class UpsamplingSgd(JaxTrainer):
    """The recipe upsampling-sgd in JAX, twin of the original in Keras."""

    recipe_class: ClassVar[type[upsampling_sgd.UpsamplingSgd]] = upsampling_sgd.UpsamplingSgd
    recipe: upsampling_sgd.UpsamplingSgd

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, units = self.recipe, self.recipe.dense_units
        norm = recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        self.generator = nnx.Sequential(
            Dense(recipe.latent_size, units),
            tanh,
            Dense(units, quarter * quarter * 2 * channels),
            BatchNorm(quarter * quarter * 2 * channels, **norm),
            tanh,
            Reshape(quarter, quarter, 2 * channels),
            UpSampling(2),
            Conv(2 * channels, channels, 5, 1, "same"),
            tanh,  # side / 2
            UpSampling(2),
            Conv(channels, recipe.image_channels, 5, 1, "same"),
            tanh,  # side
        )
        channels, left = recipe.discriminator_channels, quarter - 2
        self.discriminator = nnx.Sequential(
            Conv(recipe.image_channels, channels, 5, 1, "same"),
            tanh,  # side
            MaxPooling(2),
            Conv(channels, 2 * channels, 5, 1, "valid"),
            tanh,  # side / 2 - 4
            MaxPooling(2),
            Reshape(-1),
            Dense(left * left * 2 * channels, units),
            tanh,
            Dense(units, 1),
            Reshape(),  # logits (batch,)
        )

    def build_optimisers(self) -> None:
        """Build one SGD for each network."""
        recipe = self.recipe
        values = recipe.learning_rate, recipe.momentum, recipe.nesterov
        self.generator_optimiser = sgd(self.generator, *values)
        self.discriminator_optimiser = sgd(self.discriminator, *values)

    def update(self, real: list[Array], draws: Draws) -> dict[str, Array]:
        """Update the discriminator on reals and fakes together, then the generator on new noise."""
        (images,), latents = real, draws["latents"]
        fakes = self.generator(latents[0])  # (batch, height, width, channels)

        def discriminator_loss(discriminator: nnx.Module) -> tuple[Array, tuple[Array, Array]]:
            real_logits, fake_logits = jnp.split(discriminator(jnp.concat([images, fakes])), 2)
            both = cross_entropy(real_logits, True), cross_entropy(fake_logits, False)
            loss = (both[0] + both[1]) / 2
            return loss, (mean_probability(real_logits), mean_probability(fake_logits))

        (judged, (d_real, d_fake)), gradient = nnx.value_and_grad(discriminator_loss, has_aux=True)(
            self.discriminator
        )
        self.discriminator_optimiser.update(self.discriminator, gradient)

        def generator_loss(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            return cross_entropy(discriminator(generator(latents[1])), True)

        made, gradient = nnx.value_and_grad(generator_loss)(self.generator, self.discriminator)
        self.generator_optimiser.update(self.generator, gradient)

        return {"generator": made, "discriminator": judged, "d_real": d_real, "d_fake": d_fake}
