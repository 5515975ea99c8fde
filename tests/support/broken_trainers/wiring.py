"""Fields of the recipe that change nothing, or that crash."""

from typing import ClassVar

from pydantic import Field

from broken_trainers.registry import fails
from gan_bench.recipe import Recipe
from gan_bench.testing import FakeRecipe, FakeTrainer
from gan_bench.trainer import Unsupported


class Ignoring(FakeTrainer):
    """Takes the default value of a field whatever the recipe says."""

    ignored = ""

    def __init__(self, recipe, *args, **kwargs):
        default = getattr(FakeRecipe(), self.ignored)
        super().__init__(recipe.model_copy(update={self.ignored: default}), *args, **kwargs)


def ignoring(field: str) -> type[FakeTrainer]:
    """Return a trainer that ignores a field of the recipe."""
    return type(f"Ignores_{field}", (Ignoring,), {"ignored": field})


for wired in (
    "latent_size",
    "dtype",
    "hidden",
    "resolution",
    "discriminator_steps",
    "learning_rate",
    "decay",
    "momentum",
    "dropout",
    "leaky_slope",
    "batch_norm_momentum",
    "batch_norm_epsilon",
):
    fails(f"field {wired}")(ignoring(wired))


@fails("field generator_steps")
class TrainsTheGeneratorOnce(FakeTrainer):
    def _step(self, batches, latents):
        updates = self.recipe.discriminator_steps
        return super()._step(batches, latents[: updates + 1])


@fails("field batch_size")
class TakesNoOtherBatchSize(FakeTrainer):
    def train(self, batches, draws):
        if batches.shape[-1] != 8:
            raise ValueError(f"shapes {batches.shape} and (8,) do not match")
        return super().train(batches, draws)


@fails("field factors")
class IgnoresATuplesSecondElement(FakeTrainer):
    class TupleRecipe(FakeRecipe):
        factors: tuple[float, float] = (1.0, 1.0)

    recipe_class: ClassVar[type[Recipe]] = TupleRecipe

    def _learning_rate(self):
        return super()._learning_rate() * self.recipe.factors[0]


@fails("field note")
class HasAFieldWithoutExamples(FakeTrainer):
    class NotedRecipe(FakeRecipe):
        note: str = "a remark"

    recipe_class: ClassVar[type[Recipe]] = NotedRecipe


@fails("field rate")
class HasAnExampleThatChangesNothing(FakeTrainer):
    class UnwiredRecipe(FakeRecipe):
        rate: float = Field(default=0.5, examples=[0.25])

    recipe_class: ClassVar[type[Recipe]] = UnwiredRecipe


@fails("field epochs")
class HasEpochsWithOneValue(FakeTrainer):
    class OneEpochRecipe(FakeRecipe):
        epochs: int = Field(default=1, ge=1, le=1)

    recipe_class: ClassVar[type[Recipe]] = OneEpochRecipe


@fails("field latent_distribution")
class CrashesOnUniformLatents(FakeTrainer):
    def __init__(self, recipe, *args, **kwargs):
        if recipe.latent_distribution == "uniform":
            raise KeyError("uniform")
        super().__init__(recipe, *args, **kwargs)


class RefusesDouble(FakeTrainer):
    """Not broken: says that it cannot do float64."""

    def __init__(self, recipe, *args, **kwargs):
        if recipe.dtype == "float64":
            raise Unsupported("float32 only.")
        super().__init__(recipe, *args, **kwargs)
