"""WGAN-GP (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028) in plain JAX and optax.

The class has no base class: these methods are the whole contract, which
`gan_bench.trainer.Trainer` explains. The networks are dense; the discriminator is the critic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from gan_bench.recipe import Draw
from gan_bench.trainer import Unsupported

Weights = dict[str, Array]
State = tuple[Weights, Weights, optax.OptState, optax.OptState]
"""Weights of the generator and of the discriminator, and the states of their optimisers."""
SAMPLES_AT_ONCE = 128


@dataclass(frozen=True)
class Settings:
    """The options of the script, and what its steps need and return."""

    losses = ("generator", "discriminator", "penalty")

    batch_size: int = 64
    epochs: int = 50
    latent_size: int = 64
    units: int = 256
    critic_updates: int = 5
    penalty_weight: float = 10.0
    learning_rate: float = 1e-4
    beta1: float = 0.5

    @property
    def real_batches_per_step(self) -> int:
        """One for each update of the discriminator."""
        return self.critic_updates

    def draws(self) -> dict[str, Draw]:
        """Return what is random in a step."""
        return {
            "latents": Draw((self.latent_size,), self.critic_updates + 1),
            # Where between a real image and a fake the gradient is penalised.
            "between": Draw((), self.critic_updates, "uniform01"),
        }


def initial(network: str, sizes: tuple[int, ...], random: np.random.Generator) -> Weights:
    """Draw kernels of variance 2 / inputs; biases are 0. The names are those of the contract."""
    weights = {}
    for layer, (ins, outs) in enumerate(pairwise(sizes)):
        kernel = random.normal(0, np.sqrt(2 / ins), (ins, outs))
        weights[f"{network}.{layer}.kernel"] = jnp.asarray(kernel, jnp.float32)
        weights[f"{network}.{layer}.bias"] = jnp.zeros(outs)
    return weights


def dense(weights: Weights, name: str, inputs: Array) -> Array:
    """Return the output of one layer."""
    return inputs @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]


def generate(weights: Weights, latents: Array) -> Array:
    """Turn latents (n, size) into pixels (n, pixels) in [-1, 1]."""
    hidden = jax.nn.relu(dense(weights, "generator.0", latents))
    hidden = jax.nn.relu(dense(weights, "generator.1", hidden))
    return jnp.tanh(dense(weights, "generator.2", hidden))


def criticise(weights: Weights, pixels: Array) -> Array:
    """Turn pixels (n, pixels) into scores (n,)."""
    hidden = jax.nn.leaky_relu(dense(weights, "discriminator.0", pixels), 0.2)
    hidden = jax.nn.leaky_relu(dense(weights, "discriminator.1", hidden), 0.2)
    return dense(weights, "discriminator.2", hidden)[:, 0]


def critic_loss(
    critic: Weights, real: Array, fake: Array, between: Array, weight: float
) -> tuple[Array, Array]:
    """Return the discriminator's loss, and the penalty in it."""
    mixed = real + between[:, None] * (fake - real)
    gradients = jax.grad(lambda pixels: criticise(critic, pixels).sum())(mixed)
    penalty = ((jnp.linalg.norm(gradients, axis=1) - 1) ** 2).mean()
    distance = criticise(critic, fake).mean() - criticise(critic, real).mean()
    return distance + weight * penalty, penalty


def generator_loss(generator: Weights, critic: Weights, latents: Array) -> Array:
    """Return the generator's loss."""
    return -criticise(critic, generate(generator, latents)).mean()


def optimiser(settings: Settings) -> optax.GradientTransformation:
    """Return Adam, for both networks."""
    return optax.adam(settings.learning_rate, b1=settings.beta1, b2=0.9)


