"""jax-decay: see `gan_bench_recipes.decay`."""

from typing import ClassVar

from flax import nnx
from jax.numpy import tanh

from gan_bench_jax.layers import BatchNorm, Conv, ConvTranspose, Dense, Reshape, leaky_relu
from gan_bench_jax.optimisers import adam, exponential_decay
from gan_bench_jax.simultaneous import SimultaneousTrainer
from gan_bench_recipes import decay


class Decay(SimultaneousTrainer):
    """The recipe decay in JAX, twin of the original in Keras."""

    recipe_class: ClassVar[type[decay.Decay]] = decay.Decay
    recipe: decay.Decay

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        norm = recipe.batch_norm
        channels = recipe.generator_channels
        self.generator = nnx.Sequential(
            Dense(recipe.latent_size, 7 * 7 * 4 * channels, bias=False),
            Reshape(7, 7, 4 * channels),
            BatchNorm(4 * channels, **norm),
            leaky_relu(slope),  # 7 x 7
            ConvTranspose(4 * channels, 2 * channels, 4, 2, "same", bias=False),
            BatchNorm(2 * channels, **norm),
            leaky_relu(slope),  # 14 x 14
            ConvTranspose(2 * channels, channels, 4, 2, "same", bias=False),
            BatchNorm(channels, **norm),
            leaky_relu(slope),  # 28 x 28
            ConvTranspose(channels, 1, 4, 1, "same"),
            tanh,  # 28 x 28
        )
        channels = recipe.discriminator_channels
        self.discriminator = nnx.Sequential(
            Conv(1, channels, 4, 2, "same"),
            leaky_relu(slope),  # 14 x 14
            nnx.Dropout(recipe.dropout, rngs=self.random),
            Conv(channels, 2 * channels, 4, 2, "same"),
            leaky_relu(slope),  # 7 x 7
            nnx.Dropout(recipe.dropout, rngs=self.random),
            Reshape(-1),
            Dense(7 * 7 * 2 * channels, 1),
            Reshape(),  # logits (batch,)
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network, each with its own decaying rate."""
        recipe, steps = self.recipe, self.planned_steps
        generator_rate = exponential_decay(
            recipe.generator_learning_rate,
            recipe.generator_decay_share * steps,
            recipe.generator_decay_factor,
        )
        discriminator_rate = exponential_decay(
            recipe.discriminator_learning_rate,
            recipe.discriminator_decay_share * steps,
            recipe.discriminator_decay_factor,
        )
        self.generator_optimiser = nnx.Optimizer(
            self.generator, adam(generator_rate, **recipe.adam), wrt=nnx.Param
        )
        self.discriminator_optimiser = nnx.Optimizer(
            self.discriminator, adam(discriminator_rate, **recipe.adam), wrt=nnx.Param
        )
