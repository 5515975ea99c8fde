"""jax-dcgan-3g: see `gan_bench_recipes.dcgan_3g`."""

from typing import ClassVar

import jax.numpy as jnp
from flax import nnx
from jax import Array

from gan_bench_jax.base import Draws, mean_probability
from gan_bench_jax.dcgan import Dcgan
from gan_bench_jax.losses import cross_entropy
from gan_bench_recipes import dcgan_3g


class Dcgan3g(Dcgan):
    """The recipe dcgan-3g in JAX, twin of the original in PyTorch: dcgan's networks and Adam."""

    recipe_class: ClassVar[type[dcgan_3g.Dcgan3g]] = dcgan_3g.Dcgan3g
    recipe: dcgan_3g.Dcgan3g

    def update(self, real: list[Array], draws: Draws) -> dict[str, Array]:
        """Update the discriminator p times, then the generator k times, each on fresh noise."""
        latents, steps = draws["latents"], self.recipe.discriminator_steps
        judged = [
            self.update_discriminator(images, noise)
            for images, noise in zip(real, latents[:steps], strict=True)
        ]
        generator_losses = [self.update_generator(noise) for noise in latents[steps:]]
        discriminator_loss, d_real, d_fake = jnp.stack(judged).mean(0)
        return {
            "generator": jnp.stack(generator_losses).mean(),
            "discriminator": discriminator_loss,
            "d_real": d_real,
            "d_fake": d_fake,
        }

    def update_discriminator(self, images: Array, noise: Array) -> Array:
        """Make one update; return the loss and the means of D(x) and D(G(z)), (3,)."""
        fakes = self.generator(noise)  # (batch, height, width, channels)

        def loss(discriminator: nnx.Module) -> tuple[Array, tuple[Array, Array]]:
            real_logits, fake_logits = discriminator(images), discriminator(fakes)
            summed = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
            return summed, (mean_probability(real_logits), mean_probability(fake_logits))

        (judged, probabilities), gradient = nnx.value_and_grad(loss, has_aux=True)(
            self.discriminator
        )
        self.discriminator_optimiser.update(self.discriminator, gradient)
        return jnp.stack([judged, *probabilities])

    def update_generator(self, noise: Array) -> Array:
        """Make one update; return the loss."""

        def loss(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            return cross_entropy(discriminator(generator(noise)), True)

        made, gradient = nnx.value_and_grad(loss)(self.generator, self.discriminator)
        self.generator_optimiser.update(self.generator, gradient)
        return made
