"""jax-cosine: see `gan_bench_recipes.cosine`."""

from typing import ClassVar

from jax import Array

from gan_bench_jax.averaging import follow
from gan_bench_jax.base import Draws
from gan_bench_jax.dcgan import Dcgan
from gan_bench_jax.optimisers import adam, cosine_decay
from gan_bench_recipes import cosine


class Cosine(Dcgan):
    """The recipe cosine in JAX: dcgan's networks and update."""

    recipe_class: ClassVar[type[cosine.Cosine]] = cosine.Cosine
    recipe: cosine.Cosine

    def build_networks(self) -> None:
        """Build both networks, and the average of the generator."""
        super().build_networks()
        self.average = self.new_generator()

    def build_optimisers(self) -> None:
        """Build one Adam for each network, both with the rate that falls."""
        rate = cosine_decay(self.recipe.learning_rate, self.planned_steps)
        self.generator_optimiser = adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = adam(self.discriminator, rate, **self.recipe.adam)

    def update(self, real: list[Array], draws: Draws) -> dict[str, Array]:
        """Make dcgan's update; then the average takes in the generator."""
        losses = super().update(real, draws)
        follow(self.average, self.generator, 1 - self.recipe.average_decay)
        return losses
