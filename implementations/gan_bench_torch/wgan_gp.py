"""torch-wgan-gp: see `gan_bench_recipes.wgan_gp`."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_bench_recipes import wgan_gp
from gan_bench_torch.alternating import AlternatingTrainer
from gan_bench_torch.base import descend
from gan_bench_torch.dcgan import Dcgan
from gan_bench_torch.layers import MapToPoint, leaky_relu
from gan_bench_torch.losses import gradient_penalty, wasserstein


class WganGp(AlternatingTrainer, Dcgan):
    """The recipe wgan-gp in PyTorch: dcgan's generator and optimisers."""

    recipe_class: ClassVar[type[wgan_gp.WganGp]] = wgan_gp.WganGp
    recipe: wgan_gp.WganGp

    def new_discriminator(self) -> nn.Module:
        """Return a critic."""
        recipe, slope = self.recipe, self.recipe.leaky_relu_slope
        channels, quarter = recipe.discriminator_channels, recipe.side // 4
        return nn.Sequential(
            nn.Conv2d(recipe.image_channels, channels, 4, 2, 1),
            leaky_relu(slope),  # side / 2
            nn.Conv2d(channels, 2 * channels, 4, 2, 1),
            leaky_relu(slope),  # side / 4
            MapToPoint(2 * channels, 1, quarter, bias=False),
            nn.Flatten(0),  # (batch,)
        )

    def update_discriminator(self, images: Tensor, noise: Tensor, mix: Tensor) -> dict[str, Tensor]:
        """Make one update; return the loss and its penalty."""
        with torch.no_grad():
            fakes = self.generator(noise)  # NCHW
        penalty = gradient_penalty(self.discriminator, images, fakes, mix)
        on_real = wasserstein(self.discriminator(images), True)
        on_fake = wasserstein(self.discriminator(fakes), False)
        loss = on_real + on_fake + self.recipe.penalty_weight * penalty
        descend(loss, self.discriminator_optimiser)
        return {"discriminator": loss, "gradient_penalty": penalty}

    def update_generator(self, noise: Tensor, images: Tensor) -> dict[str, Tensor]:
        """Make one update; return the loss."""
        loss = wasserstein(self.discriminator(self.generator(noise)), True)
        descend(loss, self.generator_optimiser)
        return {"generator": loss}
