"""What the recipes share that update the networks in turn, each on fresh latents."""

from typing import Any


class Alternating:
    """p discriminator updates, each on a real batch and fresh fakes, then k generator updates.

    A recipe states both in its fields ``discriminator_steps`` and ``generator_steps``.
    """

    @property
    def real_batches_per_step(self: Any) -> int:
        """Batches of real images that one step consumes: one for each discriminator update."""
        return self.discriminator_steps

    @property
    def latent_batches_per_step(self: Any) -> int:
        """Batches of latents that one step consumes: one for each update of either network."""
        return self.discriminator_steps + self.generator_steps

    def multiply_adds_per_step(self: Any) -> int:
        """Return the multiply-adds of the matrix products and convolutions that a step needs."""
        made = self.generator().forward()
        return self.batch_size * (
            self.discriminator_steps * (made + self.discriminator_update())
            + self.generator_steps * (made + self.generator_update())
        )
