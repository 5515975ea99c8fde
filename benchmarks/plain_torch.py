"""What the plain PyTorch scripts share: real images in batches, and how weights start."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def real_batches(images: np.ndarray, batch_size: int, device: str) -> Iterator[torch.Tensor]:
    """Yield shuffled batches without end, NCHW in [-1, 1]."""
    scaled = torch.tensor(images).permute(0, 3, 1, 2).float() / 127.5 - 1
    loader = DataLoader(
        TensorDataset(scaled),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        pin_memory=device != "cpu",
    )
    while True:
        for (real,) in loader:
            yield real.to(device)


def normal_weights(layer: nn.Module) -> None:
    """Start as in the DCGAN tutorial; for ``network.apply``."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)


def glorot_weights(layer: nn.Module) -> None:
    """Start as Keras does; for ``network.apply``."""
    if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
