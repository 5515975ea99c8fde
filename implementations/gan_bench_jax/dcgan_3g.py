"""jax-dcgan-3g: see `gan_bench_recipes.dcgan_3g`."""

from typing import ClassVar

from flax import nnx
from jax import Array

from gan_bench_jax.alternating import AlternatingTrainer
from gan_bench_jax.base import mean_probability
from gan_bench_jax.dcgan import Dcgan
from gan_bench_jax.losses import cross_entropy
from gan_bench_recipes import dcgan_3g


class Dcgan3g(AlternatingTrainer, Dcgan):
    """The recipe dcgan-3g in JAX, twin of the original in PyTorch: dcgan's networks and Adam."""

    recipe_class: ClassVar[type[dcgan_3g.Dcgan3g]] = dcgan_3g.Dcgan3g
    recipe: dcgan_3g.Dcgan3g

    def update_discriminator(self, images: Array, noise: Array) -> dict[str, Array]:
        """Make one update; return the loss and the means of D(x) and D(G(z))."""
        fakes = self.generator(noise)  # (batch, height, width, channels)

        def loss(discriminator: nnx.Module) -> tuple[Array, dict[str, Array]]:
            real_logits, fake_logits = discriminator(images), discriminator(fakes)
            summed = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
            means = {
                "d_real": mean_probability(real_logits),
                "d_fake": mean_probability(fake_logits),
            }
            return summed, means

        (judged, means), gradient = nnx.value_and_grad(loss, has_aux=True)(self.discriminator)
        self.discriminator_optimiser.update(self.discriminator, gradient)
        return {"discriminator": judged, **means}

    def update_generator(self, noise: Array, images: Array) -> dict[str, Array]:
        """Make one update; return the loss."""

        def loss(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            return cross_entropy(discriminator(generator(noise)), True)

        made, gradient = nnx.value_and_grad(loss)(self.generator, self.discriminator)
        self.generator_optimiser.update(self.generator, gradient)
        return {"generator": made}
