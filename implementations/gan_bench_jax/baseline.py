"""jax-baseline: see `gan_bench_recipes.baseline`."""

from typing import ClassVar

from flax import nnx
from jax.numpy import tanh

from gan_bench_jax.layers import BatchNorm, Conv, ConvTranspose, Dense, Dropout, Reshape, leaky_relu
from gan_bench_jax.optimisers import adam
from gan_bench_jax.simultaneous import SimultaneousTrainer
from gan_bench_recipes import baseline


class Baseline(SimultaneousTrainer):
    """The recipe baseline in JAX, twin of the original in Keras."""

    recipe_class: ClassVar[type[baseline.Baseline]] = baseline.Baseline
    recipe: baseline.Baseline

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        norm = recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        self.generator = nnx.Sequential(
            Dense(recipe.latent_size, quarter * quarter * 4 * channels, bias=False),
            BatchNorm(quarter * quarter * 4 * channels, **norm),
            leaky_relu(slope),
            Reshape(quarter, quarter, 4 * channels),
            ConvTranspose(4 * channels, 2 * channels, 5, 1, "same", bias=False),
            BatchNorm(2 * channels, **norm),  # side / 4
            leaky_relu(slope),
            ConvTranspose(2 * channels, channels, 5, 2, "same", bias=False),
            BatchNorm(channels, **norm),  # side / 2
            leaky_relu(slope),
            ConvTranspose(channels, recipe.image_channels, 5, 2, "same", bias=False),
            tanh,  # side
        )
        channels = recipe.discriminator_channels
        self.discriminator = nnx.Sequential(
            Conv(recipe.image_channels, channels, 5, 2, "same"),
            leaky_relu(slope),  # side / 2
            Dropout(recipe.dropout, self.random),
            Conv(channels, 2 * channels, 5, 2, "same"),
            leaky_relu(slope),  # side / 4
            Dropout(recipe.dropout, self.random),
            Reshape(-1),
            Dense(quarter * quarter * 2 * channels, 1),
            Reshape(),  # logits (batch,)
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        rate = self.recipe.learning_rate
        self.generator_optimiser = adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = adam(self.discriminator, rate, **self.recipe.adam)