# A function of the module, not of the trainer: equal settings share what is compiled.
@partial(jax.jit, static_argnames="settings")
def step(
    state: State, images: Array, batches: Array, draws: dict[str, Array], settings: Settings
) -> tuple[State, dict[str, Array]]:
    """Make one step: some updates of the discriminator, then one of the generator."""
    generator, critic, generator_state, critic_state = state
    losses, penalties = [], []
    for update in range(settings.critic_updates):
        real = images[batches[update]].reshape(settings.batch_size, -1) / 127.5 - 1
        fake = generate(generator, draws["latents"][update])
        (loss, penalty), gradients = jax.value_and_grad(critic_loss, has_aux=True)(
            critic, real, fake, draws["between"][update], settings.penalty_weight
        )
        changes, critic_state = optimiser(settings).update(gradients, critic_state)
        critic = optax.apply_updates(critic, changes)
        losses.append(loss)
        penalties.append(penalty)
    loss, gradients = jax.value_and_grad(generator_loss)(generator, critic, draws["latents"][-1])
    changes, generator_state = optimiser(settings).update(gradients, generator_state)
    generator = optax.apply_updates(generator, changes)
    means = {"discriminator": jnp.stack(losses).mean(), "penalty": jnp.stack(penalties).mean()}
    return (generator, critic, generator_state, critic_state), {"generator": loss, **means}


@jax.jit
def to_bytes(generator: Weights, latents: Array) -> Array:
    """Return samples as grey levels."""
    levels = jnp.round((generate(generator, latents) + 1) * 127.5)
    return levels.clip(0, 255).astype(jnp.uint8)


class WganGp:
    """Wasserstein GAN with gradient penalty, of dense layers."""

    framework = "jax"
    hyperparameters = Settings

    def __init__(
        self,
        recipe: Settings,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        device: str,
        planned_steps: int,
        seed: int,
    ) -> None:
        kind, _, index = device.partition(":")
        try:
            self.device = jax.devices(kind)[int(index or 0)]
        except (RuntimeError, IndexError) as error:
            raise Unsupported(f"JAX has no device {device}") from error
        self.settings = recipe
        self.shape = images.shape[1:]
        self.images = jax.device_put(images, self.device)
        random, pixels = np.random.default_rng(seed), int(np.prod(self.shape))
        units = (recipe.units, recipe.units)
        generator = initial("generator", (recipe.latent_size, *units, pixels), random)
        critic = initial("discriminator", (pixels, *units, 1), random)
        states = (optimiser(recipe).init(weights) for weights in (generator, critic))
        self.state: State = jax.device_put((generator, critic, *states), self.device)

    def train(self, batches: np.ndarray, draws: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Train one step for each row of ``batches`` and return the losses by name."""
        rows, given = jax.device_put((batches, dict(draws)), self.device)
        losses = []
        for row in range(len(batches)):
            drawn = {name: values[row] for name, values in given.items()}
            self.state, found = step(self.state, self.images, rows[row], drawn, self.settings)
            losses.append(found)
        jax.block_until_ready(self.state)
        return {name: np.asarray([loss[name] for loss in losses]) for name in losses[0]}

    def sample(self, latents: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Return samples (n, height, width, channels), made in batches of one size."""
        padded = np.pad(latents, ((0, -len(latents) % SAMPLES_AT_ONCE), (0, 0)))
        parts = np.split(padded, len(padded) // SAMPLES_AT_ONCE)
        made = [np.asarray(to_bytes(self.state[0], jax.device_put(p, self.device))) for p in parts]
        return np.concatenate(made)[: len(latents)].reshape(-1, *self.shape)

    def forward(
        self,
        latents: np.ndarray,
        images: np.ndarray,
        training: bool,
        labels: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return G(latents) and D(images), which are the same in training and inference."""
        generator, critic, *_ = self.state
        made = generate(generator, latents).reshape(-1, *self.shape)
        return np.asarray(made), np.asarray(criticise(critic, images.reshape(len(images), -1)))

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of all weights by name."""
        return {name: np.array(value) for name, value in {**self.state[0], **self.state[1]}.items()}

    def set_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Replace all weights; the optimisers keep their states."""
        generator, critic, *states = self.state
        replaced = [{name: jnp.array(weights[name]) for name in old} for old in (generator, critic)]
        self.state = jax.device_put((*replaced, *states), self.device)

    def save(self, path: Path) -> None:
        """Write weights and optimisers below the folder ``path``."""
        np.savez(path / "state.npz", *jax.tree.leaves(self.state))

    def load(self, path: Path) -> None:
        """Restore what ``save`` wrote."""
        with np.load(path / "state.npz") as file:
            leaves: list[Any] = [file[name] for name in file.files]
        kept = jax.tree.unflatten(jax.tree.structure(self.state), leaves)
        self.state = jax.device_put(kept, self.device)
