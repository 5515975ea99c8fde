"""jax-decay: see `gan_bench_recipes.decay`."""

from typing import ClassVar

from flax import nnx
from jax.numpy import tanh

from gan_bench_jax.layers import BatchNorm, Conv, ConvTranspose, Dense, Dropout, Reshape, leaky_relu
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
        channels, quarter = recipe.generator_channels, recipe.side // 4
        self.generator = nnx.Sequential(
            Dense(recipe.latent_size, quarter * quarter * 4 * channels, bias=False),
            Reshape(quarter, quarter, 4 * channels),
            BatchNorm(4 * channels, **norm),
            leaky_relu(slope),  # side / 4
            ConvTranspose(4 * channels, 2 * channels, 4, 2, "same", bias=False),
            BatchNorm(2 * channels, **norm),
            leaky_relu(slope),  # side / 2
            ConvTranspose(2 * channels, channels, 4, 2, "same", bias=False),
            BatchNorm(channels, **norm),
            leaky_relu(slope),  # side
            ConvTranspose(channels, recipe.image_channels, 4, 1, "same"),
            tanh,  # side
        )
        channels = recipe.discriminator_channels
        self.discriminator = nnx.Sequential(
            Conv(recipe.image_channels, channels, 4, 2, "same"),
            leaky_relu(slope),  # side / 2
            Dropout(recipe.dropout, self.random),
            Conv(channels, 2 * channels, 4, 2, "same"),
            leaky_relu(slope),  # side / 4
            Dropout(recipe.dropout, self.random),
            Reshape(-1),
            Dense(quarter * quarter * 2 * channels, 1),
            Reshape(),  # logits (batch,)
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network, each with its own decaying rate."""
        recipe, steps = self.recipe, self.planned_steps
        self.generator_optimiser = adam(
            self.generator,
            exponential_decay(
                recipe.generator_learning_rate,
                recipe.generator_decay_share * steps,
                recipe.generator_decay_factor,
            ),
            **recipe.adam,
        )
        self.discriminator_optimiser = adam(
            self.discriminator,
            exponential_decay(
                recipe.discriminator_learning_rate,
                recipe.discriminator_decay_share * steps,
                recipe.discriminator_decay_factor,
            ),
            **recipe.adam,
        )
