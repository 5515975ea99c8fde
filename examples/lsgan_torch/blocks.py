"""The layers from which both networks are built."""

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class Up(nn.Module):
    """Doubles the height and width of maps."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.convolution = nn.ConvTranspose2d(channels, filters, 4, stride=2, padding=1, bias=False)
        self.normalisation = nn.BatchNorm2d(filters)
        self.activation = nn.ReLU()

    def forward(self, maps: Tensor) -> Tensor:
        """Return (n, filters, 2 height, 2 width)."""
        return self.activation(self.normalisation(self.convolution(maps)))


class Down(nn.Module):
    """Halves the height and width of maps."""

    def __init__(self, channels: int, filters: int) -> None:
        super().__init__()
        self.convolution = spectral_norm(nn.Conv2d(channels, filters, 4, stride=2, padding=1))
        self.activation = nn.LeakyReLU(0.2)

    def forward(self, maps: Tensor) -> Tensor:
        """Return (n, filters, height / 2, width / 2)."""
        return self.activation(self.convolution(maps))
