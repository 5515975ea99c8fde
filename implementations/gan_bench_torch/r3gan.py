"""torch-r3gan: see `gan_bench_recipes.r3gan`."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_bench_recipes import r3gan
from gan_bench_torch.alternating import AlternatingTrainer
from gan_bench_torch.averaging import follow
from gan_bench_torch.base import descend
from gan_bench_torch.layers import Flatten, Residual, Unflatten, leaky_relu
from gan_bench_torch.losses import relativistic, zero_centred_penalty
from gan_bench_torch.optimisers import Adam


class R3gan(AlternatingTrainer):
    """The recipe r3gan in PyTorch."""

    recipe_class: ClassVar[type[r3gan.R3gan]] = r3gan.R3gan
    recipe: r3gan.R3gan

    def build_networks(self) -> None:
        """Build both networks, and the average of the generator."""
        self.generator = self.new_generator()
        self.discriminator = self.new_discriminator()
        self.average = self.new_generator().requires_grad_(False)

    def new_generator(self) -> nn.Module:
        """Return a generator."""
        recipe = self.recipe
        channels, quarter = recipe.generator_channels, recipe.side // 4
        return nn.Sequential(
            nn.Linear(recipe.latent_size, quarter * quarter * 4 * channels, bias=False),
            Unflatten(quarter, quarter, 4 * channels),
            self.block(4 * channels),  # side / 4
            nn.Conv2d(4 * channels, 2 * channels, 1, bias=False),
            nn.UpsamplingNearest2d(scale_factor=2),
            self.block(2 * channels),  # side / 2
            nn.Conv2d(2 * channels, channels, 1, bias=False),
            nn.UpsamplingNearest2d(scale_factor=2),
            self.block(channels),  # side
            nn.Conv2d(channels, recipe.image_channels, 3, 1, 1),
            nn.Tanh(),
        )

    def new_discriminator(self) -> nn.Module:
        """Return a discriminator."""
        recipe = self.recipe
        channels, quarter = recipe.discriminator_channels, recipe.side // 4
        return nn.Sequential(
            nn.Conv2d(recipe.image_channels, channels, 3, 1, 1),
            self.block(channels),  # side
            nn.AvgPool2d(2),
            nn.Conv2d(channels, 2 * channels, 1, bias=False),
            self.block(2 * channels),  # side / 2
            nn.AvgPool2d(2),
            nn.Conv2d(2 * channels, 4 * channels, 1, bias=False),
            self.block(4 * channels),  # side / 4
            Flatten(),
            nn.Linear(quarter * quarter * 4 * channels, 1, bias=False),
            nn.Flatten(0),  # logits (batch,)
        )

    def block(self, channels: int) -> Residual:
        """Return a block that keeps the side and the channels."""
        slope, within = self.recipe.leaky_relu_slope, self.recipe.expansion * channels
        return Residual(
            branch=[
                nn.Conv2d(channels, within, 1),
                leaky_relu(slope),
                nn.Conv2d(within, within, 3, 1, 1),
                leaky_relu(slope),
                nn.Conv2d(within, channels, 1, bias=False),
            ]
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        rate = self.recipe.learning_rate
        self.generator_optimiser = Adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = Adam(self.discriminator, rate, **self.recipe.adam)

    def update(self, real: list[Tensor], draws: dict[str, Tensor]) -> dict[str, Tensor]:
        """Update both networks; then the average takes in the generator."""
        losses = super().update(real, draws)
        follow(self.average, self.generator, 1 - self.recipe.average_decay)
        return losses

    def update_discriminator(self, images: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """Make one update; return the loss and its penalties."""
        with torch.no_grad():
            fakes = self.generator(noise)  # NCHW
        on_real, r1 = zero_centred_penalty(self.discriminator, images)
        on_fake, r2 = zero_centred_penalty(self.discriminator, fakes)
        loss = relativistic(on_real, on_fake) + self.recipe.penalty_weight * (r1 + r2)
        descend(loss, self.discriminator_optimiser)
        return {"discriminator": loss, "r1": r1, "r2": r2}

    def update_generator(self, noise: Tensor, images: Tensor) -> dict[str, Tensor]:
        """Make one update; return the loss."""
        on_fake = self.discriminator(self.generator(noise))
        loss = relativistic(on_fake, self.discriminator(images))
        descend(loss, self.generator_optimiser)
        return {"generator": loss}
