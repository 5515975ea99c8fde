"""keras-enhanced: see `gan_bench_recipes.enhanced`."""

from typing import ClassVar

import keras
from keras import layers

from gan_bench_keras.baseline import Baseline
from gan_bench_keras.layers import BatchNorm, Dropout
from gan_bench_recipes import enhanced


class Enhanced(Baseline):
    """The recipe enhanced in Keras, its origin: baseline and more layers."""

    recipe_class: ClassVar[type[enhanced.Enhanced]] = enhanced.Enhanced
    recipe: enhanced.Enhanced

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        norm = recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        self.generator = keras.Sequential(
            [
                keras.Input((recipe.latent_size,)),
                layers.Dense(quarter * quarter * 4 * channels, use_bias=False),
                BatchNorm(**norm),
                layers.LeakyReLU(slope),
                layers.Reshape((quarter, quarter, 4 * channels)),
                layers.Conv2DTranspose(2 * channels, 5, 1, "same", use_bias=False),
                BatchNorm(**norm),
                layers.LeakyReLU(slope),
                layers.Conv2D(2 * channels, 3, 1, "same", use_bias=False),
                BatchNorm(**norm),  # side / 4
                layers.LeakyReLU(slope),
                layers.Conv2DTranspose(channels, 5, 2, "same", use_bias=False),
                BatchNorm(**norm),
                layers.LeakyReLU(slope),
                layers.Conv2D(channels, 3, 1, "same", use_bias=False),
                BatchNorm(**norm),  # side / 2
                layers.LeakyReLU(slope),
                layers.Conv2DTranspose(recipe.image_channels, 5, 2, "same", use_bias=False),
                layers.Activation("tanh"),  # side
            ]
        )
        channels = recipe.discriminator_channels
        self.discriminator = keras.Sequential(
            [
                keras.Input(recipe.image_shape),
                layers.Conv2D(channels, 5, 2, "same"),
                layers.LeakyReLU(slope),  # side / 2
                Dropout(recipe.dropout, self.seed, 0),
                layers.Conv2D(2 * channels, 5, 2, "same"),
                layers.LeakyReLU(slope),  # side / 4
                Dropout(recipe.dropout, self.seed, 1),
                layers.Conv2D(4 * channels, 3, 2, "same"),
                layers.LeakyReLU(slope),  # side / 8, rounded up
                Dropout(recipe.dropout, self.seed, 2),
                layers.Flatten(),
                layers.Dense(1),
                layers.Reshape(()),  # logits (batch,)
            ]
        )
