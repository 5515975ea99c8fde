"""keras-dcgan: see `gan_bench_recipes.dcgan`."""

from typing import ClassVar

import keras
import tensorflow as tf
from keras import layers

from gan_bench_keras.base import KerasTrainer, descend
from gan_bench_keras.layers import BatchNorm, MapToPoint, PointToMap
from gan_bench_keras.losses import cross_entropy
from gan_bench_keras.optimisers import Adam
from gan_bench_recipes import dcgan


class Dcgan(KerasTrainer):
    """The recipe dcgan in Keras, twin of the original in PyTorch."""

    recipe_class: ClassVar[type[dcgan.Dcgan]] = dcgan.Dcgan
    recipe: dcgan.Dcgan

    def build_networks(self) -> None:
        """Build both networks."""
        self.generator = self.new_generator()
        self.discriminator = self.new_discriminator()

    def new_generator(self) -> keras.Model:
        """Return a generator."""
        recipe, latent_size = self.recipe, self.recipe.latent_size
        norm = recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        return keras.Sequential(
            [
                keras.Input((latent_size,)),
                layers.Reshape((1, 1, latent_size)),
                PointToMap(2 * channels, quarter, use_bias=False),
                BatchNorm(**norm),  # side / 4
                layers.ReLU(),
                # "same" is PyTorch's padding 1 for kernels of 4 at stride 2 and even lengths.
                layers.Conv2DTranspose(channels, 4, 2, "same", use_bias=False),
                BatchNorm(**norm),  # side / 2
                layers.ReLU(),
                layers.Conv2DTranspose(recipe.image_channels, 4, 2, "same", use_bias=False),
                layers.Activation("tanh"),  # side
            ]
        )

    def new_discriminator(self) -> keras.Model:
        """Return a discriminator."""
        recipe, norm = self.recipe, self.recipe.batch_norm
        channels, quarter = recipe.discriminator_channels, recipe.side // 4
        return keras.Sequential(
            [
                keras.Input(recipe.image_shape),
                layers.Conv2D(channels, 4, 2, "same", use_bias=False),
                layers.LeakyReLU(recipe.leaky_relu_slope),  # side / 2
                layers.Conv2D(2 * channels, 4, 2, "same", use_bias=False),
                BatchNorm(**norm),  # side / 4
                layers.LeakyReLU(recipe.leaky_relu_slope),
                MapToPoint(1, quarter, use_bias=False),
                layers.Reshape(()),  # logits (batch,)
            ]
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        rate = self.recipe.learning_rate
        self.generator_optimiser = Adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = Adam(self.discriminator, rate, **self.recipe.adam)

    def update(self, real: list[tf.Tensor], draws: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update the discriminator, then the generator against it, with the same fakes."""
        (images,) = real
        with tf.GradientTape() as generator_tape:
            fakes = self.generator(draws["latents"][0], training=True)  # NHWC

            with tf.GradientTape() as tape:
                real_logits = self.discriminator(images, training=True)
                fake_logits = self.discriminator(fakes, training=True)
                discriminator_loss = cross_entropy(real_logits, True) + cross_entropy(
                    fake_logits, False
                )
            descend(tape, discriminator_loss, self.discriminator, self.discriminator_optimiser)

            generator_loss = cross_entropy(self.discriminator(fakes, training=True), True)
        descend(generator_tape, generator_loss, self.generator, self.generator_optimiser)

        return {
            "generator": generator_loss,
            "discriminator": discriminator_loss,
            "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
            "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
        }
