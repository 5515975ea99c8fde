"""The losses of `gan_bench_recipes.losses` in PyTorch: equations and conventions are there."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Discriminator = Callable[..., Tensor]
"""Images NCHW, and labels if it takes any, to logits (batch,)."""


def cross_entropy(logits: Tensor, real: bool) -> Tensor:
    """Return the binary cross-entropy of sigmoid(logits) with the target 1 or 0, batch mean."""
    return -functional.logsigmoid(logits if real else -logits).mean()


def least_squares(logits: Tensor, real: bool) -> Tensor:
    """Return half the squared distance of the logits from the target 1 or 0, batch mean."""
    return (logits - float(real)).square().mean() / 2


def hinge(logits: Tensor, real: bool) -> Tensor:
    """Return how far the logits are from 1 and above, or -1 and below, batch mean."""
    return functional.relu(1 - logits if real else 1 + logits).mean()


def wasserstein(logits: Tensor, real: bool) -> Tensor:
    """Return the batch mean of the logits, negative if real."""
    return -logits.mean() if real else logits.mean()


def relativistic(logits: Tensor, others: Tensor) -> Tensor:
    """Return the cross-entropy for the first of each pair as the real one, batch mean."""
    return cross_entropy(logits - others, True)


def gradient_penalty(
    discriminator: Discriminator, real: Tensor, fakes: Tensor, mix: Tensor, *labels: Tensor
) -> Tensor:
    """Return the penalty of gradients unlike 1 at mixed images; ``mix`` is (batch,)."""
    mix = mix.reshape(-1, *(1 for _ in real.shape[1:]))
    _, gradients = _with_gradients(discriminator, mix * real + (1 - mix) * fakes, *labels)
    return (torch.linalg.vector_norm(gradients, dim=1) - 1).square().mean()


def zero_centred_penalty(
    discriminator: Discriminator, images: Tensor, *labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the logits of the images and the penalty: r1 of real images, r2 of fakes."""
    logits, gradients = _with_gradients(discriminator, images, *labels)
    return logits, gradients.square().sum(1).mean() / 2


def _with_gradients(
    discriminator: Discriminator, images: Tensor, *labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the logits (batch,) and their gradients (batch, pixels), both differentiable."""
    images = images.detach().requires_grad_()
    logits = discriminator(images, *labels)
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return logits, gradients.flatten(1)
