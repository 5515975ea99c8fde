"""wgan-gp: dcgan's generator against a critic with a gradient penalty."""

from typing import ClassVar

from gan_bench_recipes.alternating import Alternating
from gan_bench_recipes.base import hyperparameter
from gan_bench_recipes.dcgan import Dcgan
from gan_bench_recipes.layers import Constant, Convolution, Network
from gan_bench_recipes.losses import Loss, WassersteinGradientPenalty


class WganGp(Alternating, Dcgan):
    """Wasserstein GAN with gradient penalty.

    p critic updates, each on a real batch, fresh fakes and images mixed from both, then k generator
    updates on fresh latents. The critic has no batch normalisation, as the penalty treats every
    image alone. The loss, Adam, the batch size and five critic updates are the paper's.

    *Chosen*: the networks, which are dcgan's; biases in the critic in place of batch normalisation,
    but for the last layer, where the loss would not see it; 100 epochs.

    References
    ----------
    Gulrajani, Ahmed, Arjovsky, Dumoulin and Courville 2017, "Improved training of Wasserstein
    GANs", algorithm 1.
    """

    name: ClassVar[str] = "wgan-gp"
    source: ClassVar[str] = "Gulrajani et al. 2017"
    loss: ClassVar[type[Loss]] = WassersteinGradientPenalty
    losses: ClassVar[tuple[str, ...]] = WassersteinGradientPenalty.losses

    batch_size: int = hyperparameter(64, "images in a batch", "source", ge=1)
    epochs: int = hyperparameter(100, "passes over the data", "chosen", ge=1)
    learning_rate: float = hyperparameter(1e-4, "Adam's step size, both networks", "source", gt=0)
    beta1: float = hyperparameter(
        0.0, "Adam's decay of the first moment, per step", "source", ge=0, lt=1, examples=[0.5]
    )
    beta2: float = hyperparameter(
        0.9, "Adam's decay of the second moment, per step", "source", ge=0, lt=1, examples=[0.99]
    )
    leaky_relu_slope: float = hyperparameter(0.2, "slope below zero, critic", "chosen", ge=0, lt=1)
    initial_scale: float = hyperparameter(
        0.02, "standard deviation of initial kernels and gammas", "chosen", gt=0
    )
    penalty_weight: float = hyperparameter(
        10.0, "lambda, factor of the gradient penalty", "source", ge=0
    )
    discriminator_steps: int = hyperparameter(5, "p, critic updates in a step", "source", ge=1)
    generator_steps: int = hyperparameter(1, "k, generator updates in a step", "source", ge=1)

    def discriminator(self) -> Network:
        """Return the critic's layers."""
        kernel, _ = self._initialisers()
        channels, quarter = self.discriminator_channels, self.side // 4
        return Network(
            self.image_shape,
            (
                Convolution(channels, 4, 2, 1, kernel, Constant(0.0)),  # side / 2
                Convolution(2 * channels, 4, 2, 1, kernel, Constant(0.0)),  # side / 4
                Convolution(1, quarter, 1, 0, kernel),  # 1 x 1
            ),
        )
