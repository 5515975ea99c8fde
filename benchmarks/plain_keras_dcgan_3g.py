"""The recipe dcgan-3g as a plain TensorFlow script: what the trainer is measured against."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from plain_keras import normal, real_batches

BATCH_SIZE, LATENT_SIZE = 128, 100
GENERATOR_STEPS = 3


def networks() -> tuple[keras.Model, keras.Model]:
    generator = keras.Sequential(
        [
            keras.Input((LATENT_SIZE,)),
            layers.Reshape((1, 1, LATENT_SIZE)),
            layers.Conv2DTranspose(256, 7, use_bias=False, kernel_initializer=normal()),
            layers.BatchNormalization(gamma_initializer=normal(1.0)),
            layers.ReLU(),
            layers.Conv2DTranspose(
                128, 4, 2, padding="same", use_bias=False, kernel_initializer=normal()
            ),
            layers.BatchNormalization(gamma_initializer=normal(1.0)),
            layers.ReLU(),
            layers.Conv2DTranspose(
                1, 4, 2, padding="same", use_bias=False, kernel_initializer=normal()
            ),
            layers.Activation("tanh"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(64, 4, 2, padding="same", use_bias=False, kernel_initializer=normal()),
            layers.LeakyReLU(0.2),
            layers.Conv2D(128, 4, 2, padding="same", use_bias=False, kernel_initializer=normal()),
            layers.BatchNormalization(gamma_initializer=normal(1.0)),
            layers.LeakyReLU(0.2),
            layers.Conv2D(1, 7, use_bias=False, kernel_initializer=normal()),
            layers.Flatten(),
        ]
    )
    return generator, discriminator


def prepare(images: np.ndarray, device: str) -> Callable[[int], list[tuple[float, ...]]]:
    """Return a function that trains so many steps more and returns their losses."""
    generator, discriminator = networks()
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    generator_adam = keras.optimizers.Adam(2e-4, beta_1=0.5)
    discriminator_adam = keras.optimizers.Adam(2e-4, beta_1=0.5)
    batches = real_batches(images, BATCH_SIZE)

    @tf.function
    def step(real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        fake = generator(tf.random.normal((BATCH_SIZE, LATENT_SIZE)), training=True)
        with tf.GradientTape() as tape:
            real_logits = discriminator(real, training=True)
            fake_logits = discriminator(fake, training=True)
            discriminator_loss = cross_entropy(tf.ones_like(real_logits), real_logits)
            discriminator_loss += cross_entropy(tf.zeros_like(fake_logits), fake_logits)
        variables = discriminator.trainable_variables
        gradients = tape.gradient(discriminator_loss, variables)
        discriminator_adam.apply_gradients(zip(gradients, variables, strict=True))

        generator_losses = []
        for _ in range(GENERATOR_STEPS):
            noise = tf.random.normal((BATCH_SIZE, LATENT_SIZE))
            with tf.GradientTape() as tape:
                logits = discriminator(generator(noise, training=True), training=True)
                generator_loss = cross_entropy(tf.ones_like(logits), logits)
            variables = generator.trainable_variables
            gradients = tape.gradient(generator_loss, variables)
            generator_adam.apply_gradients(zip(gradients, variables, strict=True))
            generator_losses.append(generator_loss)

        return (
            tf.reduce_mean(generator_losses),
            discriminator_loss,
            tf.reduce_mean(tf.sigmoid(real_logits)),
            tf.reduce_mean(tf.sigmoid(fake_logits)),
        )

    def train(steps: int) -> list[tuple[float, ...]]:
        return [tuple(float(value) for value in step(next(batches))) for _ in range(steps)]

    return train
