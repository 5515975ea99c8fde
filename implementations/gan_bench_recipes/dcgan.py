"""dcgan: transposed convolutions with batch normalisation, trained with Adam."""

from typing import ClassVar

from gan_bench_recipes.arithmetic import TorchAdam, TorchBatchNorm
from gan_bench_recipes.base import hyperparameter
from gan_bench_recipes.layers import (
    BatchNormalisation,
    Convolution,
    Network,
    Normal,
    TransposedConvolution,
)


class Dcgan(TorchAdam, TorchBatchNorm):
    """Deep convolutional GAN for MNIST, as in the PyTorch tutorial.

    One discriminator step (a real and a fake batch, apart, their losses summed, the fakes
    detached), then one generator step against the updated discriminator with the same fakes.
    Binary cross-entropy from logits, non-saturating generator loss; both networks stay in training
    mode, so that the discriminator's moving statistics see three batches a step.

    Values that the source leaves to the tutorial it follows (latent size, Adam, the slope, the
    initial scale) count as the source's. *Chosen*, where it is silent: the widths, and the kernels
    of side / 4 that fit the tutorial's layers to images of any side; no biases; batch 128; 25
    epochs; latents N(0, I).

    References
    ----------
    Radford, Metz and Chintala 2016, "Unsupervised representation learning with deep convolutional
    generative adversarial networks"; PyTorch's DCGAN tutorial.
    """

    name: ClassVar[str] = "dcgan"
    origin: ClassVar[str] = "torch"
    source: ClassVar[str] = "DCGAN-PyTorch, github.com/janith99hansidu"

    batch_size: int = hyperparameter(128, "images in a batch", "chosen", ge=1)
    epochs: int = hyperparameter(25, "passes over the data", "chosen", ge=1)
    learning_rate: float = hyperparameter(
        2e-4, "Adam's step size, both networks; the tutorial's", "source", gt=0
    )
    beta1: float = hyperparameter(
        0.5, "Adam's decay of the first moment, per step; the tutorial's", "source", ge=0, lt=1
    )
    leaky_relu_slope: float = hyperparameter(
        0.2, "slope below zero, discriminator; the tutorial's", "source", ge=0, lt=1
    )
    initial_scale: float = hyperparameter(
        0.02, "standard deviation of initial kernels and gammas; the tutorial's", "source", gt=0
    )
    generator_channels: int = hyperparameter(
        128,
        "channels of the generator's maps of side / 2; those of side / 4 have twice",
        "chosen",
        ge=1,
    )
    discriminator_channels: int = hyperparameter(
        64,
        "channels of the discriminator's maps of side / 2; those of side / 4 have twice",
        "chosen",
        ge=1,
    )

    def generator(self) -> Network:
        """Return the generator's layers."""
        kernel, gamma = self._initialisers()
        channels, quarter = self.generator_channels, self.side // 4
        return Network(
            (1, 1, self.latent_size),
            (
                TransposedConvolution(2 * channels, quarter, 1, 0, kernel),  # side / 4
                BatchNormalisation(gamma),
                TransposedConvolution(channels, 4, 2, 1, kernel),  # side / 2
                BatchNormalisation(gamma),
                TransposedConvolution(self.image_channels, 4, 2, 1, kernel),  # side
            ),
        )

    def discriminator(self) -> Network:
        """Return the discriminator's layers."""
        kernel, gamma = self._initialisers()
        channels, quarter = self.discriminator_channels, self.side // 4
        return Network(
            self.image_shape,
            (
                Convolution(channels, 4, 2, 1, kernel),  # side / 2
                Convolution(2 * channels, 4, 2, 1, kernel),  # side / 4
                BatchNormalisation(gamma),
                Convolution(1, quarter, 1, 0, kernel),  # 1 x 1
            ),
        )

    @classmethod
    def conventions(cls, framework: str) -> dict[str, str]:
        """Return what is pinned and no field."""
        return super().conventions(framework) | {
            "kernels at the start": "N(0, initial_scale), gammas N(1, initial_scale), betas 0",
            "padding": "p rows and columns on every side, of a transposed convolution cut off",
        }

    def multiply_adds_per_step(self) -> int:
        """Return the multiply-adds of the matrix products and convolutions that a step needs."""
        made = self.generator().forward()
        return self.batch_size * (made + self.discriminator_update() + self.generator_update())

    def _initialisers(self) -> tuple[Normal, Normal]:
        return Normal(0.0, self.initial_scale), Normal(1.0, self.initial_scale)
