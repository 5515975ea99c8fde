"""r3gan: relativistic pairs with penalties on reals and fakes, residual networks."""

from math import sqrt
from typing import ClassVar

from gan_bench_recipes.alternating import Alternating
from gan_bench_recipes.arithmetic import TorchAdam
from gan_bench_recipes.averaged import Averaged
from gan_bench_recipes.base import hyperparameter
from gan_bench_recipes.layers import (
    AveragePooling,
    Constant,
    Convolution,
    Dense,
    FanIn,
    Network,
    Reshape,
    Residual,
    UpSampling,
)
from gan_bench_recipes.losses import Loss, RelativisticR1R2


class R3gan(Averaged, Alternating, TorchAdam):
    """A modern baseline GAN: relativistic pairs, R1 and R2, residual networks, no normalisation.

    p discriminator updates, each on a real batch and fresh fakes, which are paired in their order,
    then k generator updates, whose fresh fakes are paired with the real images of the last
    discriminator update. Samples are from a moving average of the generator.

    A block adds to its maps those of a branch: a 1 x 1 convolution, a 3 x 3 one and a 1 x 1 one,
    with leaky ReLUs between them; the last one starts small, so that a block starts close to the
    identity. Between blocks the side is doubled or halved, and a 1 x 1 convolution at the smaller
    side changes the channels.

    *Chosen*, so that a CPU suffices: one block for each of three sides; the widths; no groups of
    channels in the 3 x 3 convolutions; nearest upsampling and average pooling (the paper has
    bilinear filters); 3 x 3 convolutions from and to images, the latter with tanh; constant rates
    and gamma (the paper has schedules), and their values.

    References
    ----------
    Huang, Gokaslan, Kuleshov and Tompkin 2024, "The GAN is dead; long live the GAN! A modern
    baseline GAN".
    """

    name: ClassVar[str] = "r3gan"
    origin: ClassVar[str] = "torch"
    source: ClassVar[str] = "Huang et al. 2024"
    loss: ClassVar[type[Loss]] = RelativisticR1R2
    losses: ClassVar[tuple[str, ...]] = RelativisticR1R2.losses

    batch_size: int = hyperparameter(32, "images in a batch", "chosen", ge=1)
    epochs: int = hyperparameter(100, "passes over the data", "chosen", ge=1)
    latent_size: int = hyperparameter(64, "dimensions of a latent vector", "source", ge=1)
    learning_rate: float = hyperparameter(5e-4, "Adam's step size, both networks", "chosen", gt=0)
    beta1: float = hyperparameter(
        0.0, "Adam's decay of the first moment, per step", "source", ge=0, lt=1, examples=[0.5]
    )
    beta2: float = hyperparameter(
        0.99, "Adam's decay of the second moment, per step", "source", ge=0, lt=1, examples=[0.9]
    )
    leaky_relu_slope: float = hyperparameter(
        0.2, "slope below zero, both networks", "source", ge=0, lt=1
    )
    penalty_weight: float = hyperparameter(
        10.0, "gamma, twice the factor of |grad D|^2 in both penalties", "chosen", ge=0
    )
    average_decay: float = hyperparameter(
        0.99, "share of the average that a step keeps", "chosen", ge=0, lt=1
    )
    branch_gain: float = hyperparameter(
        0.1, "gain of the last kernel of a branch at the start; 0 in the paper", "chosen", ge=0
    )
    generator_channels: int = hyperparameter(
        32,
        "channels of the generator's largest maps; those of side / 2 have twice, of side / 4 four",
        "chosen",
        ge=1,
    )
    discriminator_channels: int = hyperparameter(
        16,
        "channels of the discriminator's largest maps; of side / 2 twice, of side / 4 four times",
        "chosen",
        ge=1,
    )
    expansion: int = hyperparameter(
        1, "channels within a branch, as a multiple of the block's", "chosen", ge=1
    )
    discriminator_steps: int = hyperparameter(
        1, "p, discriminator updates in a step", "source", ge=1
    )
    generator_steps: int = hyperparameter(1, "k, generator updates in a step", "source", ge=1)

    def generator(self) -> Network:
        """Return the generator's layers."""
        channels, quarter = self.generator_channels, self.side // 4
        return Network(
            (self.latent_size,),
            (
                Dense(quarter * quarter * 4 * channels, FanIn(1.0)),
                Reshape((quarter, quarter, 4 * channels)),
                self._block(4 * channels),  # side / 4
                Convolution(2 * channels, 1, 1, 0, FanIn(1.0)),
                UpSampling(2),
                self._block(2 * channels),  # side / 2
                Convolution(channels, 1, 1, 0, FanIn(1.0)),
                UpSampling(2),
                self._block(channels),  # side
                Convolution(self.image_channels, 3, 1, 1, FanIn(1.0), Constant(0.0)),
            ),
        )

    def discriminator(self) -> Network:
        """Return the discriminator's layers."""
        channels = self.discriminator_channels
        return Network(
            self.image_shape,
            (
                Convolution(channels, 3, 1, 1, FanIn(1.0), Constant(0.0)),
                self._block(channels),  # side
                AveragePooling(2),
                Convolution(2 * channels, 1, 1, 0, FanIn(1.0)),
                self._block(2 * channels),  # side / 2
                AveragePooling(2),
                Convolution(4 * channels, 1, 1, 0, FanIn(1.0)),
                self._block(4 * channels),  # side / 4
                Reshape((-1,)),
                Dense(1, FanIn(1.0)),  # the loss would not see a bias
            ),
        )

    @classmethod
    def conventions(cls, framework: str) -> dict[str, str]:
        """Return what is pinned and no field."""
        return super().conventions(framework) | {
            "kernels at the start": "N(0, g^2 / fan in), g^2 = 2 / (1 + slope^2) before a leaky "
            "ReLU, branch_gain^2 at the end of a branch, else 1; biases 0",
            "padding": "1 row and column on every side of 3 x 3 convolutions",
        }

    def _block(self, channels: int) -> Residual:
        active = FanIn(sqrt(2 / (1 + self.leaky_relu_slope**2)))
        within = self.expansion * channels
        return Residual(
            branch=(
                Convolution(within, 1, 1, 0, active, Constant(0.0)),
                Convolution(within, 3, 1, 1, active, Constant(0.0)),
                Convolution(channels, 1, 1, 0, FanIn(self.branch_gain)),
            )
        )
