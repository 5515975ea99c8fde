"""Moving averages of a network's tensors."""

import jax
from flax import nnx


def follow(average: nnx.Module, network: nnx.Module, weight: float) -> None:
    """Let each tensor of the average take in ``weight`` of the network's."""
    kept, new = nnx.state(average), nnx.state(network)
    nnx.update(average, jax.tree.map(lambda old, now: old + (now - old) * weight, kept, new))
