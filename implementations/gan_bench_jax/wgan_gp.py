"""jax-wgan-gp: see `gan_bench_recipes.wgan_gp`."""

from typing import ClassVar

from flax import nnx
from jax import Array

from gan_bench_jax.alternating import AlternatingTrainer
from gan_bench_jax.dcgan import Dcgan
from gan_bench_jax.layers import Conv, MapToPoint, Reshape, leaky_relu
from gan_bench_jax.losses import gradient_penalty, wasserstein
from gan_bench_recipes import wgan_gp


class WganGp(AlternatingTrainer, Dcgan):
    """The recipe wgan-gp in JAX, twin of that in PyTorch: dcgan's generator and optimisers."""

    recipe_class: ClassVar[type[wgan_gp.WganGp]] = wgan_gp.WganGp
    recipe: wgan_gp.WganGp

    def new_discriminator(self) -> nnx.Module:
        """Return a critic."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        channels, quarter = recipe.discriminator_channels, recipe.side // 4
        return nnx.Sequential(
            Conv(recipe.image_channels, channels, 4, 2, 1),
            leaky_relu(slope),  # side / 2
            Conv(channels, 2 * channels, 4, 2, 1),
            leaky_relu(slope),  # side / 4
            MapToPoint(2 * channels, 1, quarter),
            Reshape(),  # (batch,)
        )

    def update_discriminator(self, images: Array, noise: Array, mix: Array) -> dict[str, Array]:
        """Make one update; return the loss and its penalty."""
        fakes = self.generator(noise)  # (batch, height, width, channels)

        def loss(discriminator: nnx.Module) -> tuple[Array, Array]:
            penalty = gradient_penalty(discriminator, images, fakes, mix)
            on_real = wasserstein(discriminator(images), True)
            on_fake = wasserstein(discriminator(fakes), False)
            return on_real + on_fake + self.recipe.penalty_weight * penalty, penalty

        (judged, penalty), gradient = nnx.value_and_grad(loss, has_aux=True)(self.discriminator)
        self.discriminator_optimiser.update(self.discriminator, gradient)
        return {"discriminator": judged, "gradient_penalty": penalty}

    def update_generator(self, noise: Array, images: Array) -> dict[str, Array]:
        """Make one update; return the loss."""

        def loss(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            return wasserstein(discriminator(generator(noise)), True)

        made, gradient = nnx.value_and_grad(loss)(self.generator, self.discriminator)
        self.generator_optimiser.update(self.generator, gradient)
        return {"generator": made}
