"""torch-enhanced: see `gan_bench_recipes.enhanced`."""

from typing import ClassVar

from torch import nn

from gan_bench_recipes import enhanced
from gan_bench_torch.baseline import Baseline
from gan_bench_torch.layers import (
    BatchNorm,
    Dropout,
    Flatten,
    SameConv2d,
    SameConvTranspose2d,
    Unflatten,
    leaky_relu,
)


class Enhanced(Baseline):
    """The recipe enhanced in PyTorch, twin of the original in Keras: baseline and more layers."""

    recipe_class: ClassVar[type[enhanced.Enhanced]] = enhanced.Enhanced
    recipe: enhanced.Enhanced

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
            BatchNorm(2 * channels, **norm),
            leaky_relu(slope),
            SameConv2d(2 * channels, 2 * channels, 3, 1, bias=False),
            BatchNorm(2 * channels, **norm),  # side / 4
            leaky_relu(slope),
            SameConvTranspose2d(2 * channels, channels, 5, 2, bias=False),
            BatchNorm(channels, **norm),
            leaky_relu(slope),
            SameConv2d(channels, channels, 3, 1, bias=False),
            BatchNorm(channels, **norm),  # side / 2
            leaky_relu(slope),
            SameConvTranspose2d(channels, recipe.image_channels, 5, 2, bias=False),
            nn.Tanh(),  # side
        )
        channels, eighth = recipe.discriminator_channels, -(-quarter // 2)
        self.discriminator = nn.Sequential(
            SameConv2d(recipe.image_channels, channels, 5, 2),
            leaky_relu(slope),  # side / 2
            Dropout(recipe.dropout, self.random),
            SameConv2d(channels, 2 * channels, 5, 2),
            leaky_relu(slope),  # side / 4
            Dropout(recipe.dropout, self.random),
            SameConv2d(2 * channels, 4 * channels, 3, 2),
            leaky_relu(slope),  # side / 8, rounded up
            Dropout(recipe.dropout, self.random),
            Flatten(),
            nn.Linear(eighth * eighth * 4 * channels, 1),
            nn.Flatten(0),  # logits (batch,)
        )
