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
        channels, quarter = recipe.generator_channels, recipe.side // 4
        self.generator = nn.Sequential(
            nn.Linear(recipe.latent_size, quarter * quarter * 4 * channels, bias=False),
            BatchNorm(quarter * quarter * 4 * channels, **norm),
            leaky_relu(slope),
            Unflatten(quarter, quarter, 4 * channels),
            SameConvTranspose2d(4 * channels, 2 * channels, 5, 1, bias=False),
            BatchNorm(2 * channels, **norm),  # side / 4
            leaky_relu(slope),
            SameConvTranspose2d(2 * channels, channels, 5, 2, bias=False),
            BatchNorm(channels, **norm),  # side / 2
            leaky_relu(slope),
            SameConvTranspose2d(channels, recipe.image_channels, 5, 2, bias=False),
            nn.Tanh(),  # side
        )
        channels = recipe.discriminator_channels
        self.discriminator = nn.Sequential(
            SameConv2d(recipe.image_channels, channels, 5, 2),
            leaky_relu(slope),  # side / 2
            Dropout(recipe.dropout, self.random),
            SameConv2d(channels, 2 * channels, 5, 2),
            leaky_relu(slope),  # side / 4
            Dropout(recipe.dropout, self.random),
            Flatten(),
            nn.Linear(quarter * quarter * 2 * channels, 1),
            nn.Flatten(0),  # logits (batch,)
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        rate = self.recipe.learning_rate
        self.generator_optimiser = Adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = Adam(self.discriminator, rate, **self.recipe.adam)
