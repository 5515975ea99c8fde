"""torch-baseline: see `gan_bench_recipes.baseline`."""

from typing import ClassVar

from torch import nn

from gan_bench_recipes import baseline
from gan_bench_torch.layers import (
    BatchNorm,
    Dropout,
    Flatten,
    SameConv2d,
    SameConvTranspose2d,
    Unflatten,
    leaky_relu,
)
from gan_bench_torch.optimisers import Adam
from gan_bench_torch.simultaneous import SimultaneousTrainer


class Baseline(SimultaneousTrainer):
    """The recipe baseline in PyTorch, twin of the original in Keras."""

    recipe_class: ClassVar[type[baseline.Baseline]] = baseline.Baseline
    recipe: baseline.Baseline

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        norm = recipe.batch_norm
        channels = recipe.generator_channels
        self.generator = nn.Sequential(
            nn.Linear(recipe.latent_size, 7 * 7 * 4 * channels, bias=False),
            BatchNorm(7 * 7 * 4 * channels, **norm),
            leaky_relu(slope),
            Unflatten(7, 7, 4 * channels),
            SameConvTranspose2d(4 * channels, 2 * channels, 5, 1, bias=False),
            BatchNorm(2 * channels, **norm),  # 7 x 7
            leaky_relu(slope),
            SameConvTranspose2d(2 * channels, channels, 5, 2, bias=False),
            BatchNorm(channels, **norm),  # 14 x 14
            leaky_relu(slope),
            SameConvTranspose2d(channels, 1, 5, 2, bias=False),
            nn.Tanh(),  # 28 x 28
        )
        channels = recipe.discriminator_channels
        self.discriminator = nn.Sequential(
            SameConv2d(1, channels, 5, 2),
            leaky_relu(slope),  # 14 x 14
            Dropout(recipe.dropout, self.random),
            SameConv2d(channels, 2 * channels, 5, 2),
            leaky_relu(slope),  # 7 x 7
            Dropout(recipe.dropout, self.random),
            Flatten(),
            nn.Linear(7 * 7 * 2 * channels, 1),
            nn.Flatten(0),  # logits (batch,)
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        rate = self.recipe.learning_rate
        self.generator_optimiser = Adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = Adam(self.discriminator, rate, **self.recipe.adam)
