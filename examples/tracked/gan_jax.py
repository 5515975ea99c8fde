"""A GAN of dense layers on MNIST in JAX and optax, with a jitted step."""

import argparse
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

import gan_bench  # tracked

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="mnist.npz", help="with x_train, uint8 (n, 28, 28)")
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--lr", type=float, default=2e-4)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

digits = np.load(args.data)["x_train"]
optimizer = optax.adam(args.lr, b1=0.5)


def network(key, *sizes):
    """Return the weights and biases of dense layers."""
    keys = jax.random.split(key, len(sizes) - 1)
    pairs = zip(keys, sizes[:-1], sizes[1:], strict=True)
    return [(jax.random.normal(k, (m, n)) * np.sqrt(2 / m), jnp.zeros(n)) for k, m, n in pairs]


def dense(parameters, values):
    *hidden, (last, bias) = parameters
    for weights, offset in hidden:
        values = jax.nn.leaky_relu(values @ weights + offset, 0.2)
    return values @ last + bias


def generate(generator, noise):
    return jnp.tanh(dense(generator, noise))


def loss_of_generator(generator, discriminator, noise):
    return jax.nn.softplus(-dense(discriminator, generate(generator, noise))).mean()


def loss_of_discriminator(discriminator, generator, real, noise):
    on_real = jax.nn.softplus(-dense(discriminator, real)).mean()
    return on_real + jax.nn.softplus(dense(discriminator, generate(generator, noise))).mean()


@partial(jax.jit, donate_argnums=0)
def update(state, real, key):
    (generator, of_generator), (discriminator, of_discriminator) = state
    real = real.reshape(len(real), 784).astype(jnp.float32) / 127.5 - 1
    noise = jax.random.normal(key, (len(real), 64))
    loss_d, gradients = jax.value_and_grad(loss_of_discriminator)(
        discriminator, generator, real, noise
    )
    changes, of_discriminator = optimizer.update(gradients, of_discriminator)
    discriminator = optax.apply_updates(discriminator, changes)
    loss_g, gradients = jax.value_and_grad(loss_of_generator)(generator, discriminator, noise)
    changes, of_generator = optimizer.update(gradients, of_generator)
    generator = optax.apply_updates(generator, changes)
    return ((generator, of_generator), (discriminator, of_discriminator)), loss_g, loss_d


def shuffled(images, size, seed):
    """Yield batches without end."""
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(len(images))
        for start in range(0, len(images) - size + 1, size):
            yield images[order[start : start + size]]


key = jax.random.key(args.seed)
key, of_generator, of_discriminator, of_noise = jax.random.split(key, 4)
networks = network(of_generator, 64, 256, 512, 784), network(of_discriminator, 784, 512, 256, 1)
state = tuple((parameters, optimizer.init(parameters)) for parameters in networks)
fixed_noise = jax.random.normal(of_noise, (10_000, 64))


def sample(count):
    """Return images of the fixed noise, (count, 28, 28) in [-1, 1]."""
    return generate(state[0][0], fixed_noise[:count]).reshape(count, 28, 28)


batches = shuffled(digits, args.batch_size, args.seed)
run = {"seed": args.seed, "batch_size": args.batch_size, "values": {"lr": args.lr}}  # tracked
run |= {"dataset": "mnist-5k", "budget": f"{args.steps} steps"}  # tracked
bench = gan_bench.track("jax-script", **run)  # tracked
batches = (images for images, _ in bench.batches())  # tracked
bench.samples(sample)  # tracked
for step in range(1, args.steps + 1):
    key, of_step = jax.random.split(key)
    state, loss_g, loss_d = update(state, next(batches), of_step)
    bench.step(generator=loss_g, discriminator=loss_d)  # tracked
    bench.samples(sample)  # tracked
    if step % 100 == 0:
        print(f"step {step}: D {loss_d:.3f}, G {loss_g:.3f}")

np.save("samples.npy", sample(64))
