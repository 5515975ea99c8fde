"""upsampling-sgd: nearest-neighbour upsampling and tanh throughout, trained with Nesterov SGD."""

from typing import ClassVar, Literal

from gan_bench_recipes.arithmetic import KerasBatchNorm
from gan_bench_recipes.base import hyperparameter
from gan_bench_recipes.layers import (
    BatchNormalisation,
    Constant,
    Convolution,
    Dense,
    GlorotUniform,
    MaxPooling,
    Network,
    Reshape,
    UpSampling,
)


class UpsamplingSgd(KerasBatchNorm):
    """GAN of upsampling and plain convolutions, batch normalisation only in the generator.

    One discriminator step on the real batch and as many fakes together (one mean over both), then
    one generator step on fresh noise. Binary cross-entropy from logits, non-saturating generator
    loss. The published FID is 16.80; its protocol is not stated.

    *Chosen*, where the source is silent: the layers within "Dense - BN - UpSampling - Conv2D" and
    "Conv2D - MaxPool - Dense", after the well-known Keras model with these hyperparameters (tanh,
    Glorot uniform, biases everywhere); the order of the updates; latents U(-1, 1); the generator
    in training mode in both steps, so that its moving statistics see two batches a step; training
    on the training split alone, of which the source adds the test split.
    """

    name: ClassVar[str] = "upsampling-sgd"
    origin: ClassVar[str] = "keras"
    source: ClassVar[str] = "GAN-MNIST: Image Generation using Deep Convolutional GAN"

    batch_size: int = hyperparameter(128, "images in a batch", "source", ge=2)
    latent_distribution: Literal["normal", "uniform"] = hyperparameter(
        "uniform", "N(0, I), or uniform in [-1, 1)", "chosen"
    )
    epochs: int = hyperparameter(15, "passes over the data", "source", ge=1)
    learning_rate: float = hyperparameter(5e-4, "SGD's step size, both networks", "source", gt=0)
    momentum: float = hyperparameter(
        0.9, "decay of SGD's velocity, per step", "source", gt=0, lt=1, examples=[0.5]
    )
    nesterov: bool = hyperparameter(True, "Nesterov's form of momentum", "source", examples=[False])
    initial_gain: float = hyperparameter(
        1.0, "factor of Glorot's limit, all kernels", "chosen", gt=0
    )
    train_split: Literal["train", "train+test"] = hyperparameter(
        "train",
        "splits to train on; the source takes both, and then the scores' reference is in training",
        "chosen",
    )
    generator_channels: int = hyperparameter(
        64,
        "channels of the generator's maps of side / 2; those of side / 4 have twice",
        "chosen",
        ge=1,
    )
    discriminator_channels: int = hyperparameter(
        64, "channels of the first convolution; the second has twice", "chosen", ge=1
    )
    dense_units: int = hyperparameter(
        1024, "units of each network's wide dense layer", "chosen", ge=1
    )

    @property
    def train_splits(self) -> tuple[Literal["train", "test"], ...]:
        """The data set's splits that the run trains on."""
        return ("train", "test") if self.train_split == "train+test" else ("train",)

    @property
    def latent_batches_per_step(self) -> int:
        """Batches of latents that one step consumes: one for each network's update."""
        return 2

    def generator(self) -> Network:
        """Return the generator's layers."""
        initial = GlorotUniform(self.initial_gain), Constant(0.0)
        channels, quarter = self.generator_channels, self.side // 4
        return Network(
            (self.latent_size,),
            (
                Dense(self.dense_units, *initial),
                Dense(quarter * quarter * 2 * channels, *initial),
                BatchNormalisation(Constant(1.0)),
                Reshape((quarter, quarter, 2 * channels)),
                UpSampling(2),
                Convolution(channels, 5, 1, "same", *initial),  # side / 2
                UpSampling(2),
                Convolution(self.image_channels, 5, 1, "same", *initial),  # side
            ),
        )

    def discriminator(self) -> Network:
        """Return the discriminator's layers."""
        initial = GlorotUniform(self.initial_gain), Constant(0.0)
        channels = self.discriminator_channels
        return Network(
            self.image_shape,
            (
                Convolution(channels, 5, 1, "same", *initial),  # side
                MaxPooling(2),
                Convolution(2 * channels, 5, 1, "valid", *initial),  # side / 2 - 4
                MaxPooling(2),
                Reshape((-1,)),
                Dense(self.dense_units, *initial),
                Dense(1, *initial),
            ),
        )

    @classmethod
    def conventions(cls, framework: str) -> dict[str, str]:
        """Return what is pinned and no field."""
        return super().conventions(framework) | {
            "kernels at the start": "Glorot uniform times initial_gain, biases 0",
            "padding": "same and valid as Keras computes them",
            "nesterov": "v = mu v - lr g, w += mu v - lr g; at a constant rate PyTorch's form too",
        }

    def multiply_adds_per_step(self) -> int:
        """Return the multiply-adds of the matrix products and convolutions that a step needs."""
        made = 2 * self.generator().forward()
        return self.batch_size * (made + self.discriminator_update() + self.generator_update())
