"""torch-augment: see `gan_bench_recipes.augment`."""

from typing import ClassVar

from torch import Tensor

from gan_bench_recipes import augment
from gan_bench_torch.augmentation import cut_out, translated
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
        of_real, of_fakes, of_made = zip(draws["shifts"], draws["cuts"], strict=True)
        fakes = self.generator(draws["latents"][0])  # NCHW

        real_logits = self.discriminator(self.augmented(images, *of_real))
        fake_logits = self.discriminator(self.augmented(fakes.detach(), *of_fakes))
        discriminator_loss = cross_entropy(real_logits, True) + cross_entropy(fake_logits, False)
        descend(discriminator_loss, self.discriminator_optimiser)

        made_logits = self.discriminator(self.augmented(fakes, *of_made))
        generator_loss = cross_entropy(made_logits, True)
        descend(generator_loss, self.generator_optimiser)

        return {
            "generator": generator_loss,
            "discriminator": discriminator_loss,
            "d_real": real_logits.sigmoid().mean(),
            "d_fake": fake_logits.sigmoid().mean(),
        }

    def augmented(self, images: Tensor, shifts: Tensor, cuts: Tensor) -> Tensor:
        """Return images, translated, then cut out."""
        moved = translated(images, shifts, self.recipe.translation)
        return cut_out(moved, cuts, self.recipe.cutout)
