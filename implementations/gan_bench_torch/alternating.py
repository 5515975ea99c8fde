"""The update of the recipes that update the networks in turn, each on fresh latents."""

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from gan_bench_torch.base import TorchTrainer


class AlternatingTrainer(TorchTrainer):
    """A trainer of p discriminator updates, then k generator updates."""

    captured: ClassVar[bool] = True

    def update(self, real: list[Tensor], draws: dict[str, Tensor]) -> dict[str, Tensor]:
        """Update the discriminator p times, then the generator k times, each on fresh noise."""
        noise, steps = draws["latents"], self.recipe.discriminator_steps
        further = {name: draw for name, draw in draws.items() if name != "latents"}
        judged = [
            self.update_discriminator(
                images, noise[index], **{name: draw[index] for name, draw in further.items()}
            )
            for index, images in enumerate(real)
        ]
        # What has as many batches as the latents is of all updates, the rest of the discriminator.
        of_all = {name: draw for name, draw in further.items() if len(draw) == len(noise)}
        made = [
            self.update_generator(
                noise[index], real[-1], **{name: draw[index] for name, draw in of_all.items()}
            )
            for index in range(steps, len(noise))
        ]
        return _by_loss(judged) | _by_loss(made)

    @abstractmethod
    def update_discriminator(
        self, images: Tensor, noise: Tensor, **draws: Tensor
    ) -> dict[str, Tensor]:
        """Make one update on real images NCHW; return the losses that it has, by name."""

    @abstractmethod
    def update_generator(self, noise: Tensor, images: Tensor, **draws: Tensor) -> dict[str, Tensor]:
        """Make one update; return its loss. The real images are those of the last update."""


def _by_loss(updates: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the losses of several updates, by name, each (updates,)."""
    return {name: torch.stack([losses[name].detach() for losses in updates]) for name in updates[0]}
