"""Faults of the class and of its recipe."""

from typing import ClassVar

import numpy as np
from pydantic import ConfigDict, field_serializer

from broken_trainers.registry import fails
from gan_bench.recipe import Recipe
from gan_bench.testing import FakeRecipe, FakeTrainer
from labelled import LabelledTrainer


@fails("contract")
class HasNoFramework(FakeTrainer):
    framework = ""


@fails("contract")
class HasNoRecipeClass(FakeTrainer):
    recipe_class = dict


@fails("contract", "first steps")
class SampleTakesNoLabels(LabelledTrainer):
    def sample(self, latents):
        return FakeTrainer.sample(self, latents)


@fails("labels matter", "forward agrees with sample")
class SamplesIgnoreTheirLabels(LabelledTrainer):
    def sample(self, latents, labels):
        return FakeTrainer.sample(self, latents)


@fails("first steps")
class ADeclaredLossIsNeverReturned(LabelledTrainer):
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        del losses["penalty"]
        return losses


@fails("first steps")
class AnUndeclaredLossIsReturned(FakeTrainer):
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        return losses | {"penalty": losses["generator"]}


@fails("contract")
class TakesLatentsAsTheFirstVersionDid(FakeTrainer):
    def train(self, batches, latents):
        return super().train(batches, latents)


@fails("contract")
class SamplesFromNoNetwork(FakeTrainer):
    class AveragedRecipe(FakeRecipe):
        sampler: ClassVar[str] = "generator_ema"

    recipe_class: ClassVar[type[Recipe]] = AveragedRecipe


@fails("weight names")
class ANetworkIsNotDeclared(FakeTrainer):
    critic = np.zeros(1)

    def weights(self):
        return super().weights() | {"critic.0.bias": self.critic.astype(self._dtype)}

    def set_weights(self, weights):
        self.critic = np.array(weights.get("critic.0.bias", self.critic))
        super().set_weights({k: v for k, v in weights.items() if not k.startswith("critic.")})


@fails("weight names")
class ADeclaredNetworkIsMissing(FakeTrainer):
    class AveragedRecipe(FakeRecipe):
        networks: ClassVar[tuple[str, ...]] = ("generator", "discriminator", "generator_ema")

    recipe_class: ClassVar[type[Recipe]] = AveragedRecipe


@fails(
    "contract",
    "forward outputs",
    "forward modes",
    "forward leaves no trace",
    "forward agrees with sample",
)
class HasNoForward(FakeTrainer):
    forward = None


@fails("unknown devices")
class AcceptsAnyDevice(FakeTrainer):
    def __init__(self, *args, device, **kwargs):
        super().__init__(*args, device="cpu", **kwargs)


@fails("unknown devices")
class CrashesOnUnknownDevices(FakeTrainer):
    def __init__(self, *args, device, **kwargs):
        if device != "cpu":
            raise RuntimeError("invalid device ordinal")
        super().__init__(*args, device=device, **kwargs)


@fails("recipe as json")
class WritesItsRecipeRounded(FakeTrainer):
    class RoundedRecipe(FakeRecipe):
        @field_serializer("learning_rate", when_used="json")
        def rounded(self, value: float) -> float:
            return round(value, 1) or 0.1

    recipe_class: ClassVar[type[Recipe]] = RoundedRecipe


@fails("unknown fields")
class IgnoresUnknownFields(FakeTrainer):
    class LaxRecipe(FakeRecipe):
        model_config = ConfigDict(extra="ignore")

    recipe_class: ClassVar[type[Recipe]] = LaxRecipe


@fails("initial weights are pure")
class InitialWeightsIgnoreTheSeed(FakeTrainer):
    class ConstantRecipe(FakeRecipe):
        def initial_weights(self, seed):
            return super().initial_weights(0)

    recipe_class: ClassVar[type[Recipe]] = ConstantRecipe


@fails("initial weights are pure")
class InitialWeightsAreShared(FakeTrainer):
    class CachingRecipe(FakeRecipe):
        def initial_weights(self, seed):
            key = (type(self), seed, str(self))
            if key not in CACHE:
                CACHE[key] = super().initial_weights(seed)
            return CACHE[key] if seed == 0 else super().initial_weights(seed)

    recipe_class: ClassVar[type[Recipe]] = CachingRecipe


CACHE: dict = {}


@fails("initial weights are pure")
class InitialWeightsAreDouble(FakeTrainer):
    class DoubleRecipe(FakeRecipe):
        def initial_weights(self, seed):
            weights = super().initial_weights(seed)
            return {name: tensor.astype(np.float64) for name, tensor in weights.items()}

    recipe_class: ClassVar[type[Recipe]] = DoubleRecipe


@fails("costs")
class RecipeCountsMovingStatistics(FakeTrainer):
    class MiscountingRecipe(FakeRecipe):
        def parameter_counts(self):
            counts = super().parameter_counts()
            return counts | {"generator": counts["generator"] + 2 * self.hidden}

    recipe_class: ClassVar[type[Recipe]] = MiscountingRecipe


@fails("costs")
class RecipeForgetsTheFirstProduct(FakeTrainer):
    class MiscountingRecipe(FakeRecipe):
        def forward_multiply_adds(self):
            counts = super().forward_multiply_adds()
            return counts | {"generator": counts["generator"] - self.latent_size * self.hidden}

    recipe_class: ClassVar[type[Recipe]] = MiscountingRecipe


@fails("costs")
class CountsTheBackwardPassToo(FakeTrainer):
    def multiply_adds(self):
        return {name: 3 * count for name, count in super().multiply_adds().items()}
