"""jax-conditional: see `gan_bench_recipes.conditional`."""

from typing import ClassVar

from flax import nnx
from jax import Array

from gan_bench_jax.layers import Embedding, Labelled, Projection, iterate, sum_over_pixels
from gan_bench_jax.losses import hinge, wasserstein
from gan_bench_jax.sngan import Sngan
from gan_bench_recipes import conditional


class Conditional(Sngan):
    """The recipe conditional in JAX, twin of that in PyTorch: sngan's layers and optimisers."""

    recipe_class: ClassVar[type[conditional.Conditional]] = conditional.Conditional
    recipe: conditional.Conditional

    def new_generator(self) -> nnx.Module:
        """Return a generator."""
        recipe = self.recipe
        return Labelled(
            Embedding(recipe.classes, recipe.embedding_size),
            *self.generator_layers(recipe.latent_size + recipe.embedding_size),
        )

    def new_discriminator(self) -> nnx.Module:
        """Return a discriminator."""
        recipe = self.recipe
        return Labelled(
            *self.maps(),
            sum_over_pixels,
            Projection(recipe.classes, 4 * recipe.discriminator_channels),  # logits (batch,)
        )

    def update_discriminator(
        self, images: Array, noise: Array, *, fake_labels: Array, real_labels: Array
    ) -> dict[str, Array]:
        """Make one power iteration and one update; return the loss."""
        iterate(self.discriminator)
        fakes = self.generator(noise, fake_labels)  # (batch, height, width, channels)

        def loss(discriminator: nnx.Module) -> Array:
            on_real = hinge(discriminator(images, real_labels), True)
            return on_real + hinge(discriminator(fakes, fake_labels), False)

        judged, gradient = nnx.value_and_grad(loss)(self.discriminator)
        self.discriminator_optimiser.update(self.discriminator, gradient)
        return {"discriminator": judged}

    def update_generator(
        self, noise: Array, images: Array, *, fake_labels: Array
    ) -> dict[str, Array]:
        """Make one update; return the loss."""

        def loss(generator: nnx.Module, discriminator: nnx.Module) -> Array:
            fakes = generator(noise, fake_labels)
            return wasserstein(discriminator(fakes, fake_labels), True)

        made, gradient = nnx.value_and_grad(loss)(self.generator, self.discriminator)
        self.generator_optimiser.update(self.generator, gradient)
        return {"generator": made}
