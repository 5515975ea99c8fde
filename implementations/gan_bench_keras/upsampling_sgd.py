"""keras-upsampling-sgd: see `gan_bench_recipes.upsampling_sgd`."""

from typing import ClassVar

import keras
import tensorflow as tf
from keras import layers

from gan_bench_keras.base import KerasTrainer, descend
from gan_bench_keras.layers import BatchNorm
from gan_bench_keras.losses import cross_entropy
from gan_bench_keras.optimisers import sgd
from gan_bench_recipes import upsampling_sgd


class UpsamplingSgd(KerasTrainer):
    """The recipe upsampling-sgd in Keras, its origin."""

    recipe_class: ClassVar[type[upsampling_sgd.UpsamplingSgd]] = upsampling_sgd.UpsamplingSgd
    recipe: upsampling_sgd.UpsamplingSgd

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, units = self.recipe, self.recipe.dense_units
        norm = recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        self.generator = keras.Sequential(
            [
                keras.Input((recipe.latent_size,)),
                layers.Dense(units),
                layers.Activation("tanh"),
                layers.Dense(quarter * quarter * 2 * channels),
                BatchNorm(**norm),
                layers.Activation("tanh"),
                layers.Reshape((quarter, quarter, 2 * channels)),
                layers.UpSampling2D(2, interpolation="nearest"),
                layers.Conv2D(channels, 5, 1, "same"),
                layers.Activation("tanh"),  # side / 2
                layers.UpSampling2D(2, interpolation="nearest"),
                layers.Conv2D(recipe.image_channels, 5, 1, "same"),
                layers.Activation("tanh"),  # side
            ]
        )
        channels = recipe.discriminator_channels
        self.discriminator = keras.Sequential(
            [
                keras.Input(recipe.image_shape),
                layers.Conv2D(channels, 5, 1, "same"),
                layers.Activation("tanh"),  # side
                layers.MaxPooling2D(2),
                layers.Conv2D(2 * channels, 5, 1, "valid"),
                layers.Activation("tanh"),  # side / 2 - 4
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dense(units),
                layers.Activation("tanh"),
                layers.Dense(1),
                layers.Reshape(()),  # logits (batch,)
            ]
        )

    def build_optimisers(self) -> None:
        """Build one SGD for each network."""
        recipe = self.recipe
        values = recipe.learning_rate, recipe.momentum, recipe.nesterov
        self.generator_optimiser = sgd(self.generator, *values)
        self.discriminator_optimiser = sgd(self.discriminator, *values)

    def update(self, real: list[tf.Tensor], draws: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update the discriminator on reals and fakes together, then the generator on new noise."""
        (images,) = real
        first, second = tf.unstack(draws["latents"])
        fakes = self.generator(first, training=True)  # NHWC
        with tf.GradientTape() as tape:
            logits = self.discriminator(tf.concat([images, fakes], 0), training=True)
            real_logits, fake_logits = tf.split(logits, 2)
            both = cross_entropy(real_logits, True), cross_entropy(fake_logits, False)
            discriminator_loss = (both[0] + both[1]) / 2
        descend(tape, discriminator_loss, self.discriminator, self.discriminator_optimiser)

        with tf.GradientTape() as tape:
            fakes = self.generator(second, training=True)
            generator_loss = cross_entropy(self.discriminator(fakes, training=True), True)
        descend(tape, generator_loss, self.generator, self.generator_optimiser)

        return {
            "generator": generator_loss,
            "discriminator": discriminator_loss,
            "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
            "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
        }
