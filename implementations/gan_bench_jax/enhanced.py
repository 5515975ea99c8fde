"""jax-enhanced: see `gan_bench_recipes.enhanced`."""

from typing import ClassVar

from flax import nnx
from jax.numpy import tanh

from gan_bench_jax.baseline import Baseline
from gan_bench_jax.layers import BatchNorm, Conv, ConvTranspose, Dense, Reshape, leaky_relu
from gan_bench_recipes import enhanced


class Enhanced(Baseline):
    """The recipe enhanced in JAX, twin of the original in Keras: baseline with more layers."""

    recipe_class: ClassVar[type[enhanced.Enhanced]] = enhanced.Enhanced
    recipe: enhanced.Enhanced

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
            Conv(2 * channels, 2 * channels, 3, 1, "same", bias=False),
            BatchNorm(2 * channels, **norm),  # 7 x 7
            leaky_relu(slope),
            ConvTranspose(2 * channels, channels, 5, 2, "same", bias=False),
            BatchNorm(channels, **norm),  # 14 x 14
            leaky_relu(slope),
            Conv(channels, channels, 3, 1, "same", bias=False),
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
            Conv(2 * channels, 4 * channels, 3, 2, "same"),
            leaky_relu(slope),  # 4 x 4
            nnx.Dropout(recipe.dropout, rngs=self.random),
            Reshape(-1),
            Dense(4 * 4 * 4 * channels, 1),
            Reshape(),  # logits (batch,)
        )
