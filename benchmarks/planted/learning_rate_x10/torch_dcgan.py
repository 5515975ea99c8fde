"""torch-dcgan with a planted regression: both learning rates times ten, the recipe unchanged."""

from gan_bench_torch import dcgan
from gan_bench_torch.optimisers import Adam


class Dcgan(dcgan.Dcgan):
    """Its optimisers do not take the recipe's rate."""

    def build_optimisers(self) -> None:
        rate = 10 * self.recipe.learning_rate
        self.generator_optimiser = Adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = Adam(self.discriminator, rate, **self.recipe.adam)
