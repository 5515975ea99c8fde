"""PyTorch's trainers, each with one deviation, such as frameworks' defaults bring about."""

import torch
from torch import nn
from torch.nn import functional

from gan_bench_torch import losses
from gan_bench_torch.augment import Augment
from gan_bench_torch.augmentation import cut_out, translated
from gan_bench_torch.base import descend
from gan_bench_torch.baseline import Baseline
from gan_bench_torch.conditional import Conditional
from gan_bench_torch.cosine import Cosine
from gan_bench_torch.layers import (
    BatchNorm,
    Embedding,
    Residual,
    SameConv2d,
    SpectralEmbedding,
    _Spectral,
)
from gan_bench_torch.optimisers import Adam
from gan_bench_torch.r3gan import R3gan
from gan_bench_torch.resnet import Resnet
from gan_bench_torch.wgan_gp import WganGp


class _Changed(Baseline):
    kind: type[nn.Module]

    def build_networks(self):
        super().build_networks()
        layers = [*self.generator.modules(), *self.discriminator.modules()]
        for layer in layers:
            if isinstance(layer, self.kind):
                self.change(layer)


class BatchNormEpsilonOfTorch(_Changed):
    kind = BatchNorm

    def change(self, layer):
        layer.eps = 1e-5


class BatchNormMomentumSwapped(_Changed):
    kind = BatchNorm

    def change(self, layer):
        layer.momentum = 1 - layer.momentum


class UnbiasedRunningVariance(_Changed):
    kind = BatchNorm

    def change(self, layer):
        layer.biased = False


class AnotherSlope(_Changed):
    kind = nn.LeakyReLU

    def change(self, layer):
        layer.negative_slope = 0.2


class _Shifted(SameConv2d):
    def forward(self, inputs):
        """Pad what is odd above and left, as no framework's "same" does."""
        return functional.conv2d(
            functional.pad(inputs, (2, 1, 2, 1)), self.weight, self.bias, self.stride
        )


class SamePaddingShifted(_Changed):
    kind = SameConv2d

    def change(self, layer):
        layer.__class__ = _Shifted


class AdamEpsilonAfterCorrection(Baseline):
    def build_optimisers(self):
        self.recipe = self.recipe.model_copy(update={"adam_epsilon_form": "after"})
        super().build_optimisers()


class InitialScaleDoubled(Baseline):
    def set_weights(self, weights):
        super().set_weights(
            {
                name: tensor * 2 if name.endswith("kernel") else tensor
                for name, tensor in weights.items()
            }
        )


class BetaIgnored(_Changed):
    kind = BatchNorm

    def change(self, layer):
        def normalised(inputs, mean, variance, weight):
            no_shift = torch.zeros_like(layer.bias)
            return functional.batch_norm(
                inputs, mean, variance, layer.weight, no_shift, layer.training, weight, layer.eps
            )

        layer._normalised = normalised


class BiasNeverTrained(Baseline):
    def build_optimisers(self):
        super().build_optimisers()
        del self.discriminator_optimiser.param_groups[0]["params"][1]


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


class NoPowerIteration(Resnet):
    def build_networks(self):
        super().build_networks()
        for layer in self.discriminator.modules():
            if isinstance(layer, _Spectral):
                layer.iterate = lambda: None


class NormalisedAfterTheUpdate(Resnet):
    """Makes its power iteration between the updates, as a layer that does so in each pass."""

    def update_generator(self, noise, images):
        for layer in self.discriminator.modules():
            if isinstance(layer, _Spectral):
                layer.iterate()
        return super().update_generator(noise, images)


class _WithoutAShortcut:
    def build_networks(self):
        super().build_networks()
        (*_, last) = [part for part in self.discriminator if isinstance(part, Residual)]
        last.forward = last.branch.forward


class ResnetWithoutAShortcut(_WithoutAShortcut, Resnet):
    """Lacks the last one of the discriminator."""


class R3ganWithoutAShortcut(_WithoutAShortcut, R3gan):
    """Lacks the last one of the discriminator."""


class WithoutR2(R3gan):
    def update_discriminator(self, images, noise):
        with torch.no_grad():
            fakes = self.generator(noise)
        on_real, r1 = losses.zero_centred_penalty(self.discriminator, images)
        on_fake, r2 = losses.zero_centred_penalty(self.discriminator, fakes)
        loss = losses.relativistic(on_real, on_fake) + self.recipe.penalty_weight * r1
        descend(loss, self.discriminator_optimiser)
        return {"discriminator": loss, "r1": r1, "r2": r2}


class PairedWithNothing(R3gan):
    """Updates its generator as a GAN without pairs would."""

    def update_generator(self, noise, images):
        loss = losses.cross_entropy(self.discriminator(self.generator(noise)), True)
        descend(loss, self.generator_optimiser)
        return {"generator": loss}


class AverageThatStays(R3gan):
    def update(self, real, draws):
        kept = [tensor.clone() for tensor in self.average.parameters()]
        made = super().update(real, draws)
        with torch.no_grad():
            for tensor, value in zip(self.average.parameters(), kept, strict=True):
                tensor.copy_(value)
        return made


class PenaltyOfOne(WganGp):
    def update_discriminator(self, images, noise, mix):
        recipe = self.recipe
        self.recipe = recipe.model_copy(update={"penalty_weight": 1.0})
        try:
            return super().update_discriminator(images, noise, mix)
        finally:
            self.recipe = recipe


class MixTurnedAround(WganGp):
    def update_discriminator(self, images, noise, mix):
        return super().update_discriminator(images, noise, 1 - mix)


class RateThatStays(Cosine):
    def build_optimisers(self):
        rate = self.recipe.learning_rate
        self.generator_optimiser = Adam(self.generator, rate, **self.recipe.adam)
        self.discriminator_optimiser = Adam(self.discriminator, rate, **self.recipe.adam)
