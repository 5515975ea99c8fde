"""Moving averages of a network's tensors."""

import keras


def follow(average: keras.Model, network: keras.Model, weight: float) -> None:
    """Let each tensor of the average take in ``weight`` of the network's."""
    for kept, new in zip(average.weights, network.weights, strict=True):
        kept.assign_add((new.value - kept.value) * weight)
