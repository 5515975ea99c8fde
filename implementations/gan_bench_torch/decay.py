"""torch-decay: see `gan_bench_recipes.decay`."""

from typing import ClassVar

from torch import nn

from gan_bench_recipes import decay
from gan_bench_torch.layers import (
    BatchNorm,
    Dropout,
    Flatten,
    SameConv2d,
    SameConvTranspose2d,
    Unflatten,
    leaky_relu,
)
from gan_bench_torch.optimisers import Adam, exponential_decay
from gan_bench_torch.simultaneous import SimultaneousTrainer


class Decay(SimultaneousTrainer):
    """The recipe decay in PyTorch, twin of the original in Keras."""

    recipe_class: ClassVar[type[decay.Decay]] = decay.Decay
    recipe: decay.Decay

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        norm = recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        self.generator = nn.Sequential(
            nn.Linear(recipe.latent_size, quarter * quarter * 4 * channels, bias=False),
            Unflatten(quarter, quarter, 4 * channels),
            BatchNorm(4 * channels, **norm),
            leaky_relu(slope),  # side / 4
            SameConvTranspose2d(4 * channels, 2 * channels, 4, 2, bias=False),
            BatchNorm(2 * channels, **norm),
            leaky_relu(slope),  # side / 2
            SameConvTranspose2d(2 * channels, channels, 4, 2, bias=False),
            BatchNorm(channels, **norm),
            leaky_relu(slope),  # side
            SameConvTranspose2d(channels, recipe.image_channels, 4, 1),
            nn.Tanh(),  # side
        )
        channels = recipe.discriminator_channels
        self.discriminator = nn.Sequential(
            SameConv2d(recipe.image_channels, channels, 4, 2),
            leaky_relu(slope),  # side / 2
            Dropout(recipe.dropout, self.random),
            SameConv2d(channels, 2 * channels, 4, 2),
            leaky_relu(slope),  # side / 4
            Dropout(recipe.dropout, self.random),
            Flatten(),
            nn.Linear(quarter * quarter * 2 * channels, 1),
            nn.Flatten(0),  # logits (batch,)
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network, each with its own decaying rate."""
        recipe, steps = self.recipe, self.planned_steps
        self.generator_optimiser = Adam(
            self.generator,
            exponential_decay(
                recipe.generator_learning_rate,
                recipe.generator_decay_share * steps,
                recipe.generator_decay_factor,
            ),
            **recipe.adam,
        )
        self.discriminator_optimiser = Adam(
            self.discriminator,
            exponential_decay(
                recipe.discriminator_learning_rate,
                recipe.discriminator_decay_share * steps,
                recipe.discriminator_decay_factor,
            ),
            **recipe.adam,
        )
