"""keras-dcgan-3g: see `gan_bench_recipes.dcgan_3g`."""

from typing import ClassVar

import tensorflow as tf

from gan_bench_keras.alternating import AlternatingTrainer
from gan_bench_keras.base import descend
from gan_bench_keras.dcgan import Dcgan
from gan_bench_keras.losses import cross_entropy
from gan_bench_recipes import dcgan_3g


class Dcgan3g(AlternatingTrainer, Dcgan):
    """The recipe dcgan-3g in Keras, twin of the original in PyTorch: dcgan's networks and Adam."""

    recipe_class: ClassVar[type[dcgan_3g.Dcgan3g]] = dcgan_3g.Dcgan3g
    recipe: dcgan_3g.Dcgan3g

    def update_discriminator(self, images: tf.Tensor, noise: tf.Tensor) -> dict[str, tf.Tensor]:
        """Make one update; return the loss and the means of D(x) and D(G(z))."""
        fakes = self.generator(noise, training=True)  # NHWC
        with tf.GradientTape() as tape:
            real_logits = self.discriminator(images, training=True)
            fake_logits = self.discriminator(fakes, training=True)
            loss = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
        descend(tape, loss, self.discriminator, self.discriminator_optimiser)
        return {
            "discriminator": loss,
            "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
            "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
        }

    def update_generator(self, noise: tf.Tensor, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """Make one update; return the loss."""
        with tf.GradientTape() as tape:
            fakes = self.generator(noise, training=True)
            loss = cross_entropy(self.discriminator(fakes, training=True), True)
        descend(tape, loss, self.generator, self.generator_optimiser)
        return {"generator": loss}
