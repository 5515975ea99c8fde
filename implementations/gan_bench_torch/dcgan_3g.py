"""torch-dcgan-3g: see `gan_bench_recipes.dcgan_3g`."""

from typing import ClassVar

import torch
from torch import Tensor

from gan_bench_recipes import dcgan_3g
from gan_bench_torch.base import descend
from gan_bench_torch.dcgan import Dcgan
from gan_bench_torch.losses import cross_entropy


class Dcgan3g(Dcgan):
    """The recipe dcgan-3g in PyTorch, its origin: dcgan's networks and optimisers."""

    recipe_class: ClassVar[type[dcgan_3g.Dcgan3g]] = dcgan_3g.Dcgan3g
    recipe: dcgan_3g.Dcgan3g

    def update(self, real: list[Tensor], draws: dict[str, Tensor]) -> dict[str, Tensor]:
        """Update the discriminator p times, then the generator k times, each on fresh noise."""
        noise, steps = draws["latents"], self.recipe.discriminator_steps
        judged = [
            self.update_discriminator(images, draw)
            for images, draw in zip(real, noise[:steps], strict=True)
        ]
        generator_losses = [self.update_generator(draw) for draw in noise[steps:]]
        discriminator_loss, d_real, d_fake = torch.stack(judged).detach().mean(0)
        return {
            "generator": torch.stack(generator_losses).detach().mean(),
            "discriminator": discriminator_loss,
            "d_real": d_real,
            "d_fake": d_fake,
        }

    def update_discriminator(self, images: Tensor, noise: Tensor) -> Tensor:
        """Make one update; return the loss and the means of D(x) and D(G(z)), (3,)."""
        with torch.no_grad():
            fakes = self.generator(noise)  # NCHW
        real_logits, fake_logits = self.discriminator(images), self.discriminator(fakes)
        loss = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
        descend(loss, self.discriminator_optimiser)
        return torch.stack([loss, real_logits.sigmoid().mean(), fake_logits.sigmoid().mean()])

    def update_generator(self, noise: Tensor) -> Tensor:
        """Make one update; return the loss."""
        loss = cross_entropy(self.discriminator(self.generator(noise)), True)
        descend(loss, self.generator_optimiser)
        return loss
