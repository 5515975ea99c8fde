"""Optimisers in the arithmetic that the recipes state."""

from collections.abc import Callable
from math import sqrt

import torch
from torch import nn

from gan_bench_recipes.arithmetic import KerasAdam, TorchAdam
from gan_bench_recipes.upsampling_sgd import UpsamplingSgd


class Adam(torch.optim.Adam):
    """Adam with its epsilon where the recipe has it, and a rate that may depend on the step.

    PyTorch adds epsilon after bias correction. Keras adds it before, to the uncorrected root, which
    is the same as PyTorch's form with epsilon / sqrt(1 - beta2^t) in update t.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: KerasAdam | TorchAdam,
        learning_rate: float | Callable[[int], float],
    ) -> None:
        self.epsilon = recipe.adam_epsilon
        self.before = recipe.adam_epsilon_form == "before"
        self.rate = learning_rate if callable(learning_rate) else lambda _: learning_rate
        super().__init__(
            network.parameters(),
            lr=self.rate(0),
            betas=(recipe.beta1, recipe.beta2),
            eps=self.epsilon,
            weight_decay=0.0,
            amsgrad=False,
            fused=True,
        )
        self.param_groups[0]["updates"] = 0  # a group's values are part of the saved state

    def step(self, closure: None = None) -> None:
        """Make the next update."""
        (group,) = self.param_groups
        group["lr"] = self.rate(group["updates"])
        group["updates"] += 1
        if self.before:
            group["eps"] = self.epsilon / sqrt(1 - group["betas"][1] ** group["updates"])
        super().step(closure)


def exponential_decay(rate: float, steps: float, factor: float) -> Callable[[int], float]:
    """Return the rate before each step (from 0): ``rate * factor ** (step / steps)``."""
    return lambda step: rate * factor ** (step / steps)


def sgd(network: nn.Module, recipe: UpsamplingSgd) -> torch.optim.SGD:
    """Return SGD: b = mu b + g, p -= lr (g + mu b); Keras' form too at a constant rate."""
    return torch.optim.SGD(
        network.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        dampening=0.0,
        weight_decay=0.0,
        nesterov=recipe.nesterov,
        fused=True,
    )
