"""augment: dcgan whose discriminator sees every image augmented, the fakes differentiably."""

from typing import ClassVar

from gan_bench.recipe import Draw
from gan_bench_recipes.base import hyperparameter
from gan_bench_recipes.dcgan import Dcgan


class Augment(Dcgan):
    """dcgan with differentiable augmentation: translation and cutout of real and fake images.

    Every pass of the discriminator is over images that were augmented anew: the real images, the
    fakes, and the same fakes in the generator's update, whose gradient passes the augmentation.
    Networks, losses and the order of the updates are dcgan's.

    The shares of translation and cutout are the paper's. *Chosen*: no colour changes, as the images
    may be grey.

    References
    ----------
    Zhao, Liu, Lin, Zhu and Han 2020, "Differentiable augmentation for data-efficient GAN training".
    """

    name: ClassVar[str] = "augment"
    source: ClassVar[str] = "Zhao et al. 2020, DiffAugment"

    translation: float = hyperparameter(
        0.125, "most pixels of a translation, as a share of the side", "source", ge=0, le=1
    )
    cutout: float = hyperparameter(
        0.5, "side of the square cut out, as a share of the image's", "source", ge=0, le=1
    )

    def draws(self) -> dict[str, Draw]:
        """Return what is random in a step, by name.

        The augmentations are of the real images, of the fakes, and of those for the generator.
        """
        each = Draw((2,), 3, "uniform01")
        return super().draws() | {"shifts": each, "cuts": each}

    @classmethod
    def conventions(cls, framework: str) -> dict[str, str]:
        """Return what is pinned and no field."""
        return super().conventions(framework) | {
            "augmentation": "translation by whole pixels, then cutout of a square, both filled "
            "with 0; anew in each pass of the discriminator",
        }
