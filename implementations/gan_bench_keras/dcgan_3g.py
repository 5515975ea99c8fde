"""keras-dcgan-3g: see `gan_bench_recipes.dcgan_3g`."""

from typing import ClassVar

import tensorflow as tf

from gan_bench_keras.base import descend
from gan_bench_keras.dcgan import Dcgan
from gan_bench_keras.losses import cross_entropy
from gan_bench_recipes import dcgan_3g


class Dcgan3g(Dcgan):
    """The recipe dcgan-3g in Keras, twin of the original in PyTorch: dcgan's networks and Adam."""

    recipe_class: ClassVar[type[dcgan_3g.Dcgan3g]] = dcgan_3g.Dcgan3g
    recipe: dcgan_3g.Dcgan3g

    def update(self, real: list[tf.Tensor], draws: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update the discriminator p times, then the generator k times, each on fresh noise."""
        noise, steps = tf.unstack(draws["latents"]), self.recipe.discriminator_steps
        judged = [
            self.update_discriminator(images, draw)
            for images, draw in zip(real, noise[:steps], strict=True)
        ]
        generator_losses = [self.update_generator(draw) for draw in noise[steps:]]
        discriminator_loss, d_real, d_fake = tf.unstack(tf.reduce_mean(tf.stack(judged), 0))
        return {
            "generator": tf.reduce_mean(tf.stack(generator_losses)),
            "discriminator": discriminator_loss,
            "d_real": d_real,
            "d_fake": d_fake,
        }

    def update_discriminator(self, images: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        """Make one update; return the loss and the means of D(x) and D(G(z)), (3,)."""
        fakes = self.generator(noise, training=True)  # NHWC
        with tf.GradientTape() as tape:
            real_logits = self.discriminator(images, training=True)
            fake_logits = self.discriminator(fakes, training=True)
            loss = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
        descend(tape, loss, self.discriminator, self.discriminator_optimiser)
        reported = [tf.reduce_mean(tf.sigmoid(logits)) for logits in (real_logits, fake_logits)]
        return tf.stack([loss, *reported])

    def update_generator(self, noise: tf.Tensor) -> tf.Tensor:
        """Make one update; return the loss."""
        with tf.GradientTape() as tape:
            fakes = self.generator(noise, training=True)
            loss = cross_entropy(self.discriminator(fakes, training=True), True)
        descend(tape, loss, self.generator, self.generator_optimiser)
        return loss
