"""keras-decay: see `gan_bench_recipes.decay`."""

from typing import ClassVar

import keras
from keras import layers

from gan_bench_keras.layers import BatchNorm, Dropout
from gan_bench_keras.optimisers import Adam, exponential_decay
from gan_bench_keras.simultaneous import SimultaneousTrainer
from gan_bench_recipes import decay


class Decay(SimultaneousTrainer):
    """The recipe decay in Keras, its origin."""

    recipe_class: ClassVar[type[decay.Decay]] = decay.Decay
    recipe: decay.Decay

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        norm = recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        self.generator = keras.Sequential(
            [
                keras.Input((recipe.latent_size,)),
                layers.Dense(quarter * quarter * 4 * channels, use_bias=False),
                layers.Reshape((quarter, quarter, 4 * channels)),
                BatchNorm(**norm),
                layers.LeakyReLU(slope),  # side / 4
                layers.Conv2DTranspose(2 * channels, 4, 2, "same", use_bias=False),
                BatchNorm(**norm),
                layers.LeakyReLU(slope),  # side / 2
                layers.Conv2DTranspose(channels, 4, 2, "same", use_bias=False),
                BatchNorm(**norm),
                layers.LeakyReLU(slope),  # side
                layers.Conv2DTranspose(recipe.image_channels, 4, 1, "same"),
                layers.Activation("tanh"),  # side
            ]
        )
        channels = recipe.discriminator_channels
        self.discriminator = keras.Sequential(
            [
                keras.Input(recipe.image_shape),
                layers.Conv2D(channels, 4, 2, "same"),
                layers.LeakyReLU(slope),  # side / 2
                Dropout(recipe.dropout, self.seed, 0),
                layers.Conv2D(2 * channels, 4, 2, "same"),
                layers.LeakyReLU(slope),  # side / 4
                Dropout(recipe.dropout, self.seed, 1),
                layers.Flatten(),
                layers.Dense(1),
                layers.Reshape(()),  # logits (batch,)
            ]
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network, each with its own decaying rate."""
        recipe, steps = self.recipe, self.planned_steps
        self.generator_optimiser = Adam(
            self.generator,
            exponential_decay(
                recipe.generator_learning_rate,
                recipe.generator_decay_share * steps,
                recipe.generator_decay_factor,
            ),
            **recipe.adam,
        )
        self.discriminator_optimiser = Adam(
            self.discriminator,
            exponential_decay(
                recipe.discriminator_learning_rate,
                recipe.discriminator_decay_share * steps,
                recipe.discriminator_decay_factor,
            ),
            **recipe.adam,
        )
