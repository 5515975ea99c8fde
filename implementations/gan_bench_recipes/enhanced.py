"""enhanced: baseline with a convolution more after two generator layers and in front of D's end."""

from typing import ClassVar

from gan_bench_recipes.baseline import Baseline
from gan_bench_recipes.layers import (
    BatchNormalisation,
    Constant,
    Convolution,
    Dense,
    GlorotUniform,
    Network,
    Reshape,
    TransposedConvolution,
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

    def generator(self) -> Network:
        """Return the generator's layers."""
        kernel, channels = GlorotUniform(self.initial_gain), self.generator_channels
        quarter = self.side // 4
        return Network(
            (self.latent_size,),
            (
                Dense(quarter * quarter * 4 * channels, kernel),
                BatchNormalisation(Constant(1.0)),
                Reshape((quarter, quarter, 4 * channels)),
                TransposedConvolution(2 * channels, 5, 1, "same", kernel),
                BatchNormalisation(Constant(1.0)),
                Convolution(2 * channels, 3, 1, "same", kernel),  # side / 4
                BatchNormalisation(Constant(1.0)),
                TransposedConvolution(channels, 5, 2, "same", kernel),
                BatchNormalisation(Constant(1.0)),
                Convolution(channels, 3, 1, "same", kernel),  # side / 2
                BatchNormalisation(Constant(1.0)),
                TransposedConvolution(self.image_channels, 5, 2, "same", kernel),  # side
            ),
        )

    def discriminator(self) -> Network:
        """Return the discriminator's layers."""
        initial = GlorotUniform(self.initial_gain), Constant(0.0)
        channels = self.discriminator_channels
        return Network(
            self.image_shape,
            (
                Convolution(channels, 5, 2, "same", *initial),  # side / 2
                Convolution(2 * channels, 5, 2, "same", *initial),  # side / 4
                Convolution(4 * channels, 3, 2, "same", *initial),  # side / 8, rounded up
                Reshape((-1,)),
                Dense(1, *initial),
            ),
        )
