"""What the recipes share that update both networks by gradients of the same weights."""

from gan_bench_recipes.base import LayeredRecipe


class Simultaneous(LayeredRecipe):
    """One draw of latents and one pass of the discriminator over the fakes serve both updates.

    Their kernels start as Glorot's, their padding is Keras'.
    """

    @classmethod
    def conventions(cls, framework: str) -> dict[str, str]:
        """Return what is pinned and no field."""
        return super().conventions(framework) | {
            "kernels at the start": "Glorot uniform times initial_gain, biases 0",
            "padding": "same as Keras computes it",
        }

    def multiply_adds_per_step(self) -> int:
        """Return the multiply-adds of the matrix products and convolutions that a step needs."""
        made = self.generator().forward()
        shared = self.discriminator().forward()  # the fakes' pass serves both updates
        updates = self.discriminator_update() + self.generator_update() - shared
        return self.batch_size * (made + updates)
