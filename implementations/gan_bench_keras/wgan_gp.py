"""keras-wgan-gp: see `gan_bench_recipes.wgan_gp`."""

from typing import ClassVar

import keras
import tensorflow as tf
from keras import layers

from gan_bench_keras.alternating import AlternatingTrainer, leave_graphs_as_traced
from gan_bench_keras.base import descend
from gan_bench_keras.dcgan import Dcgan
from gan_bench_keras.layers import MapToPoint
from gan_bench_keras.losses import gradient_penalty, wasserstein
from gan_bench_recipes import wgan_gp

leave_graphs_as_traced()


class WganGp(AlternatingTrainer, Dcgan):
    """The recipe wgan-gp in Keras, twin of that in PyTorch: dcgan's generator and optimisers."""

    recipe_class: ClassVar[type[wgan_gp.WganGp]] = wgan_gp.WganGp
    recipe: wgan_gp.WganGp

    def new_discriminator(self) -> keras.Model:
        """Return a critic."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        channels, quarter = recipe.discriminator_channels, recipe.side // 4
        return keras.Sequential(
            [
                keras.Input(recipe.image_shape),
                layers.Conv2D(channels, 4, 2, "same"),
                layers.LeakyReLU(slope),  # side / 2
                layers.Conv2D(2 * channels, 4, 2, "same"),
                layers.LeakyReLU(slope),  # side / 4
                MapToPoint(1, quarter, use_bias=False),
                layers.Reshape(()),  # (batch,)
            ]
        )

    def update_discriminator(
        self, images: tf.Tensor, noise: tf.Tensor, mix: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Make one update; return the loss and its penalty."""
        fakes = self.generator(noise, training=True)  # NHWC
        with tf.GradientTape() as tape:
            penalty = gradient_penalty(self.discriminator, images, fakes, mix)
            on_real = wasserstein(self.discriminator(images, training=True), True)
            on_fake = wasserstein(self.discriminator(fakes, training=True), False)
            loss = on_real + on_fake + self.recipe.penalty_weight * penalty
        descend(tape, loss, self.discriminator, self.discriminator_optimiser)
        return {"discriminator": loss, "gradient_penalty": penalty}

    def update_generator(self, noise: tf.Tensor, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Make one update; return the loss."""
        with tf.GradientTape() as tape:
            fakes = self.generator(noise, training=True)
            loss = wasserstein(self.discriminator(fakes, training=True), True)
        descend(tape, loss, self.generator, self.generator_optimiser)
        return {"generator": loss}
