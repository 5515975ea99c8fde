"""jax-enhanced: see `gan_bench_recipes.enhanced`."""

from typing import ClassVar

from flax import nnx
from jax.numpy import tanh

from gan_bench_jax.baseline import Baseline
from gan_bench_jax.layers import BatchNorm, Conv, ConvTranspose, Dense, Dropout, Reshape, leaky_relu
from gan_bench_recipes import enhanced


class Enhanced(Baseline):
    """The recipe enhanced in JAX, twin of the original in Keras: baseline with more layers."""

    recipe_class: ClassVar[type[enhanced.Enhanced]] = enhanced.Enhanced
    recipe: enhanced.Enhanced

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
            BatchNorm(2 * channels, **norm),
            leaky_relu(slope),
            Conv(2 * channels, 2 * channels, 3, 1, "same", bias=False),
            BatchNorm(2 * channels, **norm),  # side / 4
            leaky_relu(slope),
            ConvTranspose(2 * channels, channels, 5, 2, "same", bias=False),
            BatchNorm(channels, **norm),
            leaky_relu(slope),
            Conv(channels, channels, 3, 1, "same", bias=False),
            BatchNorm(channels, **norm),  # side / 2
            leaky_relu(slope),
            ConvTranspose(channels, recipe.image_channels, 5, 2, "same", bias=False),
            tanh,  # side
        )
        channels, eighth = recipe.discriminator_channels, -(-quarter // 2)
        self.discriminator = nnx.Sequential(
            Conv(recipe.image_channels, channels, 5, 2, "same"),
            leaky_relu(slope),  # side / 2
            Dropout(recipe.dropout, self.random),
            Conv(channels, 2 * channels, 5, 2, "same"),
            leaky_relu(slope),  # side / 4
            Dropout(recipe.dropout, self.random),
            Conv(2 * channels, 4 * channels, 3, 2, "same"),
            leaky_relu(slope),  # side / 8, rounded up
            Dropout(recipe.dropout, self.random),
            Reshape(-1),
            Dense(eighth * eighth * 4 * channels, 1),
            Reshape(),  # logits (batch,)
        )
