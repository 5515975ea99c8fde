"""The update of the recipes baseline, enhanced and decay."""

from flax import nnx
from jax import Array

from gan_bench_jax.base import Draws, JaxTrainer, mean_probability
from gan_bench_jax.losses import cross_entropy


class SimultaneousTrainer(JaxTrainer):
    """A trainer that updates both networks by gradients of the same weights."""

    def update(self, real: list[Array], draws: Draws) -> dict[str, Array]:
        """Update both networks; one pass over the fakes, one dropout mask, serves both losses."""
        (images,), noise = real, draws["latents"][0]

        def losses(
            generator: nnx.Module, discriminator: nnx.Module
        ) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
            fakes = generator(noise)  # (batch, height, width, channels)
            real_logits, fake_logits = discriminator(images), discriminator(fakes)
            discriminator_loss = cross_entropy(real_logits, True) + cross_entropy(
                fake_logits, False
            )
            generator_loss = cross_entropy(fake_logits, True)
            return (generator_loss, discriminator_loss), (real_logits, fake_logits)

        (generator_loss, discriminator_loss), gradients, (real_logits, fake_logits) = nnx.vjp(
            losses, self.generator, self.discriminator, has_aux=True, graph=False
        )
        one, none = generator_loss * 0 + 1, generator_loss * 0
        generator_gradient, _ = gradients((one, none))
        _, discriminator_gradient = gradients((none, one))
        self.discriminator_optimiser.update(self.discriminator, discriminator_gradient)
        self.generator_optimiser.update(self.generator, generator_gradient)

        return {
            "generator": generator_loss,
            "discriminator": discriminator_loss,
            "d_real": mean_probability(real_logits),
            "d_fake": mean_probability(fake_logits),
        }
