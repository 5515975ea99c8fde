"""The recipe decay as a plain TensorFlow script: what the trainer is measured against."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from plain_keras import real_batches

BATCH_SIZE, LATENT_SIZE, EPOCHS = 128, 100, 200


def networks() -> tuple[keras.Model, keras.Model]:
    generator = keras.Sequential(
        [
            keras.Input((LATENT_SIZE,)),
            layers.Dense(7 * 7 * 256, use_bias=False),
            layers.Reshape((7, 7, 256)),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.2),
            layers.Conv2DTranspose(128, 4, 2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.2),
            layers.Conv2DTranspose(64, 4, 2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.2),
            layers.Conv2DTranspose(1, 4, padding="same", activation="tanh"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(64, 4, 2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Dropout(0.3),
            layers.Conv2D(128, 4, 2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    return generator, discriminator


def prepare(images: np.ndarray, device: str) -> Callable[[int], list[tuple[float, ...]]]:
    """Return a function that trains so many steps more and returns their losses."""
    generator, discriminator = networks()
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    quarter = EPOCHS * len(images) // BATCH_SIZE // 4
    generator_rate = keras.optimizers.schedules.ExponentialDecay(2e-4, quarter, 0.5)
    discriminator_rate = keras.optimizers.schedules.ExponentialDecay(1e-4, quarter, 0.5)
    generator_adam = keras.optimizers.Adam(generator_rate, beta_1=0.5)
    discriminator_adam = keras.optimizers.Adam(discriminator_rate, beta_1=0.5)
    batches = real_batches(images, BATCH_SIZE)

    @tf.function
    def step(real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        noise = tf.random.normal((BATCH_SIZE, LATENT_SIZE))
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fake = generator(noise, training=True)
            real_logits = discriminator(real, training=True)
            fake_logits = discriminator(fake, training=True)
            generator_loss = cross_entropy(tf.ones_like(fake_logits), fake_logits)
            discriminator_loss = cross_entropy(tf.ones_like(real_logits), real_logits)
            discriminator_loss += cross_entropy(tf.zeros_like(fake_logits), fake_logits)
        generator_gradients = generator_tape.gradient(generator_loss, generator.trainable_variables)
        discriminator_gradients = discriminator_tape.gradient(
            discriminator_loss, discriminator.trainable_variables
        )
        generator_adam.apply_gradients(
            zip(generator_gradients, generator.trainable_variables, strict=True)
        )
        discriminator_adam.apply_gradients(
            zip(discriminator_gradients, discriminator.trainable_variables, strict=True)
        )
        return (
            generator_loss,
            discriminator_loss,
            tf.reduce_mean(tf.sigmoid(real_logits)),
            tf.reduce_mean(tf.sigmoid(fake_logits)),
        )

    def train(steps: int) -> list[tuple[float, ...]]:
        return [tuple(float(value) for value in step(next(batches))) for _ in range(steps)]

    return train
