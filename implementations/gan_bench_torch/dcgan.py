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
        self.generator = self.new_generator()
        self.discriminator = self.new_discriminator()

    def new_generator(self) -> nn.Module:
        """Return a generator."""
        recipe, latent_size = self.recipe, self.recipe.latent_size
        norm = recipe.batch_norm
        channels, quarter = recipe.generator_channels, recipe.side // 4
        return nn.Sequential(
            nn.Unflatten(1, (latent_size, 1, 1)),
            PointToMap(latent_size, 2 * channels, quarter, bias=False),
            BatchNorm(2 * channels, **norm),  # side / 4
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1, bias=False),
            BatchNorm(channels, **norm),  # side / 2
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(channels, recipe.image_channels, 4, 2, 1, bias=False),
            nn.Tanh(),  # side
        )

    def new_discriminator(self) -> nn.Module:
        """Return a discriminator."""
        recipe, norm = self.recipe, self.recipe.batch_norm
        channels, quarter = recipe.discriminator_channels, recipe.side // 4
        return nn.Sequential(
            nn.Conv2d(recipe.image_channels, channels, 4, 2, 1, bias=False),
            leaky_relu(recipe.leaky_relu_slope),  # side / 2
            nn.Conv2d(channels, 2 * channels, 4, 2, 1, bias=False),
            BatchNorm(2 * channels, **norm),  # side / 4
            leaky_relu(recipe.leaky_relu_slope),
            MapToPoint(2 * channels, 1, quarter, bias=False),
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
        fakes = self.generator(draws["latents"][0])  # NCHW

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
