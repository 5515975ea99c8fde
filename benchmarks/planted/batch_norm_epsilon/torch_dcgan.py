"""torch-dcgan with a planted regression: `BatchNorm2d(channels, 0.8)`, a well-known slip.

The second argument of PyTorch's layer is epsilon, not the momentum.
"""

from gan_bench_torch import dcgan
from gan_bench_torch.layers import BatchNorm


class Dcgan(dcgan.Dcgan):
    """Every batch normalisation has epsilon 0.8."""

    def build_networks(self) -> None:
        super().build_networks()
        for layer in (*self.generator.modules(), *self.discriminator.modules()):
            if isinstance(layer, BatchNorm):
                layer.eps = 0.8
