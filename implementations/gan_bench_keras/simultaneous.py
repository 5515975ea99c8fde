"""The update of the recipes baseline, enhanced and decay."""

import tensorflow as tf

from gan_bench_keras.base import KerasTrainer, differentiate
from gan_bench_keras.losses import cross_entropy


class SimultaneousTrainer(KerasTrainer):
    """A trainer that updates both networks by gradients of the same weights."""

    def update(self, real: list[tf.Tensor], draws: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Update both networks; one pass over the fakes, one dropout mask, serves both losses."""
        (images,) = real
        with tf.GradientTape(persistent=True) as tape:
            fakes = self.generator(draws["latents"][0], training=True)  # NHWC
            real_logits = self.discriminator(images, training=True)
            fake_logits = self.discriminator(fakes, training=True)
            discriminator_loss = cross_entropy(real_logits, True) + cross_entropy(
                fake_logits, False
            )
            generator_loss = cross_entropy(fake_logits, True)

        discriminator_gradients = differentiate(tape, discriminator_loss, self.discriminator)
        generator_gradients = differentiate(tape, generator_loss, self.generator)
        self.discriminator_optimiser.apply(
            discriminator_gradients, self.discriminator.trainable_variables
        )
        self.generator_optimiser.apply(generator_gradients, self.generator.trainable_variables)

        return {
            "generator": generator_loss,
            "discriminator": discriminator_loss,
            "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
            "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
        }
