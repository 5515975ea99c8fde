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

    def after_first(self, channels: int) -> list[keras.Layer]:
        """Return the layers after the generator's first transposed convolution."""
        return self.more(channels)  # 7 x 7

    def after_second(self, channels: int) -> list[keras.Layer]:
        """Return the layers after the generator's second transposed convolution."""
        return self.more(channels)  # 14 x 14

    def last_layers(self, channels: int) -> list[keras.Layer]:
        """Return the discriminator's layers from its 7 x 7 maps on."""
        return [
            layers.Conv2D(2 * channels, 3, 2, "same"),
            layers.LeakyReLU(self.recipe.leaky_relu_slope),  # 4 x 4
            Dropout(self.recipe.dropout, self.seed, 2),
            layers.Flatten(),
            layers.Dense(1),
        ]

    def more(self, channels: int) -> list[keras.Layer]:
        """Return one convolution more, with its normalisation and activation."""
        return [
            layers.Conv2D(channels, 3, 1, "same", use_bias=False),
            BatchNorm(self.recipe),
            layers.LeakyReLU(self.recipe.leaky_relu_slope),
        ]
