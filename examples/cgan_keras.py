"""A conditional GAN (Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784) in Keras.

Functional networks that take labels beside their input, and the options as a pydantic model:
``gan-bench run examples/cgan_keras.py --set cgan-keras.dropout=0.3``.
"""

from typing import ClassVar

import keras
import tensorflow as tf
from keras import layers
from pydantic import BaseModel, Field

from gan_bench.recipe import Draw
from gan_bench_keras.base import KerasTrainer, descend
from gan_bench_keras.losses import cross_entropy


class Settings(BaseModel):
    """The options of the script, and what its steps need."""

    conditional: ClassVar[bool] = True  # samples are made from latents and labels

    batch_size: int = Field(default=64, ge=1)
    epochs: int = Field(default=20, ge=1)
    latent_size: int = Field(default=100, ge=1)
    embedding: int = Field(default=50, ge=1, description="numbers into which a label is turned")
    units: int = Field(default=256, ge=1, description="units of each hidden layer")
    dropout: float = Field(default=0.4, ge=0, lt=1, description="share of units dropped in D")
    learning_rate: float = Field(default=2e-4, gt=0, description="Adam's, both networks")

    def draws(self) -> dict[str, Draw]:
        """Return what is random in a step: the latents and labels of the fakes."""
        return {
            "latents": Draw((self.latent_size,)),
            "fake_labels": Draw(distribution="classes"),
        }


def build_generator(settings: Settings, classes: int, shape: tuple[int, ...]) -> keras.Model:
    """Return the network from latents and labels to images in [-1, 1]."""
    latents = keras.Input((settings.latent_size,))
    label = keras.Input((), dtype="int64")
    embedded = layers.Embedding(classes, settings.embedding)(label)
    hidden = layers.Concatenate()([latents, embedded])
    for _ in range(2):
        hidden = layers.Dense(settings.units, activation="relu")(hidden)
        hidden = layers.BatchNormalization(momentum=0.9)(hidden)
    pixels = layers.Dense(shape[0] * shape[1] * shape[2], activation="tanh")(hidden)
    return keras.Model([latents, label], layers.Reshape(shape)(pixels))


def build_discriminator(settings: Settings, classes: int, shape: tuple[int, ...]) -> keras.Model:
    """Return the network from images and labels to logits."""
    image = keras.Input(shape)
    label = keras.Input((), dtype="int64")
    embedded = layers.Embedding(classes, settings.embedding)(label)
    hidden = layers.Concatenate()([layers.Flatten()(image), embedded])
    for _ in range(2):
        hidden = layers.Dense(settings.units)(hidden)
        hidden = layers.LeakyReLU(negative_slope=0.2)(hidden)
        hidden = layers.Dropout(settings.dropout)(hidden)
    return keras.Model([image, label], layers.Dense(1)(hidden))


class ConditionalGan(KerasTrainer):
    """Conditional GAN of dense layers, labels embedded in both networks."""

    hyperparameters = Settings
    recipe: Settings

    def build_networks(self) -> None:
        """Build the networks; Keras initialises them."""
        shape = tuple(self.images.shape[1:])
        self.generator = build_generator(self.recipe, self.classes, shape)
        self.discriminator = build_discriminator(self.recipe, self.classes, shape)

    def build_optimisers(self) -> None:
        """Build both optimisers."""
        self.generator_optimiser = keras.optimizers.Adam(self.recipe.learning_rate, beta_1=0.5)
        self.discriminator_optimiser = keras.optimizers.Adam(self.recipe.learning_rate, beta_1=0.5)

    def update(self, real: list[tf.Tensor], draws: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Make one step: one update of each network."""
        (images,), real_labels = real, draws["real_labels"][0]
        latents, fake_labels = draws["latents"][0], draws["fake_labels"][0]
        with tf.GradientTape() as tape:
            fakes = self.generator([latents, fake_labels], training=True)
            real_logits = self.discriminator([images, real_labels], training=True)
            fake_logits = self.discriminator([fakes, fake_labels], training=True)
            loss = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
        descend(tape, loss, self.discriminator, self.discriminator_optimiser)
        with tf.GradientTape() as tape:
            fakes = self.generator([latents, fake_labels], training=True)
            logits = self.discriminator([fakes, fake_labels], training=True)
            generator_loss = cross_entropy(logits, True)
        descend(tape, generator_loss, self.generator, self.generator_optimiser)
        return {"generator": generator_loss, "discriminator": loss}
