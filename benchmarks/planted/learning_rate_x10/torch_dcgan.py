"""torch-dcgan with a planted regression: both learning rates times ten, the recipe unchanged."""

from gan_bench_torch import dcgan


class Dcgan(dcgan.Dcgan):
    """The optimisers do not take the recipe's rate."""

    def build_optimisers(self) -> None:
        super().build_optimisers()
        for optimiser in (self.generator_optimiser, self.discriminator_optimiser):
            for group in optimiser.param_groups:
                group["lr"] *= 10
