"""sngan: spectral normalisation in the discriminator, hinge loss."""

from typing import ClassVar

from gan_bench_recipes.alternating import Alternating
from gan_bench_recipes.arithmetic import TorchAdam, TorchBatchNorm
from gan_bench_recipes.base import hyperparameter
from gan_bench_recipes.layers import (
    BatchNormalisation,
    Constant,
    Convolution,
    Dense,
    Network,
    Normal,
    Reshape,
    SpectralNormalisation,
    TransposedConvolution,
)
from gan_bench_recipes.losses import Hinge, Loss


class Sngan(Alternating, TorchAdam, TorchBatchNorm):
    """Spectral normalisation GAN, in the paper's convolutional form for small images.

    One power iteration before each discriminator update, none in between; so every pass of a step
    divides the kernels by the same estimate. p discriminator updates, each on a real batch and
    fresh fakes, then k generator updates on fresh latents. Hinge loss.

    The paper's networks for 32 x 32 images, with two halvings of the side instead of three, so that
    28 x 28 images fit, and its Adam. *Chosen*: the widths (a quarter of the paper's), the initial
    scale, batch 64, one discriminator update a step.

    References
    ----------
    Miyato, Kataoka, Koyama and Yoshida 2018, "Spectral normalization for generative adversarial
    networks", table 3 and section 4.
    """

    name: ClassVar[str] = "sngan"
    origin: ClassVar[str] = "torch"
    source: ClassVar[str] = "Miyato et al. 2018"
    loss: ClassVar[type[Loss]] = Hinge
    losses: ClassVar[tuple[str, ...]] = Hinge.losses

    batch_size: int = hyperparameter(64, "images in a batch", "source", ge=1)
    epochs: int = hyperparameter(100, "passes over the data", "chosen", ge=1)
    latent_size: int = hyperparameter(128, "dimensions of a latent vector", "source", ge=1)
    learning_rate: float = hyperparameter(2e-4, "Adam's step size, both networks", "source", gt=0)
    beta1: float = hyperparameter(
        0.0, "Adam's decay of the first moment, per step", "source", ge=0, lt=1, examples=[0.5]
    )
    beta2: float = hyperparameter(
        0.9, "Adam's decay of the second moment, per step", "source", ge=0, lt=1, examples=[0.99]
    )
    leaky_relu_slope: float = hyperparameter(
        0.1, "slope below zero, discriminator", "source", ge=0, lt=1
    )
    initial_scale: float = hyperparameter(
        0.02, "standard deviation of initial kernels", "chosen", gt=0
    )
    generator_channels: int = hyperparameter(
        32,
        "channels of the generator's largest maps; those of side / 2 have twice, of side / 4 four",
        "chosen",
        ge=1,
    )
    discriminator_channels: int = hyperparameter(
        32,
        "channels of the discriminator's largest maps; of side / 2 twice, of side / 4 four times",
        "chosen",
        ge=1,
    )
    discriminator_steps: int = hyperparameter(
        1, "p, discriminator updates in a step", "source", ge=1
    )
    generator_steps: int = hyperparameter(1, "k, generator updates in a step", "source", ge=1)

    def generator(self) -> Network:
        """Return the generator's layers."""
        kernel, channels, quarter = self._kernel(), self.generator_channels, self.side // 4
        return Network(
            (self.latent_size,),
            (
                Dense(quarter * quarter * 4 * channels, kernel),
                Reshape((quarter, quarter, 4 * channels)),
                BatchNormalisation(Constant(1.0)),
                TransposedConvolution(2 * channels, 4, 2, 1, kernel),  # side / 2
                BatchNormalisation(Constant(1.0)),
                TransposedConvolution(channels, 4, 2, 1, kernel),  # side
                BatchNormalisation(Constant(1.0)),
                Convolution(self.image_channels, 3, 1, 1, kernel, Constant(0.0)),
            ),
        )

    def discriminator(self) -> Network:
        """Return the discriminator's layers."""
        initial, channels = (self._kernel(), Constant(0.0)), self.discriminator_channels
        return Network(
            self.image_shape,
            (
                SpectralNormalisation(Convolution(channels, 3, 1, 1, *initial)),  # side
                SpectralNormalisation(Convolution(channels, 4, 2, 1, *initial)),  # side / 2
                SpectralNormalisation(Convolution(2 * channels, 3, 1, 1, *initial)),
                SpectralNormalisation(Convolution(2 * channels, 4, 2, 1, *initial)),  # side / 4
                SpectralNormalisation(Convolution(4 * channels, 3, 1, 1, *initial)),
                Reshape((-1,)),
                SpectralNormalisation(Dense(1, *initial)),
            ),
        )

    @classmethod
    def conventions(cls, framework: str) -> dict[str, str]:
        """Return what is pinned and no field."""
        return super().conventions(framework) | {
            "kernels at the start": "N(0, initial_scale), gammas 1, biases and betas 0",
            "padding": "p rows and columns on every side, of a transposed convolution cut off",
            "spectral normalisation": "kernel / |K u|, K (..., out); one power iteration before "
            "each discriminator update",
        }

    def _kernel(self) -> Normal:
        return Normal(0.0, self.initial_scale)
