"""keras-r3gan: see `gan_bench_recipes.r3gan`."""

from typing import ClassVar

import keras
import tensorflow as tf
from keras import layers

from gan_bench_keras.alternating import AlternatingTrainer
from gan_bench_keras.averaging import follow
from gan_bench_keras.base import descend
from gan_bench_keras.layers import Residual
from gan_bench_keras.losses import relativistic, zero_centred_penalty
from gan_bench_keras.optimisers import Adam
from gan_bench_recipes import r3gan


class R3gan(AlternatingTrainer):
    """The recipe r3gan in Keras, twin of that in PyTorch."""

    recipe_class: ClassVar[type[r3gan.R3gan]] = r3gan.R3gan
    recipe: r3gan.R3gan

    def build_networks(self) -> None:
        """Build both networks, and the average of the generator."""
        self.generator = self.new_generator()
        self.discriminator = self.new_discriminator()
        self.average = self.new_generator()
        self.average.trainable = False

    def new_generator(self) -> keras.Model:
        """Return a generator."""
        recipe = self.recipe
        channels, quarter = recipe.generator_channels, recipe.side // 4
        return keras.Sequential(
            [
                keras.Input((recipe.latent_size,)),
                layers.Dense(quarter * quarter * 4 * channels, use_bias=False),
                layers.Reshape((quarter, quarter, 4 * channels)),
                self.block(4 * channels),  # side / 4
                layers.Conv2D(2 * channels, 1, use_bias=False),
                layers.UpSampling2D(2),
                self.block(2 * channels),  # side / 2
                layers.Conv2D(channels, 1, use_bias=False),
                layers.UpSampling2D(2),
                self.block(channels),  # side
                layers.Conv2D(recipe.image_channels, 3, 1, "same"),
                layers.Activation("tanh"),
            ]
        )

    def new_discriminator(self) -> keras.Model:
        """Return a discriminator."""
        recipe = self.recipe
        channels = recipe.discriminator_channels
        return keras.Sequential(
            [
                keras.Input(recipe.image_shape),
                layers.Conv2D(channels, 3, 1, "same"),
                self.block(channels),  # side
                layers.AveragePooling2D(2),
                layers.Conv2D(2 * channels, 1, use_bias=False),
                self.block(2 * channels),  # side / 2
                layers.AveragePooling2D(2),
                layers.Conv2D(4 * channels, 1, use_bias=False),
                self.block(4 * channels),  # side / 4
                layers.Flatten(),
                layers.Dense(1, use_bias=False),
                layers.Reshape(()),  # logits (batch,)
            ]
        )

    def block(self, channels: int) -> Residual:
        """Return a block that keeps the side and the channels."""
        slope, within = self.recipe.leaky_relu_slope, self.recipe.expansion * channels
        return Residual(
            branch=[
                layers.Conv2D(within, 1),
                layers.LeakyReLU(slope),
                layers.Conv2D(within, 3, 1, "same"),
                layers.LeakyReLU(slope),
                layers.Conv2D(channels, 1, use_bias=False),
            ]
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        rate = self.recipe.learning_rate
        self.generator_optimiser = Adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = Adam(self.discriminator, rate, **self.recipe.adam)

    def update(self, real: list[tf.Tensor], draws: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update both networks; then the average takes in the generator."""
        losses = super().update(real, draws)
        follow(self.average, self.generator, 1 - self.recipe.average_decay)
        return losses

    def update_discriminator(self, images: tf.Tensor, noise: tf.Tensor) -> dict[str, tf.Tensor]:
        """Make one update; return the loss and its penalties."""
        fakes = self.generator(noise, training=True)  # NHWC
        with tf.GradientTape() as tape:
            on_real, r1 = zero_centred_penalty(self.discriminator, images)
            on_fake, r2 = zero_centred_penalty(self.discriminator, fakes)
            loss = relativistic(on_real, on_fake) + self.recipe.penalty_weight * (r1 + r2)
        descend(tape, loss, self.discriminator, self.discriminator_optimiser)
        return {"discriminator": loss, "r1": r1, "r2": r2}

    def update_generator(self, noise: tf.Tensor, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Make one update; return the loss."""
        on_real = self.discriminator(images, training=True)
        with tf.GradientTape() as tape:
            fakes = self.generator(noise, training=True)
            loss = relativistic(self.discriminator(fakes, training=True), on_real)
        descend(tape, loss, self.generator, self.generator_optimiser)
        return {"generator": loss}
