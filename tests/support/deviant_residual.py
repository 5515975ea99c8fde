"""torch-resnet, torch-r3gan, torch-wgan-gp and torch-cosine with one deviation each."""

import torch

from gan_bench_torch import losses
from gan_bench_torch.base import descend
from gan_bench_torch.cosine import Cosine
from gan_bench_torch.layers import Residual, _Spectral
from gan_bench_torch.optimisers import Adam
from gan_bench_torch.r3gan import R3gan
from gan_bench_torch.resnet import Resnet
from gan_bench_torch.wgan_gp import WganGp


class SoundResnet(Resnet):
    """Deviates in nothing."""


class SoundR3gan(R3gan):
    """Deviates in nothing."""


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


class _Changed:
    def build_networks(self):
        super().build_networks()
        (*_, last) = [part for part in self.discriminator if isinstance(part, Residual)]
        last.forward = last.branch.forward


class ResnetWithoutAShortcut(_Changed, Resnet):
    """Lacks the last one of the discriminator."""


class R3ganWithoutAShortcut(_Changed, R3gan):
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


class SoundWganGp(WganGp):
    """Deviates in nothing."""


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
