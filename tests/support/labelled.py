"""A recipe that declares draws, losses and labels of its own, and its trainer."""

from typing import ClassVar

from gan_bench.recipe import Draw, Recipe
from gan_bench.testing import FakeRecipe, FakeTrainer


class LabelledRecipe(FakeRecipe):
    """The fake recipe with labels, a number for each image, and other losses."""

    name: ClassVar[str] = "labelled"
    losses: ClassVar[tuple[str, ...]] = ("generator", "critic", "penalty", "d_fake")
    conditional: ClassVar[bool] = True

    def draws(self):
        count = self.latent_batches_per_step
        return super().draws() | {
            "mix": Draw((), count, "uniform01"),
            "labels": Draw((), count, "classes"),
        }


class LabelledTrainer(FakeTrainer):
    """Adds labels and numbers to its latents, and labels to its real images."""

    recipe_class: ClassVar[type[Recipe]] = LabelledRecipe

    def __init__(self, recipe, images, labels, **options):
        super().__init__(recipe, images, labels, **options)
        self._labels = labels.copy()

    def _pictures(self, batch):
        pictures = super()._pictures(batch)
        return (pictures + 0.1 * self.real_labels(batch)[:, None]).astype(pictures.dtype)

    def shifted(self, latents, labels):
        """Return latents that say which class is asked for."""
        return (latents + 0.25 * labels[..., None]).astype(latents.dtype)

    def real_labels(self, batch):
        return self._labels[batch]

    def train(self, batches, draws):
        latents = self.shifted(draws["latents"], draws["labels"]) + draws["mix"][..., None]
        losses = super().train(batches, {"latents": latents})
        penalty = draws["mix"].mean(axis=(1, 2), dtype=self._dtype)
        return {
            "penalty": penalty,
            "critic": losses["discriminator"],
            "generator": losses["generator"],
        }

    def sample(self, latents, labels):
        return super().sample(self.shifted(latents, labels))

    def forward(self, latents, images, training, labels):
        return super().forward(self.shifted(latents, labels), images, training)
