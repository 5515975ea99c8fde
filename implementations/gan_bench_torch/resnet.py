"""torch-resnet: see `gan_bench_recipes.resnet`."""

from typing import ClassVar

from torch import nn

from gan_bench_recipes import resnet
from gan_bench_torch.layers import (
    BatchNorm,
    Residual,
    SpectralConv2d,
    SpectralLinear,
    SumOverPixels,
    Unflatten,
    leaky_relu,
)
from gan_bench_torch.sngan import Sngan


class Resnet(Sngan):
    """The recipe resnet in PyTorch: sngan's optimisers and updates."""

    recipe_class: ClassVar[type[resnet.Resnet]] = resnet.Resnet
    recipe: resnet.Resnet

    def new_generator(self) -> nn.Module:
        """Return a generator."""
        recipe = self.recipe
        channels, quarter = recipe.generator_channels, recipe.side // 4
        return nn.Sequential(
            nn.Linear(recipe.latent_size, quarter * quarter * channels),
            Unflatten(quarter, quarter, channels),  # side / 4
            self.up_block(channels),  # side / 2
            self.up_block(channels),  # side
            BatchNorm(channels, **recipe.batch_norm),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, recipe.image_channels, 3, 1, 1),
            nn.Tanh(),
        )

    def up_block(self, channels: int) -> Residual:
        """Return a block that doubles the side."""
        norm = self.recipe.batch_norm
        return Residual(
            branch=[
                BatchNorm(channels, **norm),
                nn.ReLU(inplace=True),
                nn.UpsamplingNearest2d(scale_factor=2),
                nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
                BatchNorm(channels, **norm),
                nn.ReLU(inplace=True),
                nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            ],
            shortcut=[
                nn.UpsamplingNearest2d(scale_factor=2),
                nn.Conv2d(channels, channels, 1, 1, 0, bias=False),
            ],
        )

    def new_discriminator(self) -> nn.Module:
        """Return a discriminator."""
        recipe, channels = self.recipe, self.recipe.discriminator_channels
        slope = recipe.leaky_relu_slope
        return nn.Sequential(
            Residual(
                branch=[
                    SpectralConv2d(recipe.image_channels, channels, 3, 1, 1),
                    leaky_relu(slope),
                    SpectralConv2d(channels, channels, 3, 1, 1),
                    nn.AvgPool2d(2),
                ],
                shortcut=[nn.AvgPool2d(2), SpectralConv2d(recipe.image_channels, channels, 1)],
            ),  # side / 2
            Residual(
                branch=[*self.convolutions(channels), nn.AvgPool2d(2)],
                shortcut=[SpectralConv2d(channels, channels, 1), nn.AvgPool2d(2)],
            ),  # side / 4
            Residual(branch=self.convolutions(channels)),
            leaky_relu(slope),
            SumOverPixels(),
            SpectralLinear(channels, 1),
            nn.Flatten(0),  # logits (batch,)
        )

    def convolutions(self, channels: int) -> list[nn.Module]:
        """Return those of a block's branch, each after an activation."""
        slope = self.recipe.leaky_relu_slope
        return [
            leaky_relu(slope, inplace=False),  # the shortcut takes the same maps
            SpectralConv2d(channels, channels, 3, 1, 1),
            leaky_relu(slope),
            SpectralConv2d(channels, channels, 3, 1, 1),
        ]
