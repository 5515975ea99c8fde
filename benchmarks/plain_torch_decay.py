"""The recipe decay as a plain PyTorch script: what the trainer is measured against."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from plain_torch import glorot_weights, real_batches

BATCH_SIZE, LATENT_SIZE, EPOCHS = 128, 100, 200


def networks() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(LATENT_SIZE, 256 * 7 * 7, bias=False),
        nn.Unflatten(1, (256, 7, 7)),
        nn.BatchNorm2d(256),
        nn.LeakyReLU(0.2, inplace=True),
        nn.ConvTranspose2d(256, 128, 4, 2, 1, bias=False),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2, inplace=True),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.LeakyReLU(0.2, inplace=True),
        nn.ConvTranspose2d(64, 1, 4, 1, 1),
        nn.ZeroPad2d((0, -1, 0, -1)),  # the kernel is even: 29 x 29 cut to 28 x 28
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Dropout(0.3),
        nn.Conv2d(64, 128, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(128 * 7 * 7, 1),
        nn.Flatten(0),
    )
    return generator, discriminator


def prepare(images: np.ndarray, device: str) -> Callable[[int], list[tuple[float, ...]]]:
    """Return a function that trains so many steps more and returns their losses."""
    generator, discriminator = networks()
    generator.to(device).apply(glorot_weights)
    discriminator.to(device).apply(glorot_weights)
    criterion = nn.BCEWithLogitsLoss()
    generator_adam = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    discriminator_adam = torch.optim.Adam(discriminator.parameters(), lr=1e-4, betas=(0.5, 0.999))
    planned_steps = EPOCHS * len(images) // BATCH_SIZE
    decay = 0.5 ** (4 / planned_steps)  # by half in every quarter
    generator_schedule = torch.optim.lr_scheduler.ExponentialLR(generator_adam, decay)
    discriminator_schedule = torch.optim.lr_scheduler.ExponentialLR(discriminator_adam, decay)
    ones = torch.ones(BATCH_SIZE, device=device)
    zeros = torch.zeros(BATCH_SIZE, device=device)
    batches = real_batches(images, BATCH_SIZE, device)

    def train(steps: int) -> list[tuple[float, ...]]:
        history = []
        for _ in range(steps):
            fake = generator(torch.randn(BATCH_SIZE, LATENT_SIZE, device=device))
            real_logits = discriminator(next(batches))
            fake_logits = discriminator(fake)
            discriminator_loss = criterion(real_logits, ones) + criterion(fake_logits, zeros)
            generator_loss = criterion(fake_logits, ones)

            # Both losses share the fakes' pass: each goes back to its own network only.
            discriminator.zero_grad()
            discriminator_loss.backward(inputs=list(discriminator.parameters()), retain_graph=True)
            generator.zero_grad()
            generator_loss.backward(inputs=list(generator.parameters()))
            discriminator_adam.step()
            generator_adam.step()
            discriminator_schedule.step()
            generator_schedule.step()

            history.append(
                (
                    generator_loss.item(),
                    discriminator_loss.item(),
                    real_logits.sigmoid().mean().item(),
                    fake_logits.sigmoid().mean().item(),
                )
            )
        return history

    return train
