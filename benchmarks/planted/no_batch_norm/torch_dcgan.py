"""torch-dcgan with a planted regression: the generator without batch normalisation."""

from dataclasses import replace

from torch import nn

from gan_bench_recipes import dcgan as recipes
from gan_bench_recipes.layers import BatchNormalisation, Network
from gan_bench_torch import dcgan
from gan_bench_torch.layers import BatchNorm


class Recipe(recipes.Dcgan):
    """The recipe dcgan, its values unchanged, its generator without batch normalisation."""

    def generator(self) -> Network:
        network = super().generator()
        kept = [layer for layer in network.layers if not isinstance(layer, BatchNormalisation)]
        return replace(network, layers=tuple(kept))


class Dcgan(dcgan.Dcgan):
    """Its trainer."""

    recipe_class = Recipe

    def build_networks(self) -> None:
        super().build_networks()
        kept = [layer for layer in self.generator if not isinstance(layer, BatchNorm)]
        self.generator = nn.Sequential(*kept)
