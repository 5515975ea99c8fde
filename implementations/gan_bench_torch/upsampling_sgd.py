"""torch-upsampling-sgd: see `gan_bench_recipes.upsampling_sgd`."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_bench_recipes import upsampling_sgd
from gan_bench_torch.base import TorchTrainer, descend
from gan_bench_torch.layers import BatchNorm, Flatten, SameConv2d, Unflatten
from gan_bench_torch.losses import cross_entropy
from gan_bench_torch.optimisers import sgd


class UpsamplingSgd(TorchTrainer):
    """The recipe upsampling-sgd in PyTorch, twin of the original in Keras."""

    recipe_class: ClassVar[type[upsampling_sgd.UpsamplingSgd]] = upsampling_sgd.UpsamplingSgd
    captured: ClassVar[bool] = True
    recipe: upsampling_sgd.UpsamplingSgd

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, units = self.recipe, self.recipe.dense_units
        norm = recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        self.generator = nn.Sequential(
            nn.Linear(recipe.latent_size, units),
            nn.Tanh(),
            nn.Linear(units, quarter * quarter * 2 * channels),
            BatchNorm(quarter * quarter * 2 * channels, **norm),
            nn.Tanh(),
            Unflatten(quarter, quarter, 2 * channels),
            nn.UpsamplingNearest2d(scale_factor=2),
            SameConv2d(2 * channels, channels, 5),
            nn.Tanh(),  # side / 2
            nn.UpsamplingNearest2d(scale_factor=2),
            SameConv2d(channels, recipe.image_channels, 5),
            nn.Tanh(),  # side
        )
        channels, left = recipe.discriminator_channels, quarter - 2
        self.discriminator = nn.Sequential(
            SameConv2d(recipe.image_channels, channels, 5),
            nn.Tanh(),  # side
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 5),
            nn.Tanh(),  # side / 2 - 4
            nn.MaxPool2d(2),
            Flatten(),
            nn.Linear(left * left * 2 * channels, units),
            nn.Tanh(),
            nn.Linear(units, 1),
            nn.Flatten(0),  # logits (batch,)
        )

    def build_optimisers(self) -> None:
        """Build one SGD for each network."""
        recipe = self.recipe
        values = recipe.learning_rate, recipe.momentum, recipe.nesterov
        self.generator_optimiser = sgd(self.generator, *values)
        self.discriminator_optimiser = sgd(self.discriminator, *values)

    def update(self, real: list[Tensor], draws: dict[str, Tensor]) -> dict[str, Tensor]:
        """Update the discriminator on reals and fakes together, then the generator on new noise."""
        (images,) = real
        first, second = draws["latents"]
        with torch.no_grad():
            fakes = self.generator(first)  # NCHW
        logits = self.discriminator(torch.cat([images, fakes]))
        real_logits, fake_logits = logits.chunk(2)
        both = cross_entropy(real_logits, True), cross_entropy(fake_logits, False)
        discriminator_loss = (both[0] + both[1]) / 2
        descend(discriminator_loss, self.discriminator_optimiser)

        fakes = self.generator(second)
        generator_loss = cross_entropy(self.discriminator(fakes), True)
        descend(generator_loss, self.generator_optimiser)

        return {
            "generator": generator_loss,
            "discriminator": discriminator_loss,
            "d_real": real_logits.sigmoid().mean(),
            "d_fake": fake_logits.sigmoid().mean(),
        }
