"""The recipe upsampling-sgd as a plain PyTorch script: what the trainer is measured against."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from plain_torch import glorot_weights, real_batches

BATCH_SIZE, LATENT_SIZE = 128, 100


def networks() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(LATENT_SIZE, 1024),
        nn.Tanh(),
        nn.Linear(1024, 128 * 7 * 7),
        nn.BatchNorm1d(128 * 7 * 7),
        nn.Tanh(),
        nn.Unflatten(1, (128, 7, 7)),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(128, 64, 5, padding="same"),
        nn.Tanh(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(64, 1, 5, padding="same"),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 5, padding="same"),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 5),
        nn.Tanh(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128 * 5 * 5, 1024),
        nn.Tanh(),
        nn.Linear(1024, 1),
        nn.Flatten(0),
    )
    return generator, discriminator


def prepare(images: np.ndarray, device: str) -> Callable[[int], list[tuple[float, ...]]]:
    """Return a function that trains so many steps more and returns their losses."""
    generator, discriminator = networks()
    generator.to(device).apply(glorot_weights)
    discriminator.to(device).apply(glorot_weights)
    criterion = nn.BCEWithLogitsLoss()
    generator_sgd = torch.optim.SGD(generator.parameters(), lr=5e-4, momentum=0.9, nesterov=True)
    discriminator_sgd = torch.optim.SGD(
        discriminator.parameters(), lr=5e-4, momentum=0.9, nesterov=True
    )
    ones = torch.ones(BATCH_SIZE, device=device)
    labels = torch.cat([ones, torch.zeros(BATCH_SIZE, device=device)])
    batches = real_batches(images, BATCH_SIZE, device)

    def train(steps: int) -> list[tuple[float, ...]]:
        history = []
        for _ in range(steps):
            discriminator.zero_grad()
            noise = torch.rand(BATCH_SIZE, LATENT_SIZE, device=device) * 2 - 1
            fake = generator(noise).detach()
            logits = discriminator(torch.cat([next(batches), fake]))
            discriminator_loss = criterion(logits, labels)
            discriminator_loss.backward()
            discriminator_sgd.step()

            generator.zero_grad()
            noise = torch.rand(BATCH_SIZE, LATENT_SIZE, device=device) * 2 - 1
            generator_loss = criterion(discriminator(generator(noise)), ones)
            generator_loss.backward()
            generator_sgd.step()

            probabilities = logits.sigmoid()
            history.append(
                (
                    generator_loss.item(),
                    discriminator_loss.item(),
                    probabilities[:BATCH_SIZE].mean().item(),
                    probabilities[BATCH_SIZE:].mean().item(),
                )
            )
        return history

    return train
