"""baseline: dense, then transposed convolutions; dropout in the discriminator; Adam."""

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


class Baseline(Simultaneous, KerasAdam, KerasBatchNorm):
    """The source's model of fewer layers, as in TensorFlow's DCGAN tutorial.

    One draw of latents a step. One pass of the discriminator over the fakes, with one dropout mask,
    serves both losses; both gradients are of the same weights, then both networks take their step.
    Binary cross-entropy from logits, summed over the real and the fake batch, non-saturating
    generator loss.

    *Chosen*, where the source is silent: the widths, kernels, rates and dropout of the tutorial
    that it follows; no biases before batch normalisation nor in the generator's last layer; batch
    256; latents N(0, I).
    """

    name: ClassVar[str] = "baseline"
    origin: ClassVar[str] = "keras"
    source: ClassVar[str] = "DCGAN for MNIST Image Generation, non-enhanced model"

    batch_size: int = hyperparameter(256, "images in a batch", "chosen", ge=2)
    epochs: int = hyperparameter(50, "passes over the data", "source", ge=1)
    learning_rate: float = hyperparameter(1e-4, "Adam's step size, both networks", "source", gt=0)
    beta1: float = hyperparameter(
        0.9,
        "Adam's decay of the first moment, per step",
        "framework default pinned",
        ge=0,
        lt=1,
        examples=[0.5],
    )
    leaky_relu_slope: float = hyperparameter(
        0.3, "slope below zero, both networks", "framework default pinned", ge=0, lt=1
    )
    dropout: float = hyperparameter(
        0.3, "share of the discriminator's units dropped", "chosen", ge=0, le=0.99
    )
    initial_gain: float = hyperparameter(
        1.0, "factor of Glorot's limit, all kernels", "framework default pinned", gt=0
    )
    generator_channels: int = hyperparameter(
        64,
        "channels of the generator's maps of side / 2; those of side / 4 have twice, at first four",
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
        kernel, channels = GlorotUniform(self.initial_gain), self.generator_channels
        quarter = self.side // 4
        return Network(
            (self.latent_size,),
            (
                Dense(quarter * quarter * 4 * channels, kernel),
                BatchNormalisation(Constant(1.0)),
                Reshape((quarter, quarter, 4 * channels)),
                TransposedConvolution(2 * channels, 5, 1, "same", kernel),  # side / 4
                BatchNormalisation(Constant(1.0)),
                TransposedConvolution(channels, 5, 2, "same", kernel),  # side / 2
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
                Reshape((-1,)),
                Dense(1, *initial),
            ),
        )
