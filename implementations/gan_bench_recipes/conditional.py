"""conditional: digits on request, a class embedding against a projection discriminator."""

from typing import ClassVar

from gan_bench.recipe import Draw
from gan_bench_recipes.base import hyperparameter
from gan_bench_recipes.layers import (
    Constant,
    Dense,
    Embedding,
    Network,
    Normal,
    Projection,
    Residual,
    SpectralNormalisation,
    SumOverPixels,
)
from gan_bench_recipes.sngan import Sngan


class Conditional(Sngan):
    """sngan with labels: images of a class that is asked for.

    The discriminator is the paper's, a projection: the logit of an image x of class y is a dense
    layer's output plus <e(y), h>. h are the sums over the pixels of the last maps, and e(y) is a
    vector for each class, with spectral normalisation as all other layers. Real images come with
    their labels, fakes with labels drawn uniformly.

    *Chosen*: the generator, which is sngan's with another vector for each class behind the latents,
    where the paper normalises batches by class; sngan's layers, loss, Adam and order of updates.

    References
    ----------
    Miyato and Koyama 2018, "cGANs with projection discriminator".
    """

    name: ClassVar[str] = "conditional"
    source: ClassVar[str] = "Miyato and Koyama 2018, cGANs with projection discriminator"
    conditional: ClassVar[bool] = True

    classes: int = hyperparameter(10, "most classes that the data set may have", "chosen", ge=1)
    embedding_size: int = hyperparameter(
        32, "numbers of a class's vector in the generator", "chosen", ge=1
    )

    def draws(self) -> dict[str, Draw]:
        """Return what is random in a step, by name: with each batch of latents its labels."""
        labels = Draw((), self.latent_batches_per_step, "classes")
        return super().draws() | {"fake_labels": labels}

    def generator(self) -> Network:
        """Return the generator's layers."""
        embedding = Embedding(self.classes, self.embedding_size, Normal(0.0, 1.0))
        return Network((self.latent_size,), (embedding, *super().generator().layers))

    def discriminator(self) -> Network:
        """Return the discriminator's layers."""
        kernel = self._kernel()
        *maps, _, _ = super().discriminator().layers  # all but flattening and its dense layer
        return Network(
            self.image_shape,
            (
                *maps,
                SumOverPixels(),
                Residual(
                    (SpectralNormalisation(Dense(1, kernel, Constant(0.0))),),
                    (SpectralNormalisation(Projection(self.classes, kernel)),),
                ),
            ),
        )

    def generator_update(self) -> int:
        """Return the multiply-adds, with those of the gradient towards the classes' vectors."""
        _, dense, *_ = self.generator().layers
        return super().generator_update() + dense.multiply_adds((self.embedding_size,))

    @classmethod
    def conventions(cls, framework: str) -> dict[str, str]:
        """Return what is pinned and no field."""
        return super().conventions(framework) | {
            "embeddings": "the generator's start as N(0, 1), the discriminator's as its kernels",
        }
