"""LSGAN (Mao et al. 2017, https://arxiv.org/abs/1611.04076), from a PyTorch training script.

The script's networks are in networks.py, its loop is `update`. Its options are `Settings`:
``gan-bench run examples/lsgan_torch/lsgan.py --set lsgan.width=64``.
"""

from dataclasses import dataclass

import torch
from networks import Discriminator, Generator
from torch import Tensor
from torch.optim.lr_scheduler import LinearLR

from gan_bench_torch.base import TorchTrainer


@dataclass
class Settings:
    """The options of the script."""

    batch_size: int = 64
    epochs: int = 25
    latent_size: int = 64
    width: int = 32
    # Two time scales (Heusel et al. 2017, https://arxiv.org/abs/1706.08500).
    generator_rate: float = 1e-4
    discriminator_rate: float = 4e-4
    final_rate: float = 0.1  # the share of both rates that is left at the end
    beta1: float = 0.5

    def cannot_make(self, height: int, width: int, channels: int) -> str | None:
        """Refuse sides that cannot be halved twice, before anything is trained."""
        return "its sides have to be multiples of 4" if height % 4 or width % 4 else None


class Lsgan(TorchTrainer):
    """Least squares GAN with spectral normalisation, two time scales and falling rates."""

    hyperparameters = Settings
    recipe: Settings

    def build_networks(self) -> None:
        """Build the networks; they are moved to the device and initialised by PyTorch."""
        settings, shape = self.recipe, tuple(self.images.shape[1:])
        self.generator = Generator(settings.latent_size, shape, settings.width)
        self.discriminator = Discriminator(shape, settings.width)

    def build_optimisers(self) -> None:
        """Build optimisers and schedules; all of them are part of a checkpoint."""
        settings = self.recipe
        self.generator_optimiser = torch.optim.Adam(
            self.generator.parameters(), settings.generator_rate, (settings.beta1, 0.999)
        )
        self.discriminator_optimiser = torch.optim.Adam(
            self.discriminator.parameters(), settings.discriminator_rate, (settings.beta1, 0.999)
        )
        self.schedules = [
            LinearLR(optimiser, 1.0, settings.final_rate, total_iters=self.planned_steps)
            for optimiser in (self.generator_optimiser, self.discriminator_optimiser)
        ]

    def update(self, real: list[Tensor], draws: dict[str, Tensor]) -> dict[str, Tensor]:
        """Make one step, as in the script: one update of each network."""
        (images,) = real
        fakes = self.generator(draws["latents"][0])

        self.discriminator_optimiser.zero_grad()
        real_scores, fake_scores = self.discriminator(images), self.discriminator(fakes.detach())
        discriminator_loss = ((real_scores - 1) ** 2).mean() / 2 + (fake_scores**2).mean() / 2
        discriminator_loss.backward()
        self.discriminator_optimiser.step()

        self.generator_optimiser.zero_grad()
        generator_loss = ((self.discriminator(fakes) - 1) ** 2).mean() / 2
        generator_loss.backward()
        self.generator_optimiser.step()

        for schedule in self.schedules:
            schedule.step()
        return {"generator": generator_loss, "discriminator": discriminator_loss}
