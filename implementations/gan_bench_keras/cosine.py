"""keras-cosine: see `gan_bench_recipes.cosine`."""

from typing import ClassVar

import tensorflow as tf

from gan_bench_keras.averaging import follow
from gan_bench_keras.dcgan import Dcgan
from gan_bench_keras.optimisers import Adam, CosineDecay
from gan_bench_recipes import cosine


class Cosine(Dcgan):
    """The recipe cosine in Keras: dcgan's networks and update."""

    recipe_class: ClassVar[type[cosine.Cosine]] = cosine.Cosine
    recipe: cosine.Cosine

    def build_networks(self) -> None:
        """Build both networks, and the average of the generator."""
        super().build_networks()
        self.average = self.new_generator()
        self.average.trainable = False

    def build_optimisers(self) -> None:
        """Build one Adam for each network, both with the rate that falls."""
        rate = CosineDecay(self.recipe.learning_rate, self.planned_steps)
        self.generator_optimiser = Adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = Adam(self.discriminator, rate, **self.recipe.adam)

    def update(self, real: list[tf.Tensor], draws: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Make dcgan's update; then the average takes in the generator."""
        losses = super().update(real, draws)
        follow(self.average, self.generator, 1 - self.recipe.average_decay)
        return losses
