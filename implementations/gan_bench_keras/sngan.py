"""keras-sngan: see `gan_bench_recipes.sngan`."""

from typing import ClassVar

import keras
import tensorflow as tf
from keras import layers

from gan_bench_keras.alternating import AlternatingTrainer, leave_graphs_as_traced
from gan_bench_keras.base import descend
from gan_bench_keras.layers import BatchNorm, SpectralConv2D, SpectralDense, iterate
from gan_bench_keras.losses import hinge, wasserstein
from gan_bench_keras.optimisers import Adam
from gan_bench_recipes import sngan

leave_graphs_as_traced()


class Sngan(AlternatingTrainer):
    """The recipe sngan in Keras, twin of that in PyTorch."""

    recipe_class: ClassVar[type[sngan.Sngan]] = sngan.Sngan
    recipe: sngan.Sngan

    def build_networks(self) -> None:
        """Build both networks."""
        self.generator = self.new_generator()
        self.discriminator = self.new_discriminator()

    def new_generator(self) -> keras.Model:
        """Return a generator."""
        return keras.Sequential([keras.Input((self.recipe.latent_size,)), *self.generator_layers()])

    def generator_layers(self) -> list[keras.Layer]:
        """Return the layers of a generator."""
        recipe, norm = self.recipe, self.recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        return [
            layers.Dense(quarter * quarter * 4 * channels, use_bias=False),
            layers.Reshape((quarter, quarter, 4 * channels)),
            BatchNorm(**norm),  # side / 4
            layers.ReLU(),
            # "same" is PyTorch's padding 1 for kernels of 4 at stride 2 and even lengths.
            layers.Conv2DTranspose(2 * channels, 4, 2, "same", use_bias=False),
            BatchNorm(**norm),  # side / 2
            layers.ReLU(),
            layers.Conv2DTranspose(channels, 4, 2, "same", use_bias=False),
            BatchNorm(**norm),  # side
            layers.ReLU(),
            layers.Conv2D(recipe.image_channels, 3, 1, "same"),
            layers.Activation("tanh"),
        ]

    def new_discriminator(self) -> keras.Model:
        """Return a discriminator."""
        return keras.Sequential(
            [
                keras.Input(self.recipe.image_shape),
                *self.maps(),
                layers.Flatten(),
                SpectralDense(1),
                layers.Reshape(()),  # logits (batch,)
            ]
        )

    def maps(self) -> list[keras.Layer]:
        """Return the layers of a discriminator up to its last maps."""
        slope, channels = self.recipe.leaky_relu_slope, self.recipe.discriminator_channels
        return [
            SpectralConv2D(channels, 3, 1, "same"),
            layers.LeakyReLU(slope),  # side
            SpectralConv2D(channels, 4, 2, "same"),
            layers.LeakyReLU(slope),  # side / 2
            SpectralConv2D(2 * channels, 3, 1, "same"),
            layers.LeakyReLU(slope),
            SpectralConv2D(2 * channels, 4, 2, "same"),
            layers.LeakyReLU(slope),  # side / 4
            SpectralConv2D(4 * channels, 3, 1, "same"),
            layers.LeakyReLU(slope),
        ]

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        rate = self.recipe.learning_rate
        self.generator_optimiser = Adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = Adam(self.discriminator, rate, **self.recipe.adam)

    def update_discriminator(self, images: tf.Tensor, noise: tf.Tensor) -> dict[str, tf.Tensor]:
        """Make one power iteration and one update; return the loss."""
        iterate(self.discriminator)
        fakes = self.generator(noise, training=True)  # NHWC
        with tf.GradientTape() as tape:
            on_real = hinge(self.discriminator(images, training=True), True)
            loss = on_real + hinge(self.discriminator(fakes, training=True), False)
        descend(tape, loss, self.discriminator, self.discriminator_optimiser)
        return {"discriminator": loss}

    def update_generator(self, noise: tf.Tensor, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Make one update; return the loss."""
        with tf.GradientTape() as tape:
            fakes = self.generator(noise, training=True)
            loss = wasserstein(self.discriminator(fakes, training=True), True)
        descend(tape, loss, self.generator, self.generator_optimiser)
        return {"generator": loss}
