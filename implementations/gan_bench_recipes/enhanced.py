"""enhanced: baseline with a convolution more after two generator layers and in front of D's end."""

from typing import ClassVar

from gan_bench_recipes.baseline import Baseline
from gan_bench_recipes.layers import (
    BatchNormalisation,
    Constant,
    Convolution,
    GlorotUniform,
    Layer,
)


class Enhanced(Baseline):
    """The source's model of more layers; all but the added layers are baseline's.

    *Chosen* within "additional convolutional layers": in the generator a convolution (kernel 3, no
    bias) with batch normalisation and LeakyReLU after each of the first two transposed
    convolutions; in the discriminator a convolution (kernel 3, stride 2) with LeakyReLU and dropout
    before the dense layer.
    """

    name: ClassVar[str] = "enhanced"
    source: ClassVar[str] = "DCGAN for MNIST Image Generation, enhanced model"

    def after_first(self) -> tuple[Layer, ...]:
        """Return the layers after the generator's first transposed convolution."""
        return self._more(2 * self.generator_channels)  # 7 x 7

    def after_second(self) -> tuple[Layer, ...]:
        """Return the layers after the generator's second transposed convolution."""
        return self._more(self.generator_channels)  # 14 x 14

    def before_dense(self) -> tuple[Layer, ...]:
        """Return the layers before the discriminator's dense one."""
        initial = GlorotUniform(self.initial_gain), Constant(0.0)
        return (Convolution(4 * self.discriminator_channels, 3, 2, "same", *initial),)  # 4 x 4

    def _more(self, channels: int) -> tuple[Layer, ...]:
        kernel = GlorotUniform(self.initial_gain)
        return Convolution(channels, 3, 1, "same", kernel), BatchNormalisation(Constant(1.0))
