"""keras-augment: see `gan_bench_recipes.augment`."""

from typing import ClassVar

import tensorflow as tf

from gan_bench_keras.augmentation import cut_out, translated
from gan_bench_keras.base import descend
from gan_bench_keras.dcgan import Dcgan
from gan_bench_keras.losses import cross_entropy
from gan_bench_recipes import augment


class Augment(Dcgan):
    """The recipe augment in Keras, twin of that in PyTorch: dcgan's networks and optimisers."""

    recipe_class: ClassVar[type[augment.Augment]] = augment.Augment
    recipe: augment.Augment

    def update(self, real: list[tf.Tensor], draws: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Make dcgan's update on images that are augmented before each pass."""
        (images,) = real
        shifts, cuts = tf.unstack(draws["shifts"]), tf.unstack(draws["cuts"])
        of_real, of_fakes, of_made = zip(shifts, cuts, strict=True)
        with tf.GradientTape() as generator_tape:
            fakes = self.generator(draws["latents"][0], training=True)  # NHWC

            with tf.GradientTape() as tape:
                shown = self.augmented(images, *of_real)
                real_logits = self.discriminator(shown, training=True)
                shown = self.augmented(fakes, *of_fakes)
                fake_logits = self.discriminator(shown, training=True)
                discriminator_loss = cross_entropy(real_logits, True) + cross_entropy(
                    fake_logits, False
                )
            descend(tape, discriminator_loss, self.discriminator, self.discriminator_optimiser)

            shown = self.augmented(fakes, *of_made)
            generator_loss = cross_entropy(self.discriminator(shown, training=True), True)
        descend(generator_tape, generator_loss, self.generator, self.generator_optimiser)

        return {
            "generator": generator_loss,
            "discriminator": discriminator_loss,
            "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
            "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
        }

    def augmented(self, images: tf.Tensor, shifts: tf.Tensor, cuts: tf.Tensor) -> tf.Tensor:
        """Return images, translated, then cut out."""
        moved = translated(images, shifts, self.recipe.translation)
        return cut_out(moved, cuts, self.recipe.cutout)
