"""torch-sngan: see `gan_bench_recipes.sngan`."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_bench_recipes import sngan
from gan_bench_torch.alternating import AlternatingTrainer
from gan_bench_torch.base import descend
from gan_bench_torch.layers import (
    BatchNorm,
    Flatten,
    SpectralConv2d,
    SpectralLinear,
    Unflatten,
    iterate,
    leaky_relu,
)
from gan_bench_torch.losses import hinge, wasserstein
from gan_bench_torch.optimisers import Adam


class Sngan(AlternatingTrainer):
    """The recipe sngan in PyTorch."""

    recipe_class: ClassVar[type[sngan.Sngan]] = sngan.Sngan
    recipe: sngan.Sngan

    def build_networks(self) -> None:
        """Build both networks."""
        self.generator = self.new_generator()
        self.discriminator = self.new_discriminator()

    def new_generator(self) -> nn.Module:
        """Return a generator."""
        return nn.Sequential(*self.generator_layers(self.recipe.latent_size))

    def generator_layers(self, entering: int) -> list[nn.Module]:
        """Return the layers of a generator, of vectors of ``entering`` numbers."""
        recipe, norm = self.recipe, self.recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        return [
            nn.Linear(entering, quarter * quarter * 4 * channels, bias=False),
            Unflatten(quarter, quarter, 4 * channels),
            BatchNorm(4 * channels, **norm),  # side / 4
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(4 * channels, 2 * channels, 4, 2, 1, bias=False),
            BatchNorm(2 * channels, **norm),  # side / 2
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1, bias=False),
            BatchNorm(channels, **norm),  # side
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, recipe.image_channels, 3, 1, 1),
            nn.Tanh(),
        ]

    def new_discriminator(self) -> nn.Module:
        """Return a discriminator."""
        channels, quarter = self.recipe.discriminator_channels, self.recipe.side // 4
        return nn.Sequential(
            *self.maps(),
            Flatten(),
            SpectralLinear(quarter * quarter * 4 * channels, 1),
            nn.Flatten(0),  # logits (batch,)
        )

    def maps(self) -> list[nn.Module]:
        """Return the layers of a discriminator up to its last maps."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        channels = recipe.discriminator_channels
        return [
            SpectralConv2d(recipe.image_channels, channels, 3, 1, 1),
            leaky_relu(slope),  # side
            SpectralConv2d(channels, channels, 4, 2, 1),
            leaky_relu(slope),  # side / 2
            SpectralConv2d(channels, 2 * channels, 3, 1, 1),
            leaky_relu(slope),
            SpectralConv2d(2 * channels, 2 * channels, 4, 2, 1),
            leaky_relu(slope),  # side / 4
            SpectralConv2d(2 * channels, 4 * channels, 3, 1, 1),
            leaky_relu(slope),
        ]

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        rate = self.recipe.learning_rate
        self.generator_optimiser = Adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = Adam(self.discriminator, rate, **self.recipe.adam)

    def update_discriminator(self, images: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """Make one power iteration and one update; return the loss."""
        iterate(self.discriminator)
        with torch.no_grad():
            fakes = self.generator(noise)  # NCHW
        loss = hinge(self.discriminator(images), True) + hinge(self.discriminator(fakes), False)
        descend(loss, self.discriminator_optimiser)
        return {"discriminator": loss}

    def update_generator(self, noise: Tensor, images: Tensor) -> dict[str, Tensor]:
        """Make one update; return the loss."""
        loss = wasserstein(self.discriminator(self.generator(noise)), True)
        descend(loss, self.generator_optimiser)
        return {"generator": loss}
