"""keras-conditional: see `gan_bench_recipes.conditional`."""

from typing import ClassVar

import tensorflow as tf
from keras import layers

from gan_bench_keras.base import descend
from gan_bench_keras.layers import (
    BatchNorm,
    Embedding,
    Projection,
    SpectralConv2D,
    SumOverPixels,
    iterate,
    labelled,
)
from gan_bench_keras.losses import hinge, wasserstein
from gan_bench_keras.sngan import Sngan
from gan_bench_recipes import conditional


class Conditional(Sngan):
    """The recipe conditional in Keras, twin of that in PyTorch: sngan's optimisers."""

    recipe_class: ClassVar[type[conditional.Conditional]] = conditional.Conditional
    recipe: conditional.Conditional

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        norm = recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        self.generator = labelled(
            (recipe.latent_size,),
            [
                Embedding(recipe.classes, recipe.embedding_size),
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
            ],
        )
        channels = recipe.discriminator_channels
        self.discriminator = labelled(
            recipe.image_shape,
            [
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
                SumOverPixels(),
                Projection(recipe.classes, 4 * channels),  # logits (batch,)
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
