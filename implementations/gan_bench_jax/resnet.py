"""jax-resnet: see `gan_bench_recipes.resnet`."""

from collections.abc import Callable
from typing import ClassVar

import jax
from flax import nnx
from jax import Array
from jax.numpy import tanh

from gan_bench_jax.layers import (
    AveragePooling,
    BatchNorm,
    Conv,
    Dense,
    Reshape,
    Residual,
    SpectralConv,
    SpectralDense,
    UpSampling,
    leaky_relu,
    sum_over_pixels,
)
from gan_bench_jax.sngan import Sngan
from gan_bench_recipes import resnet


class Resnet(Sngan):
    """The recipe resnet in JAX, twin of that in PyTorch: sngan's optimisers and updates."""

    recipe_class: ClassVar[type[resnet.Resnet]] = resnet.Resnet
    recipe: resnet.Resnet

    def new_generator(self) -> nnx.Module:
        """Return a generator."""
        recipe = self.recipe
        channels, quarter = recipe.generator_channels, recipe.side // 4
        return nnx.Sequential(
            Dense(recipe.latent_size, quarter * quarter * channels),
            Reshape(quarter, quarter, channels),  # side / 4
            self.up_block(channels),  # side / 2
            self.up_block(channels),  # side
            BatchNorm(channels, **recipe.batch_norm),
            jax.nn.relu,
            Conv(channels, recipe.image_channels, 3, 1, 1),
            tanh,
        )

    def up_block(self, channels: int) -> Residual:
        """Return a block that doubles the side."""
        norm = self.recipe.batch_norm
        return Residual(
            branch=[
                BatchNorm(channels, **norm),
                jax.nn.relu,
                UpSampling(2),
                Conv(channels, channels, 3, 1, 1, bias=False),
                BatchNorm(channels, **norm),
                jax.nn.relu,
                Conv(channels, channels, 3, 1, 1, bias=False),
            ],
            shortcut=[
                UpSampling(2),
                Conv(channels, channels, 1, 1, 0, bias=False),
            ],
        )

    def new_discriminator(self) -> nnx.Module:
        """Return a discriminator."""
        recipe, channels = self.recipe, self.recipe.discriminator_channels
        slope = recipe.leaky_relu_slope
        return nnx.Sequential(
            Residual(
                branch=[
                    SpectralConv(recipe.image_channels, channels, 3, 1, 1),
                    leaky_relu(slope),
                    SpectralConv(channels, channels, 3, 1, 1),
                    AveragePooling(2),
                ],
                shortcut=[AveragePooling(2), SpectralConv(recipe.image_channels, channels, 1)],
            ),  # side / 2
            Residual(
                branch=[*self.convolutions(channels), AveragePooling(2)],
                shortcut=[SpectralConv(channels, channels, 1), AveragePooling(2)],
            ),  # side / 4
            Residual(branch=self.convolutions(channels)),
            leaky_relu(slope),
            sum_over_pixels,
            SpectralDense(channels, 1),
            Reshape(),  # logits (batch,)
        )

    def convolutions(self, channels: int) -> list[Callable[[Array], Array]]:
        """Return those of a block's branch, each after an activation."""
        slope = self.recipe.leaky_relu_slope
        return [
            leaky_relu(slope),
            SpectralConv(channels, channels, 3, 1, 1),
            leaky_relu(slope),
            SpectralConv(channels, channels, 3, 1, 1),
        ]
