"""jax-baseline: see `gan_bench_recipes.baseline`."""

from typing import ClassVar

from flax import nnx
from jax.numpy import tanh

from gan_bench_jax.layers import BatchNorm, Conv, ConvTranspose, Dense, Reshape, leaky_relu
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
        channels = recipe.generator_channels
        self.generator = nnx.Sequential(
            Dense(recipe.latent_size, 7 * 7 * 4 * channels, bias=False),
            BatchNorm(7 * 7 * 4 * channels, **norm),
            leaky_relu(slope),
            Reshape(7, 7, 4 * channels),
            ConvTranspose(4 * channels, 2 * channels, 5, 1, "same", bias=False),
            BatchNorm(2 * channels, **norm),  # 7 x 7
            leaky_relu(slope),
            ConvTranspose(2 * channels, channels, 5, 2, "same", bias=False),
            BatchNorm(channels, **norm),  # 14 x 14
            leaky_relu(slope),
            ConvTranspose(channels, 1, 5, 2, "same", bias=False),
            tanh,  # 28 x 28
        )
        channels = recipe.discriminator_channels
        self.discriminator = nnx.Sequential(
            Conv(1, channels, 5, 2, "same"),
            leaky_relu(slope),  # 14 x 14
            nnx.Dropout(recipe.dropout, rngs=self.random),
            Conv(channels, 2 * channels, 5, 2, "same"),
            leaky_relu(slope),  # 7 x 7
            nnx.Dropout(recipe.dropout, rngs=self.random),
            Reshape(-1),
            Dense(7 * 7 * 2 * channels, 1),
            Reshape(),  # logits (batch,)
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        recipe = self.recipe
        transformation = adam(recipe.learning_rate, **recipe.adam)
        self.generator_optimiser = nnx.Optimizer(self.generator, transformation, wrt=nnx.Param)
        self.discriminator_optimiser = nnx.Optimizer(
            self.discriminator, transformation, wrt=nnx.Param
        )
