"""jax-augment: see `gan_bench_recipes.augment`."""

from typing import ClassVar

from flax import nnx
from jax import Array

from gan_bench_jax.augmentation import cut_out, translated
from gan_bench_jax.base import Draws, mean_probability
from gan_bench_jax.dcgan import Dcgan
from gan_bench_jax.losses import cross_entropy
from gan_bench_recipes import augment


class Augment(Dcgan):
    """The recipe augment in JAX, twin of that in PyTorch: dcgan's networks and optimisers."""

    recipe_class: ClassVar[type[augment.Augment]] = augment.Augment
    recipe: augment.Augment

    def update(self, real: list[Array], draws: Draws) -> dict[str, Array]:
        """Make dcgan's update on images that are augmented before each pass."""
        (images,), noise = real, draws["latents"][0]
        of_real, of_fakes, of_made = zip(draws["shifts"], draws["cuts"], strict=True)
        fakes, generator_gradient = nnx.vjp(  # (batch, height, width, channels)
            lambda generator: generator(noise), self.generator, graph=False
        )

        def discriminator_loss(discriminator: nnx.Module) -> tuple[Array, tuple[Array, Array]]:
            real_logits = discriminator(self.augmented(images, *of_real))
            fake_logits = discriminator(self.augmented(fakes, *of_fakes))
            loss = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
            return loss, (mean_probability(real_logits), mean_probability(fake_logits))

        (judged, (d_real, d_fake)), gradient = nnx.value_and_grad(discriminator_loss, has_aux=True)(
            self.discriminator
        )
        self.discriminator_optimiser.update(self.discriminator, gradient)

        def generator_loss(fakes: Array, discriminator: nnx.Module) -> Array:
            return cross_entropy(discriminator(self.augmented(fakes, *of_made)), True)

        made, towards_fakes = nnx.value_and_grad(generator_loss)(fakes, self.discriminator)
        (gradient,) = generator_gradient(towards_fakes)
        self.generator_optimiser.update(self.generator, gradient)

        return {"generator": made, "discriminator": judged, "d_real": d_real, "d_fake": d_fake}

    def augmented(self, images: Array, shifts: Array, cuts: Array) -> Array:
        """Return images, translated, then cut out."""
        moved = translated(images, shifts, self.recipe.translation)
        return cut_out(moved, cuts, self.recipe.cutout)
