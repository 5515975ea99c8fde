"""Faults of the class and of its recipe."""

from typing import ClassVar

import numpy as np
from pydantic import ConfigDict, field_serializer

from broken_trainers.registry import fails
from gan_bench.recipe import Recipe
from gan_bench.testing import FakeRecipe, FakeTrainer


@fails("contract")
class HasNoFramework(FakeTrainer):
    framework = ""


@fails("contract")
class HasNoRecipeClass(FakeTrainer):
    recipe_class = dict


@fails("contract", "sample shape")
class SampleTakesNoLabels(FakeTrainer):
    def sample(self, latents):
        return super().sample(latents).astype(np.float32)


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
