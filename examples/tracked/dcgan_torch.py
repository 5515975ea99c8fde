"""A DCGAN on MNIST in plain PyTorch, with a DataLoader, after PyTorch's tutorial."""

import argparse

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import gan_bench  # tracked

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="mnist.npz", help="with x_train, uint8 (n, 28, 28)")
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--lr", type=float, default=2e-4)
parser.add_argument("--seed", type=int, default=0)
args = parser.parse_args()

torch.manual_seed(args.seed)
digits = torch.from_numpy(np.load(args.data)["x_train"]).reshape(-1, 1, 28, 28)
loader = DataLoader(TensorDataset(digits), args.batch_size, shuffle=True, drop_last=True)

generator = nn.Sequential(
    *(nn.ConvTranspose2d(100, 128, 7, bias=False), nn.BatchNorm2d(128), nn.ReLU()),
    *(nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()),
    *(nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh()),
)
discriminator = nn.Sequential(
    *(nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2)),
    *(nn.Conv2d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2)),
    *(nn.Conv2d(128, 1, 7), nn.Flatten(0)),
)
criterion = nn.BCEWithLogitsLoss()
optimizer_g = torch.optim.Adam(generator.parameters(), lr=args.lr, betas=(0.5, 0.999))
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=args.lr, betas=(0.5, 0.999))
fixed_noise = torch.randn(10_000, 100, 1, 1)


def sample(count):
    """Return images of the fixed noise, (count, 1, 28, 28) in [-1, 1]."""
    generator.eval()
    with torch.no_grad():
        images = torch.cat([generator(part) for part in fixed_noise[:count].split(500)])
    generator.train()
    return images


run = {"seed": args.seed, "batch_size": args.batch_size, "values": {"lr": args.lr}}  # tracked
run |= {"dataset": "mnist-5k", "budget": f"{args.steps} steps"}  # tracked
assert len(digits) == 4_000, "these are not the training images of mnist-5k"  # tracked
bench = gan_bench.track("dcgan-script", **run)  # tracked
bench.samples(sample)  # tracked
step = 0
while step < args.steps:
    for (batch,) in loader:
        real = batch.float() / 127.5 - 1
        fake = generator(torch.randn(len(real), 100, 1, 1))
        logits_real, logits_fake = discriminator(real), discriminator(fake.detach())
        loss_d = criterion(logits_real, torch.ones_like(logits_real))
        loss_d = loss_d + criterion(logits_fake, torch.zeros_like(logits_fake))
        optimizer_d.zero_grad()
        loss_d.backward()
        optimizer_d.step()

        logits = discriminator(fake)
        loss_g = criterion(logits, torch.ones_like(logits))
        optimizer_g.zero_grad()
        loss_g.backward()
        optimizer_g.step()
        step += 1
        bench.step(generator=loss_g, discriminator=loss_d)  # tracked
        bench.samples(sample)  # tracked
        if step % 100 == 0:
            print(f"step {step}: D {loss_d.item():.3f}, G {loss_g.item():.3f}")
        if step == args.steps:
            break

np.save("samples.npy", sample(64).numpy())
