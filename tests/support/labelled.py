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


def shifted(latents, labels):
    """Return latents that say which class is asked for."""
    return (latents + 0.25 * labels[..., None]).astype(latents.dtype)


class LabelledTrainer(FakeTrainer):
    """Adds labels and numbers to its latents."""

    recipe_class: ClassVar[type[Recipe]] = LabelledRecipe

    def train(self, batches, draws):
        latents = shifted(draws["latents"], draws["labels"]) + draws["mix"][..., None]
        losses = super().train(batches, {"latents": latents})
        penalty = draws["mix"].mean(axis=(1, 2), dtype=self._dtype)
        return {
            "penalty": penalty,
            "critic": losses["discriminator"],
            "generator": losses["generator"],
        }

    def sample(self, latents, labels):
        return super().sample(shifted(latents, labels))

    def forward(self, latents, images, training, labels):
        return super().forward(shifted(latents, labels), images, training)
