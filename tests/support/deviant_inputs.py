"""torch-augment and torch-conditional with one deviation each in what the networks see."""

import torch

from gan_bench_torch.augment import Augment
from gan_bench_torch.augmentation import cut_out, translated
from gan_bench_torch.conditional import Conditional
from gan_bench_torch.layers import Embedding, SpectralEmbedding


class SoundAugment(Augment):
    """Deviates in nothing."""


class RealImagesOnly(Augment):
    def update(self, real, draws):
        self.seen = 0
        return super().update(real, draws)

    def augmented(self, images, shifts, cuts):
        self.seen += 1
        return super().augmented(images, shifts, cuts) if self.seen == 1 else images


class GradientPassesBy(Augment):
    def augmented(self, images, shifts, cuts):
        return images + (super().augmented(images, shifts, cuts) - images).detach()


class CutBeforeMoved(Augment):
    def augmented(self, images, shifts, cuts):
        cut = cut_out(images, cuts, self.recipe.cutout)
        return translated(cut, shifts, self.recipe.translation)


class SameForAll(Augment):
    def update(self, real, draws):
        first = {name: draws[name][:1].expand_as(draws[name]) for name in ("shifts", "cuts")}
        return super().update(real, {**draws, **first})


class SoundConditional(Conditional):
    """Deviates in nothing."""


def layer(network, kind):
    return next(one for one in network.modules() if isinstance(one, kind))


class EmbeddingNotUsed(Conditional):
    def build_networks(self):
        super().build_networks()
        embedding = layer(self.generator, Embedding)
        size = embedding.embedding_dim
        embedding.forward = lambda inputs, labels: torch.cat([inputs, inputs[:, :size]], 1)


class EmbeddingShared(Conditional):
    def build_networks(self):
        super().build_networks()
        shared = layer(self.generator, Embedding).weight
        layer(self.discriminator, SpectralEmbedding).forward = lambda labels: shared[labels]


class EmbeddingNotNormalised(Conditional):
    def build_networks(self):
        super().build_networks()
        embedding = layer(self.discriminator, SpectralEmbedding)
        embedding.normalised = lambda: embedding.weight


class LabelsOfTheFakes(Conditional):
    def update_discriminator(self, images, noise, *, fake_labels, real_labels):
        given = {"fake_labels": fake_labels, "real_labels": fake_labels}
        return super().update_discriminator(images, noise, **given)
