"""torch-enhanced: see `gan_bench_recipes.enhanced`."""

from typing import ClassVar

from torch import nn

from gan_bench_recipes import enhanced
from gan_bench_torch.baseline import Baseline
from gan_bench_torch.layers import BatchNorm, Dropout, Flatten, SameConv2d, leaky_relu


class Enhanced(Baseline):
    """The recipe enhanced in PyTorch, twin of the original in Keras: baseline and more layers."""

    recipe_class: ClassVar[type[enhanced.Enhanced]] = enhanced.Enhanced
    recipe: enhanced.Enhanced

    def after_first(self, channels: int) -> list[nn.Module]:
        """Return the layers after the generator's first transposed convolution."""
        return self.more(channels)  # 7 x 7

    def after_second(self, channels: int) -> list[nn.Module]:
        """Return the layers after the generator's second transposed convolution."""
        return self.more(channels)  # 14 x 14

    def last_layers(self, channels: int) -> list[nn.Module]:
        """Return the discriminator's layers from its 7 x 7 maps on."""
        return [
            SameConv2d(channels, 2 * channels, 3, 2),
            leaky_relu(self.recipe.leaky_relu_slope),  # 4 x 4
            Dropout(self.recipe.dropout, self.random),
            Flatten(),
            nn.Linear(4 * 4 * 2 * channels, 1),
        ]

    def more(self, channels: int) -> list[nn.Module]:
        """Return one convolution more, with its normalisation and activation."""
        return [
            SameConv2d(channels, channels, 3, 1, bias=False),
            BatchNorm(channels, self.recipe),
            leaky_relu(self.recipe.leaky_relu_slope),
        ]
