"""The recipe dcgan-3g as a plain PyTorch script: what the trainer is measured against."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from plain_torch import normal_weights, real_batches

BATCH_SIZE, LATENT_SIZE = 128, 100
GENERATOR_STEPS = 3


def networks() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.ConvTranspose2d(LATENT_SIZE, 256, 7, 1, 0, bias=False),
        nn.BatchNorm2d(256),
        nn.ReLU(True),
        nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False),
        nn.BatchNorm2d(128),
        nn.ReLU(True),
        nn.ConvTranspose2d(128, 1, 4, 2, 1, bias=False),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1, bias=False),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(128, 1, 7, 1, 0, bias=False),
        nn.Flatten(0),
    )
    return generator, discriminator


def prepare(images: np.ndarray, device: str) -> Callable[[int], list[tuple[float, ...]]]:
    """Return a function that trains so many steps more and returns their losses."""
    generator, discriminator = networks()
    generator.to(device).apply(normal_weights)
    discriminator.to(device).apply(normal_weights)
    criterion = nn.BCEWithLogitsLoss()
    generator_adam = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    discriminator_adam = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    ones = torch.ones(BATCH_SIZE, device=device)
    zeros = torch.zeros(BATCH_SIZE, device=device)
    batches = real_batches(images, BATCH_SIZE, device)

    def train(steps: int) -> list[tuple[float, ...]]:
        history = []
        for _ in range(steps):
            discriminator.zero_grad()
            real_logits = discriminator(next(batches))
            real_loss = criterion(real_logits, ones)
            real_loss.backward()
            noise = torch.randn(BATCH_SIZE, LATENT_SIZE, 1, 1, device=device)
            fake_logits = discriminator(generator(noise).detach())
            fake_loss = criterion(fake_logits, zeros)
            fake_loss.backward()
            discriminator_adam.step()

            generator_losses = []
            for _ in range(GENERATOR_STEPS):
                generator.zero_grad()
                noise = torch.randn(BATCH_SIZE, LATENT_SIZE, 1, 1, device=device)
                generator_loss = criterion(discriminator(generator(noise)), ones)
                generator_loss.backward()
                generator_adam.step()
                generator_losses.append(generator_loss.item())

            history.append(
                (
                    sum(generator_losses) / GENERATOR_STEPS,
                    (real_loss + fake_loss).item(),
                    real_logits.sigmoid().mean().item(),
                    fake_logits.sigmoid().mean().item(),
                )
            )
        return history

    return train
