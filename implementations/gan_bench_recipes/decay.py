"""decay: kernels of 4, dropout, and Adam with a decaying rate of its own for each network."""

from typing import ClassVar

from gan_bench_recipes.arithmetic import KerasAdam, KerasBatchNorm
from gan_bench_recipes.base import hyperparameter
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
from gan_bench_recipes.simultaneous import Simultaneous


class Decay(Simultaneous, KerasAdam, KerasBatchNorm):
    """Deep convolutional GAN for MNIST whose learning rates decay exponentially.

    The rate before step t (from 0) of T planned steps is r f^(t / (s T)), with rate r, factor f and
    share s of each network: a shorter budget decays on its own scale. One draw of latents a step;
    one pass of the discriminator over the fakes serves both losses, both gradients are of the same
    weights, then both networks take their step. Binary cross-entropy from logits, summed over the
    real and the fake batch, non-saturating generator loss.

    The generator is as the source prints it. *Chosen*, where it is silent: the discriminator; the
    rates and their decay; batch 128; the order of the updates; latents N(0, I).
    """

    name: ClassVar[str] = "decay"
    origin: ClassVar[str] = "keras"
    source: ClassVar[str] = "DCGAN for MNIST Data Generation"

    batch_size: int = hyperparameter(128, "images in a batch", "chosen", ge=1)
    epochs: int = hyperparameter(200, "passes over the data", "source", ge=1)
    generator_learning_rate: float = hyperparameter(
        2e-4, "Adam's step size at the start, generator", "chosen", gt=0
    )
    discriminator_learning_rate: float = hyperparameter(
        1e-4, "Adam's step size at the start, discriminator", "chosen", gt=0
    )
    generator_decay_factor: float = hyperparameter(
        0.5, "factor of the generator's rate per share of the run", "chosen", gt=0, le=1
    )
    discriminator_decay_factor: float = hyperparameter(
        0.5, "factor of the discriminator's rate per share of the run", "chosen", gt=0, le=1
    )
    generator_decay_share: float = hyperparameter(
        0.25,
        "share of the planned steps in which the generator's rate takes its factor",
        "chosen",
        gt=0,
        le=1,
    )
    discriminator_decay_share: float = hyperparameter(
        0.25,
        "share of the planned steps in which the discriminator's rate takes its factor",
        "chosen",
        gt=0,
        le=1,
    )
    beta1: float = hyperparameter(
        0.5, "Adam's decay of the first moment, per step", "chosen", ge=0, lt=1
    )
    leaky_relu_slope: float = hyperparameter(
        0.2, "slope below zero; the source's in G, chosen in D", "source", ge=0, lt=1
    )
    dropout: float = hyperparameter(
        0.3, "share of the discriminator's units dropped", "chosen", ge=0, le=0.99
    )
    initial_gain: float = hyperparameter(
        1.0, "factor of Glorot's limit, all kernels", "framework default pinned", gt=0
    )
    generator_channels: int = hyperparameter(
        64,
        "channels of the generator's largest maps; those of side / 2 have twice, of side / 4 four",
        "source",
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
        kernel, channels = GlorotUniform(self.initial_gain), self.generator_channels
        quarter = self.side // 4
        return Network(
            (self.latent_size,),
            (
                Dense(quarter * quarter * 4 * channels, kernel),
                Reshape((quarter, quarter, 4 * channels)),
                BatchNormalisation(Constant(1.0)),
                TransposedConvolution(2 * channels, 4, 2, "same", kernel),  # side / 2
                BatchNormalisation(Constant(1.0)),
                TransposedConvolution(channels, 4, 2, "same", kernel),  # side
                BatchNormalisation(Constant(1.0)),
                TransposedConvolution(self.image_channels, 4, 1, "same", kernel, Constant(0.0)),
            ),
        )

    def discriminator(self) -> Network:
        """Return the discriminator's layers."""
        initial = GlorotUniform(self.initial_gain), Constant(0.0)
        channels = self.discriminator_channels
        return Network(
            self.image_shape,
            (
                Convolution(channels, 4, 2, "same", *initial),  # side / 2
                Convolution(2 * channels, 4, 2, "same", *initial),  # side / 4
                Reshape((-1,)),
                Dense(1, *initial),
            ),
        )
