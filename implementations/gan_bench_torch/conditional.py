"""torch-conditional: see `gan_bench_recipes.conditional`."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from gan_bench_recipes import conditional
from gan_bench_torch.base import descend
from gan_bench_torch.layers import Embedding, Labelled, Projection, SumOverPixels, iterate
from gan_bench_torch.losses import hinge, wasserstein
from gan_bench_torch.sngan import Sngan


class Conditional(Sngan):
    """The recipe conditional in PyTorch: sngan's layers and optimisers."""

    recipe_class: ClassVar[type[conditional.Conditional]] = conditional.Conditional
    recipe: conditional.Conditional

    def new_generator(self) -> nn.Module:
        """Return a generator."""
        recipe = self.recipe
        return Labelled(
            Embedding(recipe.classes, recipe.embedding_size),
            *self.generator_layers(recipe.latent_size + recipe.embedding_size),
        )

    def new_discriminator(self) -> nn.Module:
        """Return a discriminator."""
        recipe = self.recipe
        return Labelled(
            *self.maps(),
            SumOverPixels(),
            Projection(recipe.classes, 4 * recipe.discriminator_channels),  # logits (batch,)
        )

    def update_discriminator(
        self, images: Tensor, noise: Tensor, *, fake_labels: Tensor, real_labels: Tensor
    ) -> dict[str, Tensor]:
        """Make one power iteration and one update; return the loss."""
        iterate(self.discriminator)
        with torch.no_grad():
            fakes = self.generator(noise, fake_labels)  # NCHW
        on_real = hinge(self.discriminator(images, real_labels), True)
        loss = on_real + hinge(self.discriminator(fakes, fake_labels), False)
        descend(loss, self.discriminator_optimiser)
        return {"discriminator": loss}

    def update_generator(
        self, noise: Tensor, images: Tensor, *, fake_labels: Tensor
    ) -> dict[str, Tensor]:
        """Make one update; return the loss."""
        fakes = self.generator(noise, fake_labels)
        loss = wasserstein(self.discriminator(fakes, fake_labels), True)
        descend(loss, self.generator_optimiser)
        return {"generator": loss}
