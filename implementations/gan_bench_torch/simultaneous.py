"""The update of the recipes baseline, enhanced and decay."""

from typing import ClassVar

from torch import Tensor

from gan_bench_torch.base import TorchTrainer, differentiate
from gan_bench_torch.losses import cross_entropy


class SimultaneousTrainer(TorchTrainer):
    """A trainer that updates both networks by gradients of the same weights."""

    captured: ClassVar[bool] = True

    def update(self, real: list[Tensor], draws: dict[str, Tensor]) -> dict[str, Tensor]:
        """Update both networks; one pass over the fakes, one dropout mask, serves both losses."""
        (images,) = real
        fakes = self.generator(draws["latents"][0])  # NCHW
        real_logits, fake_logits = self.discriminator(images), self.discriminator(fakes)
        discriminator_loss = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
        generator_loss = cross_entropy(fake_logits, True)

        differentiate(discriminator_loss, self.discriminator_optimiser, keep_graph=True)
        differentiate(generator_loss, self.generator_optimiser)
        self.discriminator_optimiser.step()
        self.generator_optimiser.step()

        return {
            "generator": generator_loss,
            "discriminator": discriminator_loss,
            "d_real": real_logits.sigmoid().mean(),
            "d_fake": fake_logits.sigmoid().mean(),
        }
