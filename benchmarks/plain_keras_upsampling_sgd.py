"""The recipe upsampling-sgd as a plain TensorFlow script: what the trainer is measured against."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from plain_keras import real_batches

BATCH_SIZE, LATENT_SIZE = 128, 100


def networks() -> tuple[keras.Model, keras.Model]:
    generator = keras.Sequential(
        [
            keras.Input((LATENT_SIZE,)),
            layers.Dense(1024, activation="tanh"),
            layers.Dense(128 * 7 * 7),
            layers.BatchNormalization(),
            layers.Activation("tanh"),
            layers.Reshape((7, 7, 128)),
            layers.UpSampling2D(2),
            layers.Conv2D(64, 5, padding="same", activation="tanh"),
            layers.UpSampling2D(2),
            layers.Conv2D(1, 5, padding="same", activation="tanh"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(64, 5, padding="same", activation="tanh"),
            layers.MaxPooling2D(2),
            layers.Conv2D(128, 5, activation="tanh"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(1024, activation="tanh"),
            layers.Dense(1),
        ]
    )
    return generator, discriminator


def prepare(images: np.ndarray, device: str) -> Callable[[int], list[tuple[float, ...]]]:
    """Return a function that trains so many steps more and returns their losses."""
    generator, discriminator = networks()
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    generator_sgd = keras.optimizers.SGD(5e-4, momentum=0.9, nesterov=True)
    discriminator_sgd = keras.optimizers.SGD(5e-4, momentum=0.9, nesterov=True)
    labels = tf.concat([tf.ones((BATCH_SIZE, 1)), tf.zeros((BATCH_SIZE, 1))], 0)
    batches = real_batches(images, BATCH_SIZE)

    @tf.function
    def step(real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        noise = tf.random.uniform((BATCH_SIZE, LATENT_SIZE), -1, 1)
        fake = generator(noise, training=True)
        with tf.GradientTape() as tape:
            logits = discriminator(tf.concat([real, fake], 0), training=True)
            discriminator_loss = cross_entropy(labels, logits)
        variables = discriminator.trainable_variables
        gradients = tape.gradient(discriminator_loss, variables)
        discriminator_sgd.apply_gradients(zip(gradients, variables, strict=True))

        noise = tf.random.uniform((BATCH_SIZE, LATENT_SIZE), -1, 1)
        with tf.GradientTape() as tape:
            fake_logits = discriminator(generator(noise, training=True), training=True)
            generator_loss = cross_entropy(tf.ones_like(fake_logits), fake_logits)
        variables = generator.trainable_variables
        gradients = tape.gradient(generator_loss, variables)
        generator_sgd.apply_gradients(zip(gradients, variables, strict=True))

        probabilities = tf.sigmoid(logits)
        return (
            generator_loss,
            discriminator_loss,
            tf.reduce_mean(probabilities[:BATCH_SIZE]),
            tf.reduce_mean(probabilities[BATCH_SIZE:]),
        )

    def train(steps: int) -> list[tuple[float, ...]]:
        return [tuple(float(value) for value in step(next(batches))) for _ in range(steps)]

    return train
