"""torch-augment: see `gan_bench_recipes.augment`."""

from typing import ClassVar

from torch import Tensor

from gan_bench_recipes import augment
from gan_bench_torch.augmentation import augmented
from gan_bench_torch.base import descend
from gan_bench_torch.dcgan import Dcgan
from gan_bench_torch.losses import cross_entropy


class Augment(Dcgan):
    """The recipe augment in PyTorch: dcgan's networks and optimisers."""

    recipe_class: ClassVar[type[augment.Augment]] = augment.Augment
    recipe: augment.Augment

    def update(self, real: list[Tensor], draws: dict[str, Tensor]) -> dict[str, Tensor]:
        """Make dcgan's update on images that are augmented before each pass."""
        (images,) = real
        shares = {"translation": self.recipe.translation, "cutout": self.recipe.cutout}
        of_real, of_fakes, of_made = zip(draws["shifts"], draws["cuts"], strict=True)
        fakes = self.generator(draws["latents"][0])  # NCHW

        real_logits = self.discriminator(augmented(images, *of_real, **shares))
        fake_logits = self.discriminator(augmented(fakes.detach(), *of_fakes, **shares))
        discriminator_loss = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
        descend(discriminator_loss, self.discriminator_optimiser)

        made_logits = self.discriminator(augmented(fakes, *of_made, **shares))
        generator_loss = cross_entropy(made_logits, True)
        descend(generator_loss, self.generator_optimiser)

        return {
            "generator": generator_loss,
            "discriminator": discriminator_loss,
            "d_real": real_logits.sigmoid().mean(),
            "d_fake": fake_logits.sigmoid().mean(),
        }
