"""torch-baseline with one deviation each, of the kind that frameworks' defaults bring about."""

import torch
from torch import nn
from torch.nn import functional

from gan_bench_torch.baseline import Baseline
from gan_bench_torch.layers import BatchNorm, SameConv2d


class SoundTwin(Baseline):
    """Deviates in nothing."""


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
