"""Optimisers in the arithmetic that the recipes state."""

from collections.abc import Callable
from math import cos, inf, pi
from typing import Literal

import torch
from torch import Tensor, nn

from gan_bench_torch.captured import can_be_captured


class Adam(torch.optim.Adam):
    """Adam with its epsilon in either form, and a rate that may depend on the step.

    PyTorch adds epsilon after bias correction. Keras adds it before, to the uncorrected root: that
    is PyTorch's form with moments that need no correction any more, as after infinitely many
    steps, and the rate times sqrt(1 - beta2^t) / (1 - beta1^t) in update t.

    Where steps are captured (see `gan_bench_torch.captured`), the count of updates and the rate
    are in the device's memory.
    """

    def __init__(
        self,
        network: nn.Module,
        learning_rate: float | Callable[[int | Tensor], float | Tensor],
        *,
        beta1: float,
        beta2: float,
        epsilon: float,
        epsilon_form: Literal["after", "before"],
    ) -> None:
        parameters = list(network.parameters())
        captured = can_be_captured(parameters[0])
        self.before = epsilon_form == "before"
        self.rate = learning_rate if callable(learning_rate) else lambda _: learning_rate
        super().__init__(
            parameters,
            lr=self.rate(0),
            betas=(beta1, beta2),
            eps=epsilon,
            weight_decay=0.0,
            amsgrad=False,
            fused=True,
            capturable=captured,
        )
        # A group's values are part of the saved state.
        (group,) = self.param_groups
        group["updates"] = 0
        if captured:
            device = parameters[0].device
            group["updates"] = torch.zeros((), dtype=torch.float64, device=device)
            group["lr"] = torch.zeros((), device=device)
        if self.before:
            for parameter in parameters:
                self.state[parameter] = {
                    "step": torch.tensor(inf, device=parameter.device),
                    "exp_avg": torch.zeros_like(parameter),
                    "exp_avg_sq": torch.zeros_like(parameter),
                }

    def step(self, closure: None = None) -> None:
        """Make the next update."""
        (group,) = self.param_groups
        rate = self.rate(group["updates"])
        group["updates"] += 1
        if self.before:
            beta1, beta2 = group["betas"]
            correction = (1 - beta2 ** group["updates"]) ** 0.5 / (1 - beta1 ** group["updates"])
            rate = rate * correction
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
        super().step(closure)


def exponential_decay(
    rate: float, steps: float, factor: float
) -> Callable[[int | Tensor], float | Tensor]:
    """Return the rate before each step (from 0): ``rate * factor ** (step / steps)``."""
    return lambda step: rate * factor ** (step / steps)


def cosine_decay(rate: float, steps: float) -> Callable[[int | Tensor], float | Tensor]:
    """Return the rate before each step (from 0): ``rate / 2 * (1 + cos(pi * step / steps))``."""

    def before(step: int | Tensor) -> float | Tensor:
        turned = (
            torch.cos(pi * step / steps) if isinstance(step, Tensor) else cos(pi * step / steps)
        )
        return rate / 2 * (1 + turned)

    return before


def sgd(
    network: nn.Module, learning_rate: float, momentum: float, nesterov: bool
) -> torch.optim.SGD:
    """Return SGD: b = mu b + g, p -= lr (g + mu b); Keras' form too at a constant rate."""
    return torch.optim.SGD(
        network.parameters(),
        lr=learning_rate,
        momentum=momentum,
        dampening=0.0,
        weight_decay=0.0,
        nesterov=nesterov,
        fused=True,
    )
