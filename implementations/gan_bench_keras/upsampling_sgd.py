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
        channels = recipe.generator_channels
        self.generator = keras.Sequential(
            [
                keras.Input((recipe.latent_size,)),
                layers.Dense(units),
                layers.Activation("tanh"),
                layers.Dense(7 * 7 * 2 * channels),
                BatchNorm(**norm),
                layers.Activation("tanh"),
                layers.Reshape((7, 7, 2 * channels)),
                layers.UpSampling2D(2, interpolation="nearest"),
                layers.Conv2D(channels, 5, 1, "same"),
                layers.Activation("tanh"),  # 14 x 14
                layers.UpSampling2D(2, interpolation="nearest"),
                layers.Conv2D(1, 5, 1, "same"),
                layers.Activation("tanh"),  # 28 x 28
            ]
        )
        channels = recipe.discriminator_channels
        self.discriminator = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(channels, 5, 1, "same"),
                layers.Activation("tanh"),  # 28 x 28
                layers.MaxPooling2D(2),
                layers.Conv2D(2 * channels, 5, 1, "valid"),
                layers.Activation("tanh"),  # 10 x 10
                layers.MaxPooling2D(2),
                layers.Flatten(),  # 5 x 5 x 2 channels
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
        fakes = self.generator(first, training=True)  # (batch, 28, 28, 1)
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
