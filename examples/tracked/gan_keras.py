"""A GAN on MNIST as a Keras model with a train_step of its own, trained by fit."""

import argparse
import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import gan_bench  # tracked

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="mnist.npz", help="with x_train, uint8 (n, 28, 28)")
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--lr", type=float, default=2e-4)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

keras.utils.set_random_seed(args.seed)
digits = np.load(args.data)["x_train"].reshape(-1, 28, 28, 1).astype("float32") / 127.5 - 1
dataset = tf.data.Dataset.from_tensor_slices(digits).shuffle(len(digits))
dataset = dataset.batch(args.batch_size, drop_remainder=True).repeat()

generator = keras.Sequential(
    [
        keras.Input((100,)),
        layers.Dense(7 * 7 * 64),
        layers.LeakyReLU(0.2),
        layers.Reshape((7, 7, 64)),
        layers.Conv2DTranspose(32, 4, strides=2, padding="same"),
        layers.LeakyReLU(0.2),
        layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
    ]
)
discriminator = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 4, strides=2, padding="same"),
        layers.LeakyReLU(0.2),
        layers.Conv2D(64, 4, strides=2, padding="same"),
        layers.LeakyReLU(0.2),
        layers.Flatten(),
        layers.Dense(1),
    ]
)
fixed_noise = np.random.default_rng(args.seed).standard_normal((10_000, 100), "float32")


class GAN(keras.Model):
    """Generator and discriminator, each with its optimizer."""

    def compile(self):
        super().compile()
        self.optimizer_g = keras.optimizers.Adam(args.lr, beta_1=0.5)
        self.optimizer_d = keras.optimizers.Adam(args.lr, beta_1=0.5)
        self.entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    def train_step(self, real):
        noise = tf.random.normal((args.batch_size, 100))
        with tf.GradientTape() as tape:
            logits_real = discriminator(real)
            logits_fake = discriminator(generator(noise))
            loss_d = self.entropy(tf.ones_like(logits_real), logits_real)
            loss_d += self.entropy(tf.zeros_like(logits_fake), logits_fake)
        gradients = tape.gradient(loss_d, discriminator.trainable_weights)
        self.optimizer_d.apply(gradients, discriminator.trainable_weights)

        with tf.GradientTape() as tape:
            logits = discriminator(generator(noise))
            loss_g = self.entropy(tf.ones_like(logits), logits)
        gradients = tape.gradient(loss_g, generator.trainable_weights)
        self.optimizer_g.apply(gradients, generator.trainable_weights)
        return {"generator": loss_g, "discriminator": loss_d}


def sample(count):
    """Return images of the fixed noise, (count, 28, 28, 1) in [-1, 1]."""
    return generator.predict(fixed_noise[:count], batch_size=500, verbose=0)


callbacks = []
run = {"seed": args.seed, "batch_size": args.batch_size, "values": {"lr": args.lr}}  # tracked
run |= {"dataset": "mnist-5k", "budget": f"{args.steps} steps"}  # tracked
assert len(digits) == 4_000, "these are not the training images of mnist-5k"  # tracked
bench = gan_bench.track("keras-script", **run)  # tracked
bench.samples(sample)  # tracked
track = keras.callbacks.Callback()  # tracked
track.on_train_batch_end = lambda _, logs: (bench.step(**logs), bench.samples(sample))  # tracked
callbacks.append(track)  # tracked
gan = GAN()
gan.compile()
gan.fit(dataset, steps_per_epoch=args.steps, epochs=1, callbacks=callbacks, verbose=2)
np.save("samples.npy", sample(64))
