"""resnet: residual networks, trained as sngan."""

from typing import ClassVar

from gan_bench_recipes.base import hyperparameter
from gan_bench_recipes.layers import (
    AveragePooling,
    BatchNormalisation,
    Constant,
    Convolution,
    Dense,
    Network,
    Reshape,
    Residual,
    SpectralNormalisation,
    SumOverPixels,
    UpSampling,
)
from gan_bench_recipes.sngan import Sngan


class Resnet(Sngan):
    """Spectral normalisation GAN with residual blocks in both networks.

    Loss, spectral normalisation, the order of the updates and Adam are sngan's. A block is the sum
    of a branch of two convolutions and a shortcut, which changes the size of the maps as the branch
    does. The networks are the paper's residual ones for 32 x 32 images, with one block fewer in
    each, as the generator starts at a quarter of the side.

    *Chosen*: the widths (the paper has 256 and 128 channels), one discriminator update a step (the
    paper has five), the initial scale, nearest upsampling, and no biases that batch normalisation
    would remove.

    References
    ----------
    Miyato, Kataoka, Koyama and Yoshida 2018, "Spectral normalization for generative adversarial
    networks", table 4; Gulrajani et al. 2017, "Improved training of Wasserstein GANs", appendix.
    """

    name: ClassVar[str] = "resnet"
    source: ClassVar[str] = "Miyato et al. 2018, table 4"

    leaky_relu_slope: float = hyperparameter(
        0.0, "slope below zero, discriminator", "source", ge=0, lt=1, examples=[0.1]
    )
    generator_channels: int = hyperparameter(
        32, "channels of all of the generator's maps", "chosen", ge=1
    )
    discriminator_channels: int = hyperparameter(
        32, "channels of all of the discriminator's maps", "chosen", ge=1
    )

    def generator(self) -> Network:
        """Return the generator's layers."""
        kernel, channels, quarter = self._kernel(), self.generator_channels, self.side // 4
        up = Residual(
            branch=(
                BatchNormalisation(Constant(1.0)),
                UpSampling(2),
                Convolution(channels, 3, 1, 1, kernel),
                BatchNormalisation(Constant(1.0)),
                Convolution(channels, 3, 1, 1, kernel),
            ),
            shortcut=(UpSampling(2), Convolution(channels, 1, 1, 0, kernel)),
        )
        return Network(
            (self.latent_size,),
            (
                Dense(quarter * quarter * channels, kernel, Constant(0.0)),
                Reshape((quarter, quarter, channels)),  # side / 4
                up,  # side / 2
                up,  # side
                BatchNormalisation(Constant(1.0)),
                Convolution(self.image_channels, 3, 1, 1, kernel, Constant(0.0)),
            ),
        )

    def discriminator(self) -> Network:
        """Return the discriminator's layers."""
        initial, channels = (self._kernel(), Constant(0.0)), self.discriminator_channels
        three = SpectralNormalisation(Convolution(channels, 3, 1, 1, *initial))
        one = SpectralNormalisation(Convolution(channels, 1, 1, 0, *initial))
        pool = AveragePooling(2)
        return Network(
            self.image_shape,
            (
                Residual(branch=(three, three, pool), shortcut=(pool, one)),  # side / 2
                Residual(branch=(three, three, pool), shortcut=(one, pool)),  # side / 4
                Residual(branch=(three, three)),
                SumOverPixels(),
                SpectralNormalisation(Dense(1, *initial)),
            ),
        )
