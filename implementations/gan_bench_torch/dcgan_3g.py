"""torch-dcgan-3g: see `gan_bench_recipes.dcgan_3g`."""

from typing import ClassVar

import torch
from torch import Tensor

from gan_bench_recipes import dcgan_3g
from gan_bench_torch.alternating import AlternatingTrainer
from gan_bench_torch.base import descend
from gan_bench_torch.dcgan import Dcgan
from gan_bench_torch.losses import cross_entropy


class Dcgan3g(AlternatingTrainer, Dcgan):
    """The recipe dcgan-3g in PyTorch, its origin: dcgan's networks and optimisers."""

    recipe_class: ClassVar[type[dcgan_3g.Dcgan3g]] = dcgan_3g.Dcgan3g
    recipe: dcgan_3g.Dcgan3g

    def update_discriminator(self, images: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """Make one update; return the loss and the means of D(x) and D(G(z))."""
        with torch.no_grad():
            fakes = self.generator(noise)  # NCHW
        real_logits, fake_logits = self.discriminator(images), self.discriminator(fakes)
        loss = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
        descend(loss, self.discriminator_optimiser)
        return {
            "discriminator": loss,
            "d_real": real_logits.sigmoid().mean(),
            "d_fake": fake_logits.sigmoid().mean(),
        }

    def update_generator(self, noise: Tensor, images: Tensor) -> dict[str, Tensor]:
        """Make one update; return the loss."""
        loss = cross_entropy(self.discriminator(self.generator(noise)), True)
        descend(loss, self.generator_optimiser)
        return {"generator": loss}
