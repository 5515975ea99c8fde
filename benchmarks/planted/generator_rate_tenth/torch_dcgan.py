"""torch-dcgan with a planted regression: the generator's learning rate divided by ten."""

from gan_bench_torch import dcgan


class Dcgan(dcgan.Dcgan):
    """The generator's optimiser does not take the recipe's rate."""

    def build_optimisers(self) -> None:
        super().build_optimisers()
        for group in self.generator_optimiser.param_groups:
            group["lr"] /= 10
