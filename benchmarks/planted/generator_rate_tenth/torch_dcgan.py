"""torch-dcgan with a planted regression: the generator's learning rate divided by ten."""

from gan_bench_torch import dcgan
from gan_bench_torch.optimisers import Adam


class Dcgan(dcgan.Dcgan):
    """Its generator's optimiser does not take the recipe's rate."""

    def build_optimisers(self) -> None:
        super().build_optimisers()
        recipe = self.recipe
        self.generator_optimiser = Adam(self.generator, recipe.learning_rate / 10, **recipe.adam)
