"""torch-dcgan: see `gan_bench_recipes.dcgan`."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_bench_recipes import dcgan
from gan_bench_torch.base import TorchTrainer, cross_entropy, descend


class Dcgan(TorchTrainer):
    """The recipe dcgan in PyTorch, its origin."""

    recipe_class: ClassVar[type[dcgan.Dcgan]] = dcgan.Dcgan
    recipe: dcgan.Dcgan

    def build_networks(self) -> None:
        """Build both networks."""
        channels = self.recipe.generator_channels
        self.generator = nn.Sequential(
            nn.Unflatten(1, (self.recipe.latent_size, 1, 1)),
            nn.ConvTranspose2d(self.recipe.latent_size, 2 * channels, 7, 1, 0, bias=False),
            self.batch_norm(2 * channels),  # 7 x 7
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1, bias=False),
            self.batch_norm(channels),  # 14 x 14
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(channels, 1, 4, 2, 1, bias=False),
            nn.Tanh(),  # 28 x 28
        )
        channels = self.recipe.discriminator_channels
        slope = self.recipe.leaky_relu_slope
        self.discriminator = nn.Sequential(
            nn.Conv2d(1, channels, 4, 2, 1, bias=False),
            nn.LeakyReLU(slope, inplace=True),  # 14 x 14
            nn.Conv2d(channels, 2 * channels, 4, 2, 1, bias=False),
            self.batch_norm(2 * channels),  # 7 x 7
            nn.LeakyReLU(slope, inplace=True),
            nn.Conv2d(2 * channels, 1, 7, 1, 0, bias=False),
            nn.Flatten(0),  # logits (batch,)
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        self.generator_optimiser = self.adam(self.generator)
        self.discriminator_optimiser = self.adam(self.discriminator)

    def update(self, real: list[Tensor], latents: Tensor) -> tuple[Tensor, ...]:
        """Update the discriminator, then the generator against it, with the same fakes."""
        (images,) = real
        fakes = self.generator(latents[0])  # (batch, 1, 28, 28)

        real_logits = self.discriminator(images)
        fake_logits = self.discriminator(fakes.detach())
        discriminator_loss = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
        descend(discriminator_loss, self.discriminator_optimiser)

        generator_loss = cross_entropy(self.discriminator(fakes), True)
        descend(generator_loss, self.generator_optimiser)

        d_real, d_fake = real_logits.sigmoid().mean(), fake_logits.sigmoid().mean()
        return generator_loss, discriminator_loss, d_real, d_fake

    def batch_norm(self, channels: int) -> nn.BatchNorm2d:
        """Return batch normalisation in PyTorch's arithmetic (unbiased running variance)."""
        return nn.BatchNorm2d(
            channels,
            eps=self.recipe.batch_norm_epsilon,
            momentum=self.recipe.batch_norm_new_weight,
            affine=True,
            track_running_stats=True,
        )

    def adam(self, network: nn.Module) -> torch.optim.Adam:
        """Return Adam in PyTorch's arithmetic (epsilon after bias correction)."""
        return torch.optim.Adam(
            network.parameters(),
            lr=self.recipe.learning_rate,
            betas=(self.recipe.beta1, self.recipe.beta2),
            eps=self.recipe.adam_epsilon,
            weight_decay=0.0,
            amsgrad=False,
            fused=True,
        )
