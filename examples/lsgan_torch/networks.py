"""The two networks of the LSGAN, for images whose sides are multiples of four."""

from blocks import Down, Up
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class Generator(nn.Module):
    """Latents (n, size) to images (n, channels, height, width) in [-1, 1]."""

    def __init__(self, size: int, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        rows, columns, channels = shape[0] // 4, shape[1] // 4, shape[2]
        self.first = nn.Sequential(
            nn.Linear(size, 2 * width * rows * columns, bias=False),
            nn.Unflatten(1, (2 * width, rows, columns)),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(),
        )
        self.up = nn.Sequential(Up(2 * width, width), Up(width, width))
        self.last = nn.Conv2d(width, channels, 3, padding=1)

    def forward(self, latents: Tensor) -> Tensor:
        """Return images."""
        return self.last(self.up(self.first(latents))).tanh()


class Discriminator(nn.Module):
    """Images to scores (n, 1): 1 is real, 0 is fake."""

    def __init__(self, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        rows, columns, channels = shape[0] // 4, shape[1] // 4, shape[2]
        self.down = nn.Sequential(Down(channels, width), Down(width, 2 * width), nn.Flatten())
        self.last = spectral_norm(nn.Linear(2 * width * rows * columns, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return scores."""
        return self.last(self.down(images))
