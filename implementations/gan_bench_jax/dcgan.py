"""jax-dcgan: see `gan_bench_recipes.dcgan`."""

from typing import ClassVar

import jax
from flax import nnx
from jax import Array
from jax.numpy import tanh

from gan_bench_jax.base import Draws, JaxTrainer, mean_probability
from gan_bench_jax.layers import (
    BatchNorm,
    Conv,
    ConvTranspose,
    MapToPoint,
    PointToMap,
    Reshape,
    leaky_relu,
)
from gan_bench_jax.losses import cross_entropy
from gan_bench_jax.optimisers import adam
from gan_bench_recipes import dcgan


class Dcgan(JaxTrainer):
    """The recipe dcgan in JAX, twin of the original in PyTorch."""

    recipe_class: ClassVar[type[dcgan.Dcgan]] = dcgan.Dcgan
    recipe: dcgan.Dcgan

    def build_networks(self) -> None:
        """Build both networks."""
        self.generator = self.new_generator()
        self.discriminator = self.new_discriminator()

    def new_generator(self) -> nnx.Module:
        """Return a generator."""
        recipe = self.recipe
        norm = recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        return nnx.Sequential(
            PointToMap(recipe.latent_size, 2 * channels, quarter),
            BatchNorm(2 * channels, **norm),  # side / 4
            jax.nn.relu,
            ConvTranspose(2 * channels, channels, 4, 2, 1, bias=False),
            BatchNorm(channels, **norm),  # side / 2
            jax.nn.relu,
            ConvTranspose(channels, recipe.image_channels, 4, 2, 1, bias=False),
            tanh,  # side
        )

    def new_discriminator(self) -> nnx.Module:
        """Return a discriminator."""
        recipe, norm = self.recipe, self.recipe.batch_norm
        slope = self.recipe.leaky_relu_slope
        channels, quarter = recipe.discriminator_channels, recipe.side // 4
        return nnx.Sequential(
            Conv(recipe.image_channels, channels, 4, 2, 1, bias=False),
            leaky_relu(slope),  # side / 2
            Conv(channels, 2 * channels, 4, 2, 1, bias=False),
            BatchNorm(2 * channels, **norm),  # side / 4
            leaky_relu(slope),
            MapToPoint(2 * channels, 1, quarter),
            Reshape(),  # logits (batch,)
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        rate = self.recipe.learning_rate
        self.generator_optimiser = adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = adam(self.discriminator, rate, **self.recipe.adam)

    def update(self, real: list[Array], draws: Draws) -> dict[str, Array]:
        """Update the discriminator, then the generator against it, with the same fakes."""
        (images,), noise = real, draws["latents"][0]
        fakes, generator_gradient = nnx.vjp(  # (batch, height, width, channels)
            lambda generator: generator(noise), self.generator, graph=False
        )

        def discriminator_loss(discriminator: nnx.Module) -> tuple[Array, tuple[Array, Array]]:
            real_logits, fake_logits = discriminator(images), discriminator(fakes)
            loss = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
            return loss, (mean_probability(real_logits), mean_probability(fake_logits))

        (judged, (d_real, d_fake)), gradient = nnx.value_and_grad(discriminator_loss, has_aux=True)(
            self.discriminator
        )
        self.discriminator_optimiser.update(self.discriminator, gradient)

        def generator_loss(fakes: Array, discriminator: nnx.Module) -> Array:
            return cross_entropy(discriminator(fakes), True)

        made, towards_fakes = nnx.value_and_grad(generator_loss)(fakes, self.discriminator)
        (gradient,) = generator_gradient(towards_fakes)
        self.generator_optimiser.update(self.generator, gradient)

        return {"generator": made, "discriminator": judged, "d_real": d_real, "d_fake": d_fake}
