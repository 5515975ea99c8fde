"""dcgan-3g: dcgan's networks, three generator steps for each step of the discriminator."""

from typing import ClassVar

from gan_bench_recipes.alternating import Alternating
from gan_bench_recipes.base import hyperparameter
from gan_bench_recipes.dcgan import Dcgan


class Dcgan3g(Alternating, Dcgan):
    """Deep convolutional GAN for MNIST whose generator is updated more often.

    p discriminator steps, each on a real batch and fresh fakes (apart, their losses summed), then k
    generator steps, each on fresh noise against the discriminator as it then is. Networks and
    optimisers are dcgan's.

    *Chosen*, where the source is silent: dcgan's layer sizes, slope and initial scale, batch 128,
    latents N(0, I).
    """

    name: ClassVar[str] = "dcgan-3g"
    source: ClassVar[str] = "DCGAN on MNIST"

    epochs: int = hyperparameter(50, "passes over the data", "source", ge=1)
    learning_rate: float = hyperparameter(2e-4, "Adam's step size, both networks", "source", gt=0)
    beta1: float = hyperparameter(
        0.5, "Adam's decay of the first moment, per step", "source", ge=0, lt=1
    )
    leaky_relu_slope: float = hyperparameter(
        0.2, "slope below zero, discriminator", "chosen", ge=0, lt=1
    )
    initial_scale: float = hyperparameter(
        0.02, "standard deviation of initial kernels and gammas", "chosen", gt=0
    )
    discriminator_steps: int = hyperparameter(
        1, "p, discriminator updates in a step", "source", ge=1
    )
    generator_steps: int = hyperparameter(3, "k, generator updates in a step", "source", ge=1)
