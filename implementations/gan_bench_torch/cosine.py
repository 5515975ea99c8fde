"""torch-cosine: see `gan_bench_recipes.cosine`."""

from typing import ClassVar

from torch import Tensor

from gan_bench_recipes import cosine
from gan_bench_torch.averaging import follow
from gan_bench_torch.dcgan import Dcgan
from gan_bench_torch.optimisers import Adam, cosine_decay


class Cosine(Dcgan):
    """The recipe cosine in PyTorch: dcgan's networks and update."""

    recipe_class: ClassVar[type[cosine.Cosine]] = cosine.Cosine
    recipe: cosine.Cosine

    def build_networks(self) -> None:
        """Build both networks, and the average of the generator."""
        super().build_networks()
        self.average = self.new_generator().requires_grad_(False)

    def build_optimisers(self) -> None:
        """Build one Adam for each network, both with the rate that falls."""
        rate = cosine_decay(self.recipe.learning_rate, self.planned_steps)
        self.generator_optimiser = Adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = Adam(self.discriminator, rate, **self.recipe.adam)

    def update(self, real: list[Tensor], draws: dict[str, Tensor]) -> dict[str, Tensor]:
        """Make dcgan's update; then the average takes in the generator."""
        losses = super().update(real, draws)
        follow(self.average, self.generator, 1 - self.recipe.average_decay)
        return losses
