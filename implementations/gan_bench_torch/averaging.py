"""Moving averages of a network's tensors."""

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, weight: float) -> None:
    """Let each tensor of the average take in ``weight`` of the network's."""
    kept, new = (
        [*one.parameters(), *(value for value in one.buffers() if value.is_floating_point())]
        for one in (average, network)
    )
    torch._foreach_lerp_(kept, new, weight)
