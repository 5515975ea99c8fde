"""Plain PyTorch training of every recipe, the baseline of throughput.py.

Each recipe is written as in the framework's tutorials: a `DataLoader`, `nn.Sequential`,
`BCEWithLogitsLoss`, `backward` and `step`. Nothing here imports the
harness or its trainers. A class has its recipe's networks, optimisers and training step.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

Losses = tuple[float, float, float, float]
"""Generator loss, discriminator loss, mean probability of "real" for real and for fake images.

The means are NaN where the loss is of no probabilities."""


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


class Script:
    """A GAN in training; each recipe below fills in its networks, optimisers and step."""

    batch_size = 128
    latent_size = 100
    initial_weights = staticmethod(glorot_weights)

    def __init__(self, images: np.ndarray, device: str) -> None:
        self.device = device
        self.generator, self.discriminator = self.networks()
        self.generator.to(device).apply(self.initial_weights)
        self.discriminator.to(device).apply(self.initial_weights)
        self.criterion = nn.BCEWithLogitsLoss()
        self.ones = torch.ones(self.batch_size, device=device)
        self.zeros = torch.zeros(self.batch_size, device=device)
        self.batches = real_batches(images, self.batch_size, device)
        self.make_optimisers(len(images))

    @staticmethod
    def networks() -> tuple[nn.Module, nn.Module]:
        """Return a generator and a discriminator that gives one logit per image."""
        raise NotImplementedError

    def make_optimisers(self, train_images: int) -> None:
        raise NotImplementedError

    def step(self, real: torch.Tensor) -> Losses:
        raise NotImplementedError

    def train(self, steps: int) -> list[Losses]:
        """Train for this many more steps and return their losses."""
        return [self.step(next(self.batches)) for _ in range(steps)]


class Dcgan(Script):
    """The discriminator learns first, then the generator from the same noise."""

    initial_weights = staticmethod(normal_weights)

    @staticmethod
    def networks() -> tuple[nn.Module, nn.Module]:
        generator = nn.Sequential(
            nn.ConvTranspose2d(100, 256, 7, 1, 0, bias=False),
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

    def make_optimisers(self, train_images: int) -> None:
        generator, discriminator = self.generator.parameters(), self.discriminator.parameters()
        self.generator_adam = torch.optim.Adam(generator, lr=2e-4, betas=(0.5, 0.999))
        self.discriminator_adam = torch.optim.Adam(discriminator, lr=2e-4, betas=(0.5, 0.999))

    def noise(self) -> torch.Tensor:
        return torch.randn(self.batch_size, self.latent_size, 1, 1, device=self.device)

    def step(self, real: torch.Tensor) -> Losses:
        self.discriminator.zero_grad()
        real_logits = self.discriminator(real)
        real_loss = self.criterion(real_logits, self.ones)
        real_loss.backward()
        fake = self.generator(self.noise())
        fake_logits = self.discriminator(fake.detach())
        fake_loss = self.criterion(fake_logits, self.zeros)
        fake_loss.backward()
        self.discriminator_adam.step()

        self.generator.zero_grad()
        generator_loss = self.criterion(self.discriminator(fake), self.ones)
        generator_loss.backward()
        self.generator_adam.step()

        return (
            generator_loss.item(),
            (real_loss + fake_loss).item(),
            real_logits.sigmoid().mean().item(),
            fake_logits.sigmoid().mean().item(),
        )


class Dcgan3g(Dcgan):
    """dcgan with three generator updates a step, each with noise of its own."""

    generator_steps = 3

    def step(self, real: torch.Tensor) -> Losses:
        self.discriminator.zero_grad()
        real_logits = self.discriminator(real)
        real_loss = self.criterion(real_logits, self.ones)
        real_loss.backward()
        fake_logits = self.discriminator(self.generator(self.noise()).detach())
        fake_loss = self.criterion(fake_logits, self.zeros)
        fake_loss.backward()
        self.discriminator_adam.step()

        generator_losses = []
        for _ in range(self.generator_steps):
            self.generator.zero_grad()
            generator_loss = self.criterion(
                self.discriminator(self.generator(self.noise())), self.ones
            )
            generator_loss.backward()
            self.generator_adam.step()
            generator_losses.append(generator_loss.item())

        return (
            sum(generator_losses) / self.generator_steps,
            (real_loss + fake_loss).item(),
            real_logits.sigmoid().mean().item(),
            fake_logits.sigmoid().mean().item(),
        )


class Baseline(Script):
    """Both networks learn at once, from the same fakes."""

    batch_size = 256

    @staticmethod
    def networks() -> tuple[nn.Module, nn.Module]:
        generator = nn.Sequential(
            nn.Linear(100, 256 * 7 * 7, bias=False),
            nn.BatchNorm1d(256 * 7 * 7),
            nn.LeakyReLU(0.3, inplace=True),
            nn.Unflatten(1, (256, 7, 7)),
            nn.ConvTranspose2d(256, 128, 5, 1, 2, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.3, inplace=True),
            nn.ConvTranspose2d(128, 64, 5, 2, 2, output_padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.LeakyReLU(0.3, inplace=True),
            nn.ConvTranspose2d(64, 1, 5, 2, 2, output_padding=1, bias=False),
            nn.Tanh(),
        )
        discriminator = nn.Sequential(
            nn.Conv2d(1, 64, 5, 2, 2),
            nn.LeakyReLU(0.3, inplace=True),
            nn.Dropout(0.3),
            nn.Conv2d(64, 128, 5, 2, 2),
            nn.LeakyReLU(0.3, inplace=True),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(128 * 7 * 7, 1),
            nn.Flatten(0),
        )
        return generator, discriminator

    def make_optimisers(self, train_images: int) -> None:
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), lr=1e-4)
        self.discriminator_adam = torch.optim.Adam(self.discriminator.parameters(), lr=1e-4)
        self.schedules: tuple[torch.optim.lr_scheduler.LRScheduler, ...] = ()

    def step(self, real: torch.Tensor) -> Losses:
        fake = self.generator(torch.randn(self.batch_size, self.latent_size, device=self.device))
        real_logits = self.discriminator(real)
        fake_logits = self.discriminator(fake)
        discriminator_loss = self.criterion(real_logits, self.ones)
        discriminator_loss = discriminator_loss + self.criterion(fake_logits, self.zeros)
        generator_loss = self.criterion(fake_logits, self.ones)

        # Both losses share the fakes' pass: each goes back to its own network only.
        self.discriminator.zero_grad()
        discriminator_loss.backward(inputs=list(self.discriminator.parameters()), retain_graph=True)
        self.generator.zero_grad()
        generator_loss.backward(inputs=list(self.generator.parameters()))
        self.discriminator_adam.step()
        self.generator_adam.step()
        for schedule in self.schedules:
            schedule.step()

        return (
            generator_loss.item(),
            discriminator_loss.item(),
            real_logits.sigmoid().mean().item(),
            fake_logits.sigmoid().mean().item(),
        )


class Enhanced(Baseline):
    """baseline with three more convolutions."""

    @staticmethod
    def networks() -> tuple[nn.Module, nn.Module]:
        generator = nn.Sequential(
            nn.Linear(100, 256 * 7 * 7, bias=False),
            nn.BatchNorm1d(256 * 7 * 7),
            nn.LeakyReLU(0.3, inplace=True),
            nn.Unflatten(1, (256, 7, 7)),
            nn.ConvTranspose2d(256, 128, 5, 1, 2, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.3, inplace=True),
            nn.Conv2d(128, 128, 3, 1, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.3, inplace=True),
            nn.ConvTranspose2d(128, 64, 5, 2, 2, output_padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.LeakyReLU(0.3, inplace=True),
            nn.Conv2d(64, 64, 3, 1, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.LeakyReLU(0.3, inplace=True),
            nn.ConvTranspose2d(64, 1, 5, 2, 2, output_padding=1, bias=False),
            nn.Tanh(),
        )
        discriminator = nn.Sequential(
            nn.Conv2d(1, 64, 5, 2, 2),
            nn.LeakyReLU(0.3, inplace=True),
            nn.Dropout(0.3),
            nn.Conv2d(64, 128, 5, 2, 2),
            nn.LeakyReLU(0.3, inplace=True),
            nn.Dropout(0.3),
            nn.Conv2d(128, 256, 3, 2, 1),
            nn.LeakyReLU(0.3, inplace=True),
            nn.Dropout(0.3),
            nn.Flatten(),
            nn.Linear(256 * 4 * 4, 1),
            nn.Flatten(0),
        )
        return generator, discriminator


class Decay(Baseline):
    """baseline's step with smaller kernels and learning rates that decay."""

    batch_size = 128
    epochs = 200

    @staticmethod
    def networks() -> tuple[nn.Module, nn.Module]:
        generator = nn.Sequential(
            nn.Linear(100, 256 * 7 * 7, bias=False),
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

    def make_optimisers(self, train_images: int) -> None:
        generator, discriminator = self.generator.parameters(), self.discriminator.parameters()
        self.generator_adam = torch.optim.Adam(generator, lr=2e-4, betas=(0.5, 0.999))
        self.discriminator_adam = torch.optim.Adam(discriminator, lr=1e-4, betas=(0.5, 0.999))
        planned_steps = self.epochs * train_images // self.batch_size
        decay = 0.5 ** (4 / planned_steps)  # by half in every quarter
        self.schedules = (
            torch.optim.lr_scheduler.ExponentialLR(self.discriminator_adam, decay),
            torch.optim.lr_scheduler.ExponentialLR(self.generator_adam, decay),
        )


class UpsamplingSgd(Script):
    """The discriminator sees real and fake images in one batch; both networks learn by SGD."""

    @staticmethod
    def networks() -> tuple[nn.Module, nn.Module]:
        generator = nn.Sequential(
            nn.Linear(100, 1024),
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

    def make_optimisers(self, train_images: int) -> None:
        generator, discriminator = self.generator.parameters(), self.discriminator.parameters()
        self.generator_sgd = torch.optim.SGD(generator, lr=5e-4, momentum=0.9, nesterov=True)
        self.discriminator_sgd = torch.optim.SGD(
            discriminator, lr=5e-4, momentum=0.9, nesterov=True
        )
        self.labels = torch.cat([self.ones, self.zeros])

    def noise(self) -> torch.Tensor:
        return torch.rand(self.batch_size, self.latent_size, device=self.device) * 2 - 1

    def step(self, real: torch.Tensor) -> Losses:
        self.discriminator.zero_grad()
        fake = self.generator(self.noise()).detach()
        logits = self.discriminator(torch.cat([real, fake]))
        discriminator_loss = self.criterion(logits, self.labels)
        discriminator_loss.backward()
        self.discriminator_sgd.step()

        self.generator.zero_grad()
        generator_loss = self.criterion(self.discriminator(self.generator(self.noise())), self.ones)
        generator_loss.backward()
        self.generator_sgd.step()

        probabilities = logits.sigmoid()
        return (
            generator_loss.item(),
            discriminator_loss.item(),
            probabilities[: self.batch_size].mean().item(),
            probabilities[self.batch_size :].mean().item(),
        )


class WganGp(Dcgan):
    """dcgan's generator against a critic with a gradient penalty."""

    batch_size = 64
    critic_steps = 5

    @staticmethod
    def networks() -> tuple[nn.Module, nn.Module]:
        generator, _ = Dcgan.networks()
        critic = nn.Sequential(
            nn.Conv2d(1, 64, 4, 2, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(64, 128, 4, 2, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(128, 1, 7, 1, 0, bias=False),
            nn.Flatten(0),
        )
        return generator, critic

    def make_optimisers(self, train_images: int) -> None:
        generator, critic = self.generator.parameters(), self.discriminator.parameters()
        self.generator_adam = torch.optim.Adam(generator, lr=1e-4, betas=(0.0, 0.9))
        self.discriminator_adam = torch.optim.Adam(critic, lr=1e-4, betas=(0.0, 0.9))

    def penalty(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        mix = torch.rand(len(real), 1, 1, 1, device=self.device)
        mixed = (mix * real + (1 - mix) * fake).requires_grad_()
        (gradients,) = torch.autograd.grad(
            self.discriminator(mixed).sum(), mixed, create_graph=True
        )
        return ((gradients.flatten(1).norm(dim=1) - 1) ** 2).mean()

    def step(self, real: torch.Tensor) -> Losses:
        for update in range(self.critic_steps):
            batch = real if update == 0 else next(self.batches)
            self.discriminator.zero_grad()
            fake = self.generator(self.noise()).detach()
            penalty = self.penalty(batch, fake)
            loss = self.discriminator(fake).mean() - self.discriminator(batch).mean() + 10 * penalty
            loss.backward()
            self.discriminator_adam.step()

        self.generator.zero_grad()
        generator_loss = -self.discriminator(self.generator(self.noise())).mean()
        generator_loss.backward()
        self.generator_adam.step()
        return generator_loss.item(), loss.item(), float("nan"), float("nan")


class Sngan(Script):
    """Spectral normalisation in the discriminator, and the hinge loss."""

    batch_size = 64
    latent_size = 128
    initial_weights = staticmethod(normal_weights)

    @staticmethod
    def networks() -> tuple[nn.Module, nn.Module]:
        generator = nn.Sequential(
            nn.Linear(128, 7 * 7 * 128, bias=False),
            nn.Unflatten(1, (128, 7, 7)),
            nn.BatchNorm2d(128),
            nn.ReLU(True),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(True),
            nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(True),
            nn.Conv2d(32, 1, 3, 1, 1),
            nn.Tanh(),
        )
        layers: list[nn.Module] = []
        for entering, channels, size, stride in (
            (1, 32, 3, 1),
            (32, 32, 4, 2),
            (32, 64, 3, 1),
            (64, 64, 4, 2),
            (64, 128, 3, 1),
        ):
            layers += [nn.Conv2d(entering, channels, size, stride, 1), nn.LeakyReLU(0.1, True)]
        discriminator = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(128 * 7 * 7, 1), nn.Flatten(0)
        )
        return generator, discriminator

    def make_optimisers(self, train_images: int) -> None:
        for layer in list(self.discriminator.modules()):
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.utils.parametrizations.spectral_norm(layer)
        generator, discriminator = self.generator.parameters(), self.discriminator.parameters()
        self.generator_adam = torch.optim.Adam(generator, lr=2e-4, betas=(0.0, 0.9))
        self.discriminator_adam = torch.optim.Adam(discriminator, lr=2e-4, betas=(0.0, 0.9))

    def noise(self) -> torch.Tensor:
        return torch.randn(self.batch_size, self.latent_size, device=self.device)

    def step(self, real: torch.Tensor) -> Losses:
        self.discriminator.zero_grad()
        fake = self.generator(self.noise()).detach()
        on_real = torch.relu(1 - self.discriminator(real)).mean()
        loss = on_real + torch.relu(1 + self.discriminator(fake)).mean()
        loss.backward()
        self.discriminator_adam.step()

        self.generator.zero_grad()
        generator_loss = -self.discriminator(self.generator(self.noise())).mean()
        generator_loss.backward()
        self.generator_adam.step()
        return generator_loss.item(), loss.item(), float("nan"), float("nan")


class Cosine(Dcgan):
    """dcgan with rates that fall along a cosine, and an average of the generator."""

    epochs = 25

    def make_optimisers(self, train_images: int) -> None:
        super().make_optimisers(train_images)
        steps = self.epochs * train_images // self.batch_size
        self.schedules = [
            torch.optim.lr_scheduler.CosineAnnealingLR(adam, steps)
            for adam in (self.generator_adam, self.discriminator_adam)
        ]
        self.average = torch.optim.swa_utils.AveragedModel(
            self.generator, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
        )

    def step(self, real: torch.Tensor) -> Losses:
        losses = super().step(real)
        for schedule in self.schedules:
            schedule.step()
        self.average.update_parameters(self.generator)
        return losses


class Block(nn.Module):
    """Maps and what three convolutions make of them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(channels, channels, 3, 1, 1),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(channels, channels, 1, bias=False),
        )

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return maps + self.branch(maps)


class R3gan(Script):
    """Residual networks; pairs of a real image and a fake, and a penalty of both."""

    batch_size = 32
    latent_size = 64

    @staticmethod
    def networks() -> tuple[nn.Module, nn.Module]:
        generator = nn.Sequential(
            nn.Linear(64, 7 * 7 * 128, bias=False),
            nn.Unflatten(1, (128, 7, 7)),
            Block(128),
            nn.Conv2d(128, 64, 1, bias=False),
            nn.Upsample(scale_factor=2),
            Block(64),
            nn.Conv2d(64, 32, 1, bias=False),
            nn.Upsample(scale_factor=2),
            Block(32),
            nn.Conv2d(32, 1, 3, 1, 1),
            nn.Tanh(),
        )
        discriminator = nn.Sequential(
            nn.Conv2d(1, 16, 3, 1, 1),
            Block(16),
            nn.AvgPool2d(2),
            nn.Conv2d(16, 32, 1, bias=False),
            Block(32),
            nn.AvgPool2d(2),
            nn.Conv2d(32, 64, 1, bias=False),
            Block(64),
            nn.Flatten(),
            nn.Linear(64 * 7 * 7, 1, bias=False),
            nn.Flatten(0),
        )
        return generator, discriminator

    def make_optimisers(self, train_images: int) -> None:
        generator, discriminator = self.generator.parameters(), self.discriminator.parameters()
        self.generator_adam = torch.optim.Adam(generator, lr=5e-4, betas=(0.0, 0.99))
        self.discriminator_adam = torch.optim.Adam(discriminator, lr=5e-4, betas=(0.0, 0.99))
        self.average = torch.optim.swa_utils.AveragedModel(
            self.generator, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
        )

    def noise(self) -> torch.Tensor:
        return torch.randn(self.batch_size, self.latent_size, device=self.device)

    def penalised(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        images = images.detach().requires_grad_()
        logits = self.discriminator(images)
        (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        return logits, gradients.square().sum((1, 2, 3)).mean() / 2

    def step(self, real: torch.Tensor) -> Losses:
        self.discriminator.zero_grad()
        real_logits, r1 = self.penalised(real)
        fake_logits, r2 = self.penalised(self.generator(self.noise()))
        loss = self.criterion(real_logits - fake_logits, self.ones) + 10 * (r1 + r2)
        loss.backward()
        self.discriminator_adam.step()

        self.generator.zero_grad()
        with torch.no_grad():
            real_logits = self.discriminator(real)
        fake_logits = self.discriminator(self.generator(self.noise()))
        generator_loss = self.criterion(fake_logits - real_logits, self.ones)
        generator_loss.backward()
        self.generator_adam.step()
        self.average.update_parameters(self.generator)
        return generator_loss.item(), loss.item(), float("nan"), float("nan")


class Augment(Dcgan):
    """dcgan with differentiable augmentation, as in the code of its authors."""

    def moved(self, images: torch.Tensor) -> torch.Tensor:
        count, _, side, _ = images.shape
        image, row, column = torch.meshgrid(
            *(torch.arange(n, device=self.device) for n in (count, side, side)), indexing="ij"
        )
        down, right = torch.randint(-4, 5, (2, count, 1, 1), device=self.device)
        row, column = (
            (at + by + 1).clamp(0, side + 1) for at, by in ((row, down), (column, right))
        )
        padded = nn.functional.pad(images, (1, 1, 1, 1)).permute(0, 2, 3, 1)
        return padded[image, row, column].permute(0, 3, 1, 2)

    def cut(self, images: torch.Tensor) -> torch.Tensor:
        count, _, side, _ = images.shape
        image, row, column = torch.meshgrid(
            *(torch.arange(n, device=self.device) for n in (count, 14, 14)), indexing="ij"
        )
        middle = torch.randint(0, side + 1, (2, count, 1, 1), device=self.device)
        row, column = (
            (at + by - 7).clamp(0, side - 1) for at, by in ((row, middle[0]), (column, middle[1]))
        )
        mask = torch.ones(count, side, side, device=self.device)
        mask[image, row, column] = 0
        return images * mask[:, None]

    def augmented(self, images: torch.Tensor) -> torch.Tensor:
        return self.cut(self.moved(images))

    def step(self, real: torch.Tensor) -> Losses:
        self.discriminator.zero_grad()
        real_logits = self.discriminator(self.augmented(real))
        real_loss = self.criterion(real_logits, self.ones)
        real_loss.backward()
        fake = self.generator(self.noise())
        fake_logits = self.discriminator(self.augmented(fake.detach()))
        fake_loss = self.criterion(fake_logits, self.zeros)
        fake_loss.backward()
        self.discriminator_adam.step()

        self.generator.zero_grad()
        generator_loss = self.criterion(self.discriminator(self.augmented(fake)), self.ones)
        generator_loss.backward()
        self.generator_adam.step()

        return (
            generator_loss.item(),
            (real_loss + fake_loss).item(),
            real_logits.sigmoid().mean().item(),
            fake_logits.sigmoid().mean().item(),
        )


class LabelledGenerator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 32)
        self.layers = nn.Sequential(
            nn.Linear(160, 7 * 7 * 128, bias=False),
            nn.Unflatten(1, (128, 7, 7)),
            nn.BatchNorm2d(128),
            nn.ReLU(True),
            nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(True),
            nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(True),
            nn.Conv2d(32, 1, 3, 1, 1),
            nn.Tanh(),
        )

    def forward(self, latents: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return self.layers(torch.cat([latents, self.embedding(labels)], 1))


class ProjectionDiscriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for entering, channels, size, stride in (
            (1, 32, 3, 1),
            (32, 32, 4, 2),
            (32, 64, 3, 1),
            (64, 64, 4, 2),
            (64, 128, 3, 1),
        ):
            layers += [nn.Conv2d(entering, channels, size, stride, 1), nn.LeakyReLU(0.1, True)]
        self.layers = nn.Sequential(*layers)
        self.last, self.embedding = nn.Linear(128, 1), nn.Embedding(10, 128)

    def forward(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        sums = self.layers(images).sum((2, 3))
        return self.last(sums).flatten() + (sums * self.embedding(labels)).sum(1)


class Conditional(Script):
    """Labels in both networks, spectral normalisation in the discriminator, the hinge loss."""

    batch_size = 64
    latent_size = 128
    initial_weights = staticmethod(normal_weights)

    @staticmethod
    def networks() -> tuple[nn.Module, nn.Module]:
        return LabelledGenerator(), ProjectionDiscriminator()

    def make_optimisers(self, train_images: int) -> None:
        for layer in [*self.discriminator.modules()]:
            if isinstance(layer, (nn.Conv2d, nn.Linear, nn.Embedding)):
                nn.utils.parametrizations.spectral_norm(layer)
        generator, discriminator = self.generator.parameters(), self.discriminator.parameters()
        self.generator_adam = torch.optim.Adam(generator, lr=2e-4, betas=(0.0, 0.9))
        self.discriminator_adam = torch.optim.Adam(discriminator, lr=2e-4, betas=(0.0, 0.9))

    def labels(self) -> torch.Tensor:
        return torch.randint(0, 10, (self.batch_size,), device=self.device)

    def fakes(self) -> tuple[torch.Tensor, torch.Tensor]:
        noise = torch.randn(self.batch_size, self.latent_size, device=self.device)
        labels = self.labels()
        return self.generator(noise, labels), labels

    def step(self, real: torch.Tensor) -> Losses:
        self.discriminator.zero_grad()
        fake, labels = self.fakes()
        # A benchmark has images alone, so that their labels are drawn, too.
        on_real = torch.relu(1 - self.discriminator(real, self.labels())).mean()
        loss = on_real + torch.relu(1 + self.discriminator(fake.detach(), labels)).mean()
        loss.backward()
        self.discriminator_adam.step()

        self.generator.zero_grad()
        generator_loss = -self.discriminator(*self.fakes()).mean()
        generator_loss.backward()
        self.generator_adam.step()
        return generator_loss.item(), loss.item(), float("nan"), float("nan")


class Sum(nn.Module):
    """Two paths from the same maps."""

    def __init__(self, branch: list[nn.Module], shortcut: list[nn.Module]) -> None:
        super().__init__()
        self.branch, self.shortcut = nn.Sequential(*branch), nn.Sequential(*shortcut)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        return self.branch(maps) + self.shortcut(maps)


class Resnet(Sngan):
    """sngan with residual blocks in both networks."""

    @staticmethod
    def networks() -> tuple[nn.Module, nn.Module]:
        def up() -> nn.Module:
            return Sum(
                [
                    nn.BatchNorm2d(32),
                    nn.ReLU(),
                    nn.Upsample(scale_factor=2),
                    nn.Conv2d(32, 32, 3, 1, 1, bias=False),
                    nn.BatchNorm2d(32),
                    nn.ReLU(),
                    nn.Conv2d(32, 32, 3, 1, 1, bias=False),
                ],
                [nn.Upsample(scale_factor=2), nn.Conv2d(32, 32, 1, bias=False)],
            )

        def plain() -> list[nn.Module]:
            first, second = (nn.Conv2d(32, 32, 3, 1, 1) for _ in range(2))
            return [nn.ReLU(), first, nn.ReLU(), second]

        generator = nn.Sequential(
            nn.Linear(128, 7 * 7 * 32),
            nn.Unflatten(1, (32, 7, 7)),
            up(),
            up(),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 1, 3, 1, 1),
            nn.Tanh(),
        )
        first = [nn.Conv2d(1, 32, 3, 1, 1), nn.ReLU(), nn.Conv2d(32, 32, 3, 1, 1), nn.AvgPool2d(2)]
        discriminator = nn.Sequential(
            Sum(first, [nn.AvgPool2d(2), nn.Conv2d(1, 32, 1)]),
            Sum([*plain(), nn.AvgPool2d(2)], [nn.Conv2d(32, 32, 1), nn.AvgPool2d(2)]),
            Sum(plain(), []),
            nn.ReLU(),
            nn.LPPool2d(1, 7),  # of what is not negative: the sum over the pixels
            nn.Flatten(),
            nn.Linear(32, 1),
            nn.Flatten(0),
        )
        return generator, discriminator


SCRIPTS: dict[str, type[Script]] = {
    "dcgan": Dcgan,
    "dcgan-3g": Dcgan3g,
    "baseline": Baseline,
    "enhanced": Enhanced,
    "decay": Decay,
    "upsampling-sgd": UpsamplingSgd,
    "wgan-gp": WganGp,
    "sngan": Sngan,
    "cosine": Cosine,
    "resnet": Resnet,
    "r3gan": R3gan,
    "augment": Augment,
    "conditional": Conditional,
}
"""By recipe."""
