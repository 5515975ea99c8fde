"""keras-resnet: see `gan_bench_recipes.resnet`."""

from typing import ClassVar

import keras
from keras import layers

from gan_bench_keras.layers import (
    BatchNorm,
    Residual,
    SpectralConv2D,
    SpectralDense,
    SumOverPixels,
)
from gan_bench_keras.sngan import Sngan
from gan_bench_recipes import resnet


class Resnet(Sngan):
    """The recipe resnet in Keras, twin of that in PyTorch: sngan's optimisers and updates."""

    recipe_class: ClassVar[type[resnet.Resnet]] = resnet.Resnet
    recipe: resnet.Resnet

    def new_generator(self) -> keras.Model:
        """Return a generator."""
        recipe = self.recipe
        channels, quarter = recipe.generator_channels, recipe.side // 4
        return keras.Sequential(
            [
                keras.Input((recipe.latent_size,)),
                layers.Dense(quarter * quarter * channels),
                layers.Reshape((quarter, quarter, channels)),  # side / 4
                self.up_block(channels),  # side / 2
                self.up_block(channels),  # side
                BatchNorm(**recipe.batch_norm),
                layers.ReLU(),
                layers.Conv2D(recipe.image_channels, 3, 1, "same"),
                layers.Activation("tanh"),
            ]
        )

    def up_block(self, channels: int) -> Residual:
        """Return a block that doubles the side."""
        norm = self.recipe.batch_norm
        return Residual(
            branch=[
                BatchNorm(**norm),
                layers.ReLU(),
                layers.UpSampling2D(2),
                layers.Conv2D(channels, 3, 1, "same", use_bias=False),
                BatchNorm(**norm),
                layers.ReLU(),
                layers.Conv2D(channels, 3, 1, "same", use_bias=False),
            ],
            shortcut=[
                layers.UpSampling2D(2),
                layers.Conv2D(channels, 1, 1, use_bias=False),
            ],
        )

    def new_discriminator(self) -> keras.Model:
        """Return a discriminator."""
        recipe, channels = self.recipe, self.recipe.discriminator_channels
        slope = recipe.leaky_relu_slope
        return keras.Sequential(
            [
                keras.Input(recipe.image_shape),
                Residual(
                    branch=[
                        SpectralConv2D(channels, 3, 1, "same"),
                        layers.LeakyReLU(slope),
                        SpectralConv2D(channels, 3, 1, "same"),
                        layers.AveragePooling2D(2),
                    ],
                    shortcut=[layers.AveragePooling2D(2), SpectralConv2D(channels, 1)],
                ),  # side / 2
                Residual(
                    branch=[*self.convolutions(channels), layers.AveragePooling2D(2)],
                    shortcut=[SpectralConv2D(channels, 1), layers.AveragePooling2D(2)],
                ),  # side / 4
                Residual(branch=self.convolutions(channels)),
                layers.LeakyReLU(slope),
                SumOverPixels(),
                SpectralDense(1),
                layers.Reshape(()),  # logits (batch,)
            ]
        )

    def convolutions(self, channels: int) -> list[keras.Layer]:
        """Return those of a block's branch, each after an activation."""
        slope = self.recipe.leaky_relu_slope
        return [
            layers.LeakyReLU(slope),
            SpectralConv2D(channels, 3, 1, "same"),
            layers.LeakyReLU(slope),
            SpectralConv2D(channels, 3, 1, "same"),
        ]
