"""torch-conditional: see `gan_bench_recipes.conditional`."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_bench_recipes import conditional
from gan_bench_torch.base import descend
from gan_bench_torch.layers import (
    BatchNorm,
    Embedding,
    Labelled,
    Projection,
    SpectralConv2d,
    SumOverPixels,
    Unflatten,
    iterate,
    leaky_relu,
)
from gan_bench_torch.losses import hinge, wasserstein
from gan_bench_torch.sngan import Sngan


class Conditional(Sngan):
    """The recipe conditional in PyTorch: sngan's optimisers."""

    recipe_class: ClassVar[type[conditional.Conditional]] = conditional.Conditional
    recipe: conditional.Conditional

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        norm = recipe.batch_norm
        entering = recipe.latent_size + recipe.embedding_size
        channels, quarter = recipe.generator_channels, recipe.side // 4
        self.generator = Labelled(
            Embedding(recipe.classes, recipe.embedding_size),
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
        )
        channels = recipe.discriminator_channels
        self.discriminator = Labelled(
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
            SumOverPixels(),
            Projection(recipe.classes, 4 * channels),  # logits (batch,)
        )

    def update_discriminator(
        self, images: Tensor, noise: Tensor, *, fake_labels: Tensor, real_labels: Tensor
    ) -> dict[str, Tensor]:
        """Make one power iteration and one update; return the loss."""
        iterate(self.discriminator)
        with torch.no_grad():
            fakes = self.generator(noise, fake_labels)  # NCHW
        on_real = hinge(self.discriminator(images, real_labels), True)
        loss = on_real + hinge(self.discriminator(fakes, fake_labels), False)
        descend(loss, self.discriminator_optimiser)
        return {"discriminator": loss}

    def update_generator(
        self, noise: Tensor, images: Tensor, *, fake_labels: Tensor
    ) -> dict[str, Tensor]:
        """Make one update; return the loss."""
        fakes = self.generator(noise, fake_labels)
        loss = wasserstein(self.discriminator(fakes, fake_labels), True)
        descend(loss, self.generator_optimiser)
        return {"generator": loss}
