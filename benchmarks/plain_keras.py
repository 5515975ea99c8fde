"""Plain TensorFlow training of every recipe, the baseline of throughput.py.

Each recipe is written as in the framework's tutorials: tf.data, `keras.Sequential` and one
`tf.function` a step with gradient tapes. Nothing here imports the
harness or its trainers. A class has its recipe's networks, optimisers and training step.
"""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from keras import layers

Losses = tuple[float, ...]
"""Generator loss, discriminator loss, mean probability of "real" for real and for fake images."""


def real_batches(images: np.ndarray, batch_size: int) -> Iterator[tf.Tensor]:
    """Return an iterator over shuffled batches without end, NHWC in [-1, 1]."""
    scaled = images.astype(np.float32) / 127.5 - 1
    dataset = (
        tf.data.Dataset.from_tensor_slices(scaled)
        .shuffle(len(scaled))
        .batch(batch_size, drop_remainder=True)
        .repeat()
        .prefetch(tf.data.AUTOTUNE)
    )
    return iter(dataset)


def normal(mean: float = 0.0) -> keras.Initializer:
    """Return a new initialiser: layers that share one would draw the same numbers."""
    return keras.initializers.RandomNormal(mean, 0.02)


class Script:
    """A GAN in training; each recipe below fills in its networks, optimisers and step."""

    batch_size = 128
    latent_size = 100

    def __init__(self, images: np.ndarray, device: str) -> None:
        self.generator, self.discriminator = self.networks()
        self.cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        self.batches = real_batches(images, self.batch_size)
        self.make_optimisers(len(images))
        self.compiled_step = tf.function(self.step)

    @staticmethod
    def networks() -> tuple[keras.Model, keras.Model]:
        """Return a generator and a discriminator that gives one logit per image."""
        raise NotImplementedError

    def make_optimisers(self, train_images: int) -> None:
        raise NotImplementedError

    def step(self, real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        raise NotImplementedError

    def train(self, steps: int) -> list[Losses]:
        """Train for this many more steps and return their losses."""
        return [
            tuple(float(value) for value in self.compiled_step(next(self.batches)))
            for _ in range(steps)
        ]


class Dcgan(Script):
    """The discriminator learns first, then the generator from the same noise."""

    @staticmethod
    def networks() -> tuple[keras.Model, keras.Model]:
        generator = keras.Sequential(
            [
                keras.Input((100,)),
                layers.Reshape((1, 1, 100)),
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
                layers.Conv2D(
                    64, 4, 2, padding="same", use_bias=False, kernel_initializer=normal()
                ),
                layers.LeakyReLU(0.2),
                layers.Conv2D(
                    128, 4, 2, padding="same", use_bias=False, kernel_initializer=normal()
                ),
                layers.BatchNormalization(gamma_initializer=normal(1.0)),
                layers.LeakyReLU(0.2),
                layers.Conv2D(1, 7, use_bias=False, kernel_initializer=normal()),
                layers.Flatten(),
            ]
        )
        return generator, discriminator

    def make_optimisers(self, train_images: int) -> None:
        self.generator_adam = keras.optimizers.Adam(2e-4, beta_1=0.5)
        self.discriminator_adam = keras.optimizers.Adam(2e-4, beta_1=0.5)

    def step(self, real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        noise = tf.random.normal((self.batch_size, self.latent_size))
        with tf.GradientTape() as generator_tape:
            fake = self.generator(noise, training=True)
            with tf.GradientTape() as discriminator_tape:
                real_logits = self.discriminator(real, training=True)
                fake_logits = self.discriminator(fake, training=True)
                discriminator_loss = self.cross_entropy(tf.ones_like(real_logits), real_logits)
                discriminator_loss += self.cross_entropy(tf.zeros_like(fake_logits), fake_logits)
            variables = self.discriminator.trainable_variables
            gradients = discriminator_tape.gradient(discriminator_loss, variables)
            self.discriminator_adam.apply_gradients(zip(gradients, variables, strict=True))

            updated_logits = self.discriminator(fake, training=True)
            generator_loss = self.cross_entropy(tf.ones_like(updated_logits), updated_logits)
        variables = self.generator.trainable_variables
        gradients = generator_tape.gradient(generator_loss, variables)
        self.generator_adam.apply_gradients(zip(gradients, variables, strict=True))

        return (
            generator_loss,
            discriminator_loss,
            tf.reduce_mean(tf.sigmoid(real_logits)),
            tf.reduce_mean(tf.sigmoid(fake_logits)),
        )


class Dcgan3g(Dcgan):
    """dcgan with three generator updates a step, each with noise of its own."""

    generator_steps = 3

    def step(self, real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        noise = tf.random.normal((self.batch_size, self.latent_size))
        fake = self.generator(noise, training=True)
        with tf.GradientTape() as tape:
            real_logits = self.discriminator(real, training=True)
            fake_logits = self.discriminator(fake, training=True)
            discriminator_loss = self.cross_entropy(tf.ones_like(real_logits), real_logits)
            discriminator_loss += self.cross_entropy(tf.zeros_like(fake_logits), fake_logits)
        variables = self.discriminator.trainable_variables
        gradients = tape.gradient(discriminator_loss, variables)
        self.discriminator_adam.apply_gradients(zip(gradients, variables, strict=True))

        generator_losses = []
        for _ in range(self.generator_steps):
            noise = tf.random.normal((self.batch_size, self.latent_size))
            with tf.GradientTape() as tape:
                fake = self.generator(noise, training=True)
                logits = self.discriminator(fake, training=True)
                generator_loss = self.cross_entropy(tf.ones_like(logits), logits)
            variables = self.generator.trainable_variables
            gradients = tape.gradient(generator_loss, variables)
            self.generator_adam.apply_gradients(zip(gradients, variables, strict=True))
            generator_losses.append(generator_loss)

        return (
            tf.reduce_mean(generator_losses),
            discriminator_loss,
            tf.reduce_mean(tf.sigmoid(real_logits)),
            tf.reduce_mean(tf.sigmoid(fake_logits)),
        )


class Baseline(Script):
    """Both networks learn at once, from the same fakes."""

    batch_size = 256

    @staticmethod
    def networks() -> tuple[keras.Model, keras.Model]:
        generator = keras.Sequential(
            [
                keras.Input((100,)),
                layers.Dense(7 * 7 * 256, use_bias=False),
                layers.BatchNormalization(),
                layers.LeakyReLU(0.3),
                layers.Reshape((7, 7, 256)),
                layers.Conv2DTranspose(128, 5, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.LeakyReLU(0.3),
                layers.Conv2DTranspose(64, 5, 2, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.LeakyReLU(0.3),
                layers.Conv2DTranspose(1, 5, 2, padding="same", use_bias=False, activation="tanh"),
            ]
        )
        discriminator = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(64, 5, 2, padding="same"),
                layers.LeakyReLU(0.3),
                layers.Dropout(0.3),
                layers.Conv2D(128, 5, 2, padding="same"),
                layers.LeakyReLU(0.3),
                layers.Dropout(0.3),
                layers.Flatten(),
                layers.Dense(1),
            ]
        )
        return generator, discriminator

    def make_optimisers(self, train_images: int) -> None:
        self.generator_adam = keras.optimizers.Adam(1e-4)
        self.discriminator_adam = keras.optimizers.Adam(1e-4)

    def step(self, real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        noise = tf.random.normal((self.batch_size, self.latent_size))
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            fake = self.generator(noise, training=True)
            real_logits = self.discriminator(real, training=True)
            fake_logits = self.discriminator(fake, training=True)
            generator_loss = self.cross_entropy(tf.ones_like(fake_logits), fake_logits)
            discriminator_loss = self.cross_entropy(tf.ones_like(real_logits), real_logits)
            discriminator_loss += self.cross_entropy(tf.zeros_like(fake_logits), fake_logits)
        generator_variables = self.generator.trainable_variables
        generator_gradients = generator_tape.gradient(generator_loss, generator_variables)
        variables = self.discriminator.trainable_variables
        gradients = discriminator_tape.gradient(discriminator_loss, variables)
        self.generator_adam.apply_gradients(
            zip(generator_gradients, generator_variables, strict=True)
        )
        self.discriminator_adam.apply_gradients(zip(gradients, variables, strict=True))
        return (
            generator_loss,
            discriminator_loss,
            tf.reduce_mean(tf.sigmoid(real_logits)),
            tf.reduce_mean(tf.sigmoid(fake_logits)),
        )


class Enhanced(Baseline):
    """baseline with three more convolutions."""

    @staticmethod
    def networks() -> tuple[keras.Model, keras.Model]:
        generator = keras.Sequential(
            [
                keras.Input((100,)),
                layers.Dense(7 * 7 * 256, use_bias=False),
                layers.BatchNormalization(),
                layers.LeakyReLU(0.3),
                layers.Reshape((7, 7, 256)),
                layers.Conv2DTranspose(128, 5, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.LeakyReLU(0.3),
                layers.Conv2D(128, 3, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.LeakyReLU(0.3),
                layers.Conv2DTranspose(64, 5, 2, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.LeakyReLU(0.3),
                layers.Conv2D(64, 3, padding="same", use_bias=False),
                layers.BatchNormalization(),
                layers.LeakyReLU(0.3),
                layers.Conv2DTranspose(1, 5, 2, padding="same", use_bias=False, activation="tanh"),
            ]
        )
        discriminator = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(64, 5, 2, padding="same"),
                layers.LeakyReLU(0.3),
                layers.Dropout(0.3),
                layers.Conv2D(128, 5, 2, padding="same"),
                layers.LeakyReLU(0.3),
                layers.Dropout(0.3),
                layers.Conv2D(256, 3, 2, padding="same"),
                layers.LeakyReLU(0.3),
                layers.Dropout(0.3),
                layers.Flatten(),
                layers.Dense(1),
            ]
        )
        return generator, discriminator


class Decay(Baseline):
    """baseline's step with smaller kernels and learning rates that decay."""

    batch_size = 128
    epochs = 200

    @staticmethod
    def networks() -> tuple[keras.Model, keras.Model]:
        generator = keras.Sequential(
            [
                keras.Input((100,)),
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

    def make_optimisers(self, train_images: int) -> None:
        quarter = self.epochs * train_images // self.batch_size // 4
        generator_rate = keras.optimizers.schedules.ExponentialDecay(2e-4, quarter, 0.5)
        discriminator_rate = keras.optimizers.schedules.ExponentialDecay(1e-4, quarter, 0.5)
        self.generator_adam = keras.optimizers.Adam(generator_rate, beta_1=0.5)
        self.discriminator_adam = keras.optimizers.Adam(discriminator_rate, beta_1=0.5)


class UpsamplingSgd(Script):
    """The discriminator sees real and fake images in one batch; both networks learn by SGD."""

    @staticmethod
    def networks() -> tuple[keras.Model, keras.Model]:
        generator = keras.Sequential(
            [
                keras.Input((100,)),
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

    def make_optimisers(self, train_images: int) -> None:
        self.generator_sgd = keras.optimizers.SGD(5e-4, momentum=0.9, nesterov=True)
        self.discriminator_sgd = keras.optimizers.SGD(5e-4, momentum=0.9, nesterov=True)
        self.labels = tf.concat([tf.ones((self.batch_size, 1)), tf.zeros((self.batch_size, 1))], 0)

    def step(self, real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        noise = tf.random.uniform((self.batch_size, self.latent_size), -1, 1)
        fake = self.generator(noise, training=True)
        with tf.GradientTape() as tape:
            logits = self.discriminator(tf.concat([real, fake], 0), training=True)
            discriminator_loss = self.cross_entropy(self.labels, logits)
        variables = self.discriminator.trainable_variables
        gradients = tape.gradient(discriminator_loss, variables)
        self.discriminator_sgd.apply_gradients(zip(gradients, variables, strict=True))

        noise = tf.random.uniform((self.batch_size, self.latent_size), -1, 1)
        with tf.GradientTape() as tape:
            fake_logits = self.discriminator(self.generator(noise, training=True), training=True)
            generator_loss = self.cross_entropy(tf.ones_like(fake_logits), fake_logits)
        variables = self.generator.trainable_variables
        gradients = tape.gradient(generator_loss, variables)
        self.generator_sgd.apply_gradients(zip(gradients, variables, strict=True))

        probabilities = tf.sigmoid(logits)
        return (
            generator_loss,
            discriminator_loss,
            tf.reduce_mean(probabilities[: self.batch_size]),
            tf.reduce_mean(probabilities[self.batch_size :]),
        )


class WganGp(Dcgan):
    """dcgan's generator against a critic with a gradient penalty."""

    batch_size = 64
    critic_steps = 5

    @staticmethod
    def networks() -> tuple[keras.Model, keras.Model]:
        generator, _ = Dcgan.networks()
        critic = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(64, 4, 2, padding="same", kernel_initializer=normal()),
                layers.LeakyReLU(0.2),
                layers.Conv2D(128, 4, 2, padding="same", kernel_initializer=normal()),
                layers.LeakyReLU(0.2),
                layers.Conv2D(1, 7, use_bias=False, kernel_initializer=normal()),
                layers.Flatten(),
            ]
        )
        return generator, critic

    def make_optimisers(self, train_images: int) -> None:
        self.generator_adam = keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9)
        self.discriminator_adam = keras.optimizers.Adam(1e-4, beta_1=0.0, beta_2=0.9)

    def train(self, steps: int) -> list[Losses]:
        """Train for this many more steps, of several batches each, and return their losses."""
        return [
            tuple(
                float(value)
                for value in self.compiled_step(
                    [next(self.batches) for _ in range(self.critic_steps)]
                )
            )
            for _ in range(steps)
        ]

    def penalty(self, real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
        mix = tf.random.uniform((self.batch_size, 1, 1, 1))
        mixed = mix * real + (1 - mix) * fake
        with tf.GradientTape() as tape:
            tape.watch(mixed)
            logits = self.discriminator(mixed, training=True)
        gradients = tape.gradient(logits, mixed)
        return tf.reduce_mean((tf.norm(tf.reshape(gradients, (len(mixed), -1)), axis=1) - 1) ** 2)

    def step(self, batches: list[tf.Tensor]) -> tuple[tf.Tensor, ...]:
        for real in batches:
            noise = tf.random.normal((self.batch_size, self.latent_size))
            fake = self.generator(noise, training=True)
            with tf.GradientTape() as tape:
                penalty = self.penalty(real, fake)
                on_fake = tf.reduce_mean(self.discriminator(fake, training=True))
                on_real = tf.reduce_mean(self.discriminator(real, training=True))
                loss = on_fake - on_real + 10 * penalty
            variables = self.discriminator.trainable_variables
            gradients = tape.gradient(loss, variables)
            self.discriminator_adam.apply_gradients(zip(gradients, variables, strict=True))

        noise = tf.random.normal((self.batch_size, self.latent_size))
        with tf.GradientTape() as tape:
            fake = self.generator(noise, training=True)
            generator_loss = -tf.reduce_mean(self.discriminator(fake, training=True))
        variables = self.generator.trainable_variables
        gradients = tape.gradient(generator_loss, variables)
        self.generator_adam.apply_gradients(zip(gradients, variables, strict=True))
        return generator_loss, loss


class Sngan(Script):
    """Spectral normalisation in the discriminator, and the hinge loss."""

    batch_size = 64
    latent_size = 128

    @staticmethod
    def networks() -> tuple[keras.Model, keras.Model]:
        generator = keras.Sequential(
            [
                keras.Input((128,)),
                layers.Dense(7 * 7 * 128, use_bias=False, kernel_initializer=normal()),
                layers.Reshape((7, 7, 128)),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.Conv2DTranspose(
                    64, 4, 2, padding="same", use_bias=False, kernel_initializer=normal()
                ),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.Conv2DTranspose(
                    32, 4, 2, padding="same", use_bias=False, kernel_initializer=normal()
                ),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.Conv2D(1, 3, padding="same", kernel_initializer=normal()),
                layers.Activation("tanh"),
            ]
        )
        convolutions = []
        for channels, size, stride in ((32, 3, 1), (32, 4, 2), (64, 3, 1), (64, 4, 2), (128, 3, 1)):
            convolution = layers.Conv2D(
                channels, size, stride, padding="same", kernel_initializer=normal()
            )
            convolutions += [layers.SpectralNormalization(convolution), layers.LeakyReLU(0.1)]
        last = layers.SpectralNormalization(layers.Dense(1, kernel_initializer=normal()))
        discriminator = keras.Sequential(
            [keras.Input((28, 28, 1)), *convolutions, layers.Flatten(), last]
        )
        return generator, discriminator

    def make_optimisers(self, train_images: int) -> None:
        self.generator_adam = keras.optimizers.Adam(2e-4, beta_1=0.0, beta_2=0.9)
        self.discriminator_adam = keras.optimizers.Adam(2e-4, beta_1=0.0, beta_2=0.9)

    def step(self, real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        noise = tf.random.normal((self.batch_size, self.latent_size))
        fake = self.generator(noise, training=True)
        with tf.GradientTape() as tape:
            on_real = tf.reduce_mean(tf.nn.relu(1 - self.discriminator(real, training=True)))
            on_fake = tf.reduce_mean(tf.nn.relu(1 + self.discriminator(fake, training=True)))
            loss = on_real + on_fake
        variables = self.discriminator.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.discriminator_adam.apply_gradients(zip(gradients, variables, strict=True))

        noise = tf.random.normal((self.batch_size, self.latent_size))
        with tf.GradientTape() as tape:
            fake = self.generator(noise, training=True)
            generator_loss = -tf.reduce_mean(self.discriminator(fake, training=True))
        variables = self.generator.trainable_variables
        gradients = tape.gradient(generator_loss, variables)
        self.generator_adam.apply_gradients(zip(gradients, variables, strict=True))
        return generator_loss, loss


class Cosine(Dcgan):
    """dcgan with rates that fall along a cosine, and an average of the generator."""

    epochs = 25

    def make_optimisers(self, train_images: int) -> None:
        steps = self.epochs * train_images // self.batch_size
        rates = [keras.optimizers.schedules.CosineDecay(2e-4, steps) for _ in range(2)]
        self.generator_adam = keras.optimizers.Adam(rates[0], beta_1=0.5)
        self.discriminator_adam = keras.optimizers.Adam(rates[1], beta_1=0.5)
        self.average, _ = self.networks()
        self.average.set_weights(self.generator.get_weights())

    def step(self, real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        losses = super().step(real)
        for kept, new in zip(self.average.weights, self.generator.weights, strict=True):
            kept.assign(0.99 * kept + 0.01 * new)
        return losses


class Block(layers.Layer):
    """Maps and what three convolutions make of them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolutions = [
            layers.Conv2D(channels, 1),
            layers.Conv2D(channels, 3, padding="same"),
            layers.Conv2D(channels, 1, use_bias=False),
        ]
        self.leak = layers.LeakyReLU(0.2)

    def build(self, shape: tuple[int | None, ...]) -> None:
        for convolution in self.convolutions:
            convolution.build(shape)

    def call(self, maps: tf.Tensor) -> tf.Tensor:
        first, second, third = self.convolutions
        return maps + third(self.leak(second(self.leak(first(maps)))))


class R3gan(Script):
    """Residual networks; pairs of a real image and a fake, and a penalty of both."""

    batch_size = 32
    latent_size = 64

    @staticmethod
    def networks() -> tuple[keras.Model, keras.Model]:
        generator = keras.Sequential(
            [
                keras.Input((64,)),
                layers.Dense(7 * 7 * 128, use_bias=False),
                layers.Reshape((7, 7, 128)),
                Block(128),
                layers.Conv2D(64, 1, use_bias=False),
                layers.UpSampling2D(2),
                Block(64),
                layers.Conv2D(32, 1, use_bias=False),
                layers.UpSampling2D(2),
                Block(32),
                layers.Conv2D(1, 3, padding="same"),
                layers.Activation("tanh"),
            ]
        )
        discriminator = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(16, 3, padding="same"),
                Block(16),
                layers.AveragePooling2D(2),
                layers.Conv2D(32, 1, use_bias=False),
                Block(32),
                layers.AveragePooling2D(2),
                layers.Conv2D(64, 1, use_bias=False),
                Block(64),
                layers.Flatten(),
                layers.Dense(1, use_bias=False),
            ]
        )
        return generator, discriminator

    def make_optimisers(self, train_images: int) -> None:
        self.generator_adam = keras.optimizers.Adam(5e-4, beta_1=0.0, beta_2=0.99)
        self.discriminator_adam = keras.optimizers.Adam(5e-4, beta_1=0.0, beta_2=0.99)
        self.average, _ = self.networks()
        self.average.set_weights(self.generator.get_weights())

    def penalised(self, images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(images)
            logits = self.discriminator(images, training=True)
        gradients = tape.gradient(logits, images)
        return logits, tf.reduce_mean(tf.reduce_sum(gradients**2, (1, 2, 3))) / 2

    def step(self, real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        fake = self.generator(tf.random.normal((self.batch_size, self.latent_size)), training=True)
        with tf.GradientTape() as tape:
            real_logits, r1 = self.penalised(real)
            fake_logits, r2 = self.penalised(fake)
            paired = self.cross_entropy(tf.ones_like(real_logits), real_logits - fake_logits)
            loss = paired + 10 * (r1 + r2)
        variables = self.discriminator.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.discriminator_adam.apply_gradients(zip(gradients, variables, strict=True))

        real_logits = self.discriminator(real, training=True)
        noise = tf.random.normal((self.batch_size, self.latent_size))
        with tf.GradientTape() as tape:
            fake_logits = self.discriminator(self.generator(noise, training=True), training=True)
            made = self.cross_entropy(tf.ones_like(real_logits), fake_logits - real_logits)
        variables = self.generator.trainable_variables
        gradients = tape.gradient(made, variables)
        self.generator_adam.apply_gradients(zip(gradients, variables, strict=True))
        for kept, new in zip(self.average.weights, self.generator.weights, strict=True):
            kept.assign(0.99 * kept + 0.01 * new)
        return made, loss


def along_rows(images: tf.Tensor, most: int) -> tf.Tensor:
    """Move each image by whole rows, as in the code of differentiable augmentation's authors."""
    count, side = tf.shape(images)[0], images.shape[1]
    moves = tf.random.uniform((count, 1), -most, most + 1, tf.int32)
    rows = tf.clip_by_value(tf.range(side)[None] + moves + 1, 0, side + 1)
    padded = tf.pad(images, ((0, 0), (1, 1), (0, 0), (0, 0)))
    return tf.gather_nd(padded, rows[:, :, None], batch_dims=1)


def cut(images: tf.Tensor, length: int) -> tf.Tensor:
    """Set a square of each image to 0."""
    count, side = tf.shape(images)[0], images.shape[1]
    starts = tf.random.uniform((2, count, 1), 0, side + 1, tf.int32) - length // 2
    rows, columns = tf.unstack((tf.range(side) >= starts) & (tf.range(side) < starts + length))
    square = rows[:, :, None, None] & columns[:, None, :, None]
    return tf.where(square, tf.zeros_like(images), images)


def augmented(images: tf.Tensor) -> tf.Tensor:
    for _ in range(2):  # rows, then columns
        images = tf.transpose(along_rows(images, 4), (0, 2, 1, 3))
    return cut(images, 14)


class Augment(Dcgan):
    """dcgan with differentiable augmentation."""

    def step(self, real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        noise = tf.random.normal((self.batch_size, self.latent_size))
        with tf.GradientTape() as generator_tape:
            fake = self.generator(noise, training=True)
            with tf.GradientTape() as discriminator_tape:
                real_logits = self.discriminator(augmented(real), training=True)
                fake_logits = self.discriminator(augmented(fake), training=True)
                discriminator_loss = self.cross_entropy(tf.ones_like(real_logits), real_logits)
                discriminator_loss += self.cross_entropy(tf.zeros_like(fake_logits), fake_logits)
            variables = self.discriminator.trainable_variables
            gradients = discriminator_tape.gradient(discriminator_loss, variables)
            self.discriminator_adam.apply_gradients(zip(gradients, variables, strict=True))

            updated_logits = self.discriminator(augmented(fake), training=True)
            generator_loss = self.cross_entropy(tf.ones_like(updated_logits), updated_logits)
        variables = self.generator.trainable_variables
        gradients = generator_tape.gradient(generator_loss, variables)
        self.generator_adam.apply_gradients(zip(gradients, variables, strict=True))

        return (
            generator_loss,
            discriminator_loss,
            tf.reduce_mean(tf.sigmoid(real_logits)),
            tf.reduce_mean(tf.sigmoid(fake_logits)),
        )


class Conditional(Script):
    """Labels in both networks, spectral normalisation in the discriminator, the hinge loss."""

    batch_size = 64
    latent_size = 128

    @staticmethod
    def networks() -> tuple[keras.Model, keras.Model]:
        latents, label = keras.Input((128,)), keras.Input((), dtype="int64")
        embedding = layers.Embedding(
            10, 32, embeddings_initializer=keras.initializers.RandomNormal(0, 1)
        )
        hidden = layers.Concatenate()([latents, embedding(label)])
        for layer in (
            layers.Dense(7 * 7 * 128, use_bias=False, kernel_initializer=normal()),
            layers.Reshape((7, 7, 128)),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2DTranspose(
                64, 4, 2, padding="same", use_bias=False, kernel_initializer=normal()
            ),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2DTranspose(
                32, 4, 2, padding="same", use_bias=False, kernel_initializer=normal()
            ),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(1, 3, padding="same", kernel_initializer=normal()),
            layers.Activation("tanh"),
        ):
            hidden = layer(hidden)
        generator = keras.Model([latents, label], hidden)

        image, label = keras.Input((28, 28, 1)), keras.Input((), dtype="int64")
        hidden = image
        for channels, size, stride in ((32, 3, 1), (32, 4, 2), (64, 3, 1), (64, 4, 2), (128, 3, 1)):
            convolution = layers.Conv2D(
                channels, size, stride, padding="same", kernel_initializer=normal()
            )
            hidden = layers.LeakyReLU(0.1)(layers.SpectralNormalization(convolution)(hidden))
        sums = layers.Lambda(lambda maps: tf.reduce_sum(maps, (1, 2)))(hidden)
        last = layers.SpectralNormalization(layers.Dense(1, kernel_initializer=normal()))
        logits = layers.Reshape(())(last(sums))
        # Keras' normalisation takes the gradient of an embedding away: all classes, and then one.
        vectors = layers.Dense(10, use_bias=False, kernel_initializer=normal())
        of_classes = layers.SpectralNormalization(vectors)(sums)
        chosen = layers.Lambda(
            lambda two: tf.reduce_sum(two[0] * tf.one_hot(two[1], 10), 1), output_shape=()
        )
        logits = layers.Add()([logits, chosen([of_classes, label])])
        return generator, keras.Model([image, label], logits)

    def make_optimisers(self, train_images: int) -> None:
        self.generator_adam = keras.optimizers.Adam(2e-4, beta_1=0.0, beta_2=0.9)
        self.discriminator_adam = keras.optimizers.Adam(2e-4, beta_1=0.0, beta_2=0.9)

    def labels(self) -> tf.Tensor:
        return tf.random.uniform((self.batch_size,), 0, 10, tf.int64)

    def step(self, real: tf.Tensor) -> tuple[tf.Tensor, ...]:
        noise, labels = tf.random.normal((self.batch_size, self.latent_size)), self.labels()
        fake = self.generator([noise, labels], training=True)
        # A benchmark has images alone, so that their labels are drawn, too.
        of_real = self.labels()
        with tf.GradientTape() as tape:
            real_logits = self.discriminator([real, of_real], training=True)
            fake_logits = self.discriminator([fake, labels], training=True)
            loss = tf.reduce_mean(tf.nn.relu(1 - real_logits))
            loss += tf.reduce_mean(tf.nn.relu(1 + fake_logits))
        variables = self.discriminator.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.discriminator_adam.apply_gradients(zip(gradients, variables, strict=True))

        noise, labels = tf.random.normal((self.batch_size, self.latent_size)), self.labels()
        with tf.GradientTape() as tape:
            fake = self.generator([noise, labels], training=True)
            generator_loss = -tf.reduce_mean(self.discriminator([fake, labels], training=True))
        variables = self.generator.trainable_variables
        gradients = tape.gradient(generator_loss, variables)
        self.generator_adam.apply_gradients(zip(gradients, variables, strict=True))
        return generator_loss, loss


def spectral_convolution(channels: int, size: int) -> keras.Layer:
    return layers.SpectralNormalization(
        layers.Conv2D(channels, size, padding="same", kernel_initializer=normal())
    )


class Sum(layers.Layer):
    """Two paths from the same maps."""

    def __init__(self, branch: list[keras.Layer], shortcut: list[keras.Layer]) -> None:
        super().__init__()
        self.branch = keras.Sequential(branch)
        self.shortcut = keras.Sequential(shortcut) if shortcut else None

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.branch.build(shape)
        if self.shortcut is not None:
            self.shortcut.build(shape)

    def call(self, maps: tf.Tensor, training: bool = False) -> tf.Tensor:
        passed = maps if self.shortcut is None else self.shortcut(maps, training=training)
        return self.branch(maps, training=training) + passed


class Resnet(Sngan):
    """sngan with residual blocks in both networks."""

    @staticmethod
    def networks() -> tuple[keras.Model, keras.Model]:
        def convolution(size: int) -> keras.Layer:
            return layers.Conv2D(
                32, size, padding="same", use_bias=False, kernel_initializer=normal()
            )

        def up() -> keras.Layer:
            return Sum(
                [
                    layers.BatchNormalization(),
                    layers.ReLU(),
                    layers.UpSampling2D(2),
                    convolution(3),
                    layers.BatchNormalization(),
                    layers.ReLU(),
                    convolution(3),
                ],
                [layers.UpSampling2D(2), convolution(1)],
            )

        def plain() -> list[keras.Layer]:
            first, second = (spectral_convolution(32, 3) for _ in range(2))
            return [layers.ReLU(), first, layers.ReLU(), second]

        generator = keras.Sequential(
            [
                keras.Input((128,)),
                layers.Dense(7 * 7 * 32, kernel_initializer=normal()),
                layers.Reshape((7, 7, 32)),
                up(),
                up(),
                layers.BatchNormalization(),
                layers.ReLU(),
                layers.Conv2D(1, 3, padding="same", kernel_initializer=normal()),
                layers.Activation("tanh"),
            ]
        )
        _, *first = plain()
        discriminator = keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                Sum(
                    [*first, layers.AveragePooling2D(2)],
                    [layers.AveragePooling2D(2), spectral_convolution(32, 1)],
                ),
                Sum(
                    [*plain(), layers.AveragePooling2D(2)],
                    [spectral_convolution(32, 1), layers.AveragePooling2D(2)],
                ),
                Sum(plain(), []),
                layers.ReLU(),
                layers.Lambda(lambda maps: tf.reduce_sum(maps, (1, 2)), output_shape=(32,)),
                layers.SpectralNormalization(layers.Dense(1, kernel_initializer=normal())),
            ]
        )
        return generator, discriminator


SCRIPTS: dict[str, type[Script]] = {
    "dcgan": Dcgan,
    "dcgan-3g": Dcgan3g,
    "baseline": Baseline,
    "enhanced": Enhanced,
    "decay": Decay,
    "upsampling-sgd": UpsamplingSgd,
    "wgan-gp": WganGp,
    "sngan": Sngan,
    "cosine": Cosine,
    "resnet": Resnet,
    "r3gan": R3gan,
    "augment": Augment,
    "conditional": Conditional,
}
"""By recipe."""
