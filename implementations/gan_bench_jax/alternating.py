"""The update of the recipes that update the networks in turn, each on fresh latents."""

from abc import abstractmethod

import jax.numpy as jnp
from jax import Array

from gan_bench_jax.base import Draws, JaxTrainer


class AlternatingTrainer(JaxTrainer):
    """A trainer of p discriminator updates, then k generator updates."""

    def update(self, real: list[Array], draws: Draws) -> dict[str, Array]:
        """Update the discriminator p times, then the generator k times, each on fresh noise."""
        latents, steps = draws["latents"], self.recipe.discriminator_steps
        further = {name: draw for name, draw in draws.items() if name != "latents"}
        judged = [
            self.update_discriminator(
                images, latents[index], **{name: draw[index] for name, draw in further.items()}
            )
            for index, images in enumerate(real)
        ]
        # What has as many batches as the latents is of all updates, the rest of the discriminator.
        of_all = {name: draw for name, draw in further.items() if len(draw) == len(latents)}
        made = [
            self.update_generator(
                latents[index], real[-1], **{name: draw[index] for name, draw in of_all.items()}
            )
            for index in range(steps, len(latents))
        ]
        return _by_loss(judged) | _by_loss(made)

    @abstractmethod
    def update_discriminator(self, images: Array, noise: Array, **draws: Array) -> dict[str, Array]:
        """Make one update on real images NHWC; return the losses that it has, by name."""

    @abstractmethod
    def update_generator(self, noise: Array, images: Array, **draws: Array) -> dict[str, Array]:
        """Make one update; return its loss. The real images are those of the last update."""


def _by_loss(updates: list[dict[str, Array]]) -> dict[str, Array]:
    """Return the losses of several updates, by name, each (updates,)."""
    return {name: jnp.stack([losses[name] for losses in updates]) for name in updates[0]}
