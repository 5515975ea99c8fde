"""The networks of decay, trained with the losses that have a penalty, in each framework."""

from typing import ClassVar

from gan_bench_recipes.decay import Decay
from gan_bench_recipes.losses import Loss, RelativisticR1R2, WassersteinGradientPenalty

WEIGHT = 3.0
"""Of each penalty."""


class WassersteinRecipe(Decay):
    name: ClassVar[str] = "wasserstein"
    loss: ClassVar[type[Loss]] = WassersteinGradientPenalty
    losses: ClassVar[tuple[str, ...]] = WassersteinGradientPenalty.losses


class RelativisticRecipe(Decay):
    name: ClassVar[str] = "relativistic"
    loss: ClassVar[type[Loss]] = RelativisticR1R2
    losses: ClassVar[tuple[str, ...]] = RelativisticR1R2.losses


def in_torch():
    """Return a trainer for each recipe."""
    from gan_bench_torch.base import descend
    from gan_bench_torch.decay import Decay
    from gan_bench_torch.losses import (
        gradient_penalty,
        relativistic,
        wasserstein,
        zero_centred_penalty,
    )

    class Wasserstein(Decay):
        recipe_class = WassersteinRecipe

        def update(self, real, draws):
            (images,), (mix,) = real, draws["mix"]
            fakes = self.generator(draws["latents"][0])

            penalty = gradient_penalty(self.discriminator, images, fakes, mix)
            on_real = wasserstein(self.discriminator(images), True)
            on_fake = wasserstein(self.discriminator(fakes.detach()), False)
            loss = on_real + on_fake + WEIGHT * penalty
            descend(loss, self.discriminator_optimiser)

            made = wasserstein(self.discriminator(fakes), True)
            descend(made, self.generator_optimiser)
            return {"generator": made, "discriminator": loss, "gradient_penalty": penalty}

    class Relativistic(Decay):
        recipe_class = RelativisticRecipe

        def update(self, real, draws):
            (images,) = real
            fakes = self.generator(draws["latents"][0])

            on_real, r1 = zero_centred_penalty(self.discriminator, images)
            on_fake, r2 = zero_centred_penalty(self.discriminator, fakes)
            loss = relativistic(on_real, on_fake) + WEIGHT * (r1 + r2)
            descend(loss, self.discriminator_optimiser)

            made = relativistic(self.discriminator(fakes), self.discriminator(images))
            descend(made, self.generator_optimiser)
            return {"generator": made, "discriminator": loss, "r1": r1, "r2": r2}

    return {"wasserstein": Wasserstein, "relativistic": Relativistic}


def in_keras():
    """Return a trainer for each recipe."""
    import tensorflow as tf

    from gan_bench_keras.base import descend
    from gan_bench_keras.decay import Decay
    from gan_bench_keras.losses import (
        gradient_penalty,
        relativistic,
        wasserstein,
        zero_centred_penalty,
    )

    class Wasserstein(Decay):
        recipe_class = WassersteinRecipe

        def update(self, real, draws):
            (images,), mix = real, draws["mix"][0]
            with tf.GradientTape() as generator_tape:
                fakes = self.generator(draws["latents"][0], training=True)

                with tf.GradientTape() as tape:
                    penalty = gradient_penalty(self.discriminator, images, fakes, mix)
                    on_real = wasserstein(self.discriminator(images, training=True), True)
                    on_fake = wasserstein(self.discriminator(fakes, training=True), False)
                    loss = on_real + on_fake + WEIGHT * penalty
                descend(tape, loss, self.discriminator, self.discriminator_optimiser)

                made = wasserstein(self.discriminator(fakes, training=True), True)
            descend(generator_tape, made, self.generator, self.generator_optimiser)
            return {"generator": made, "discriminator": loss, "gradient_penalty": penalty}

    class Relativistic(Decay):
        recipe_class = RelativisticRecipe

        def update(self, real, draws):
            (images,) = real
            with tf.GradientTape() as generator_tape:
                fakes = self.generator(draws["latents"][0], training=True)

                with tf.GradientTape() as tape:
                    on_real, r1 = zero_centred_penalty(self.discriminator, images)
                    on_fake, r2 = zero_centred_penalty(self.discriminator, fakes)
                    loss = relativistic(on_real, on_fake) + WEIGHT * (r1 + r2)
                descend(tape, loss, self.discriminator, self.discriminator_optimiser)

                on_fake = self.discriminator(fakes, training=True)
                made = relativistic(on_fake, self.discriminator(images, training=True))
            descend(generator_tape, made, self.generator, self.generator_optimiser)
            return {"generator": made, "discriminator": loss, "r1": r1, "r2": r2}

    return {"wasserstein": Wasserstein, "relativistic": Relativistic}


def in_jax():
    """Return a trainer for each recipe."""
    from flax import nnx

    from gan_bench_jax.decay import Decay
    from gan_bench_jax.losses import (
        gradient_penalty,
        relativistic,
        wasserstein,
        zero_centred_penalty,
    )

    class Wasserstein(Decay):
        recipe_class = WassersteinRecipe

        def update(self, real, draws):
            (images,), mix, noise = real, draws["mix"][0], draws["latents"][0]
            fakes, towards_generator = nnx.vjp(
                lambda generator: generator(noise), self.generator, graph=False
            )

            def discriminator_loss(discriminator):
                penalty = gradient_penalty(discriminator, images, fakes, mix)
                on_real = wasserstein(discriminator(images), True)
                on_fake = wasserstein(discriminator(fakes), False)
                return on_real + on_fake + WEIGHT * penalty, penalty

            both = nnx.value_and_grad(discriminator_loss, has_aux=True)(self.discriminator)
            (loss, penalty), gradient = both
            self.discriminator_optimiser.update(self.discriminator, gradient)

            def generator_loss(fakes, discriminator):
                return wasserstein(discriminator(fakes), True)

            made, gradient = nnx.value_and_grad(generator_loss)(fakes, self.discriminator)
            self.generator_optimiser.update(self.generator, *towards_generator(gradient))
            return {"generator": made, "discriminator": loss, "gradient_penalty": penalty}

    class Relativistic(Decay):
        recipe_class = RelativisticRecipe

        def update(self, real, draws):
            (images,), noise = real, draws["latents"][0]
            fakes, towards_generator = nnx.vjp(
                lambda generator: generator(noise), self.generator, graph=False
            )

            def discriminator_loss(discriminator):
                on_real, r1 = zero_centred_penalty(discriminator, images)
                on_fake, r2 = zero_centred_penalty(discriminator, fakes)
                return relativistic(on_real, on_fake) + WEIGHT * (r1 + r2), (r1, r2)

            both = nnx.value_and_grad(discriminator_loss, has_aux=True)(self.discriminator)
            (loss, (r1, r2)), gradient = both
            self.discriminator_optimiser.update(self.discriminator, gradient)

            def generator_loss(fakes, discriminator):
                return relativistic(discriminator(fakes), discriminator(images))

            made, gradient = nnx.value_and_grad(generator_loss)(fakes, self.discriminator)
            self.generator_optimiser.update(self.generator, *towards_generator(gradient))
            return {"generator": made, "discriminator": loss, "r1": r1, "r2": r2}

    return {"wasserstein": Wasserstein, "relativistic": Relativistic}
