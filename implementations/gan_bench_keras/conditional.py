"""keras-conditional: see `gan_bench_recipes.conditional`."""

from typing import ClassVar

import keras
import tensorflow as tf

from gan_bench_keras.base import descend
from gan_bench_keras.layers import Embedding, Projection, SumOverPixels, iterate, labelled
from gan_bench_keras.losses import hinge, wasserstein
from gan_bench_keras.sngan import Sngan
from gan_bench_recipes import conditional


class Conditional(Sngan):
    """The recipe conditional in Keras, twin of that in PyTorch: sngan's layers and optimisers."""

    recipe_class: ClassVar[type[conditional.Conditional]] = conditional.Conditional
    recipe: conditional.Conditional

    def new_generator(self) -> keras.Model:
        """Return a generator."""
        recipe = self.recipe
        embedding = Embedding(recipe.classes, recipe.embedding_size)
        return labelled((recipe.latent_size,), [embedding, *self.generator_layers()])

    def new_discriminator(self) -> keras.Model:
        """Return a discriminator."""
        recipe = self.recipe
        return labelled(
            recipe.image_shape,
            [
                *self.maps(),
                SumOverPixels(),
                Projection(recipe.classes, 4 * recipe.discriminator_channels),  # logits (batch,)
            ],
        )

    def update_discriminator(
        self, images: tf.Tensor, noise: tf.Tensor, *, fake_labels: tf.Tensor, real_labels: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Make one power iteration and one update; return the loss."""
        iterate(self.discriminator)
        fakes = self.generator([noise, fake_labels], training=True)  # NHWC
        with tf.GradientTape() as tape:
            on_real = hinge(self.discriminator([images, real_labels], training=True), True)
            on_fake = hinge(self.discriminator([fakes, fake_labels], training=True), False)
            loss = on_real + on_fake
        descend(tape, loss, self.discriminator, self.discriminator_optimiser)
        return {"discriminator": loss}

    def update_generator(
        self, noise: tf.Tensor, images: tf.Tensor, *, fake_labels: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Make one update; return the loss."""
        with tf.GradientTape() as tape:
            fakes = self.generator([noise, fake_labels], training=True)
            loss = wasserstein(self.discriminator([fakes, fake_labels], training=True), True)
        descend(tape, loss, self.generator, self.generator_optimiser)
        return {"generator": loss}
