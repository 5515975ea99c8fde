"""torch-dcgan: see `gan_bench_recipes.dcgan`."""

from typing import ClassVar

from torch import Tensor, nn

from gan_bench_recipes import dcgan
from gan_bench_torch.base import TorchTrainer, descend
from gan_bench_torch.layers import BatchNorm, MapToPoint, PointToMap, leaky_relu
from gan_bench_torch.losses import cross_entropy
from gan_bench_torch.optimisers import Adam


class Dcgan(TorchTrainer):
    """The recipe dcgan in PyTorch, its origin."""

    recipe_class: ClassVar[type[dcgan.Dcgan]] = dcgan.Dcgan
    captured: ClassVar[bool] = True
    recipe: dcgan.Dcgan

    def build_networks(self) -> None:
        """Build both networks."""
        recipe, latent_size = self.recipe, self.recipe.latent_size
        norm = recipe.batch_norm
        channels = recipe.generator_channels
        self.generator = nn.Sequential(
            nn.Unflatten(1, (latent_size, 1, 1)),
            PointToMap(latent_size, 2 * channels, 7, bias=False),
            BatchNorm(2 * channels, **norm),  # 7 x 7
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1, bias=False),
            BatchNorm(channels, **norm),  # 14 x 14
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(channels, 1, 4, 2, 1, bias=False),
            nn.Tanh(),  # 28 x 28
        )
        channels = recipe.discriminator_channels
        self.discriminator = nn.Sequential(
            nn.Conv2d(1, channels, 4, 2, 1, bias=False),
            leaky_relu(recipe.leaky_relu_slope),  # 14 x 14
            nn.Conv2d(channels, 2 * channels, 4, 2, 1, bias=False),
            BatchNorm(2 * channels, **norm),  # 7 x 7
            leaky_relu(recipe.leaky_relu_slope),
            MapToPoint(2 * channels, 1, 7, bias=False),
            nn.Flatten(0),  # logits (batch,)
        )

    def build_optimisers(self) -> None:
        """Build one Adam for each network."""
        rate = self.recipe.learning_rate
        self.generator_optimiser = Adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = Adam(self.discriminator, rate, **self.recipe.adam)

    def update(self, real: list[Tensor], draws: dict[str, Tensor]) -> dict[str, Tensor]:
        """Update the discriminator, then the generator against it, with the same fakes."""
        (images,) = real
        fakes = self.generator(draws["latents"][0])  # (batch, 1, 28, 28)

        real_logits = self.discriminator(images)
        fake_logits = self.discriminator(fakes.detach())
        discriminator_loss = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
        descend(discriminator_loss, self.discriminator_optimiser)

        generator_loss = cross_entropy(self.discriminator(fakes), True)
        descend(generator_loss, self.generator_optimiser)

        return {
            "generator": generator_loss,
            "discriminator": discriminator_loss,
            "d_real": real_logits.sigmoid().mean(),
            "d_fake": fake_logits.sigmoid().mean(),
        }
