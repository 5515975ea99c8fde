"""Faults of what `train` does and returns."""

from typing import ClassVar

import numpy as np

from broken_trainers.registry import BITS, CONTINUING, fails
from gan_bench.recipe import Recipe
from gan_bench.testing import FakeRecipe, FakeTrainer
from labelled import LabelledRecipe, LabelledTrainer


@fails("first steps")
class LossesAreDouble(FakeTrainer):
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        return losses | {"generator": losses["generator"].astype(np.float64)}


@fails("losses")
class LossesAreNaN(FakeTrainer):
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        return losses | {"discriminator": losses["discriminator"] * np.float32("nan")}


@fails("first steps")
class LossesAreColumns(FakeTrainer):
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        return losses | {"generator": losses["generator"][:, None]}


@fails("first steps")
class LossesAreLists(FakeTrainer):
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        return losses | {"generator": list(losses["generator"])}


@fails("first steps")
class LossesAreOneACall(FakeTrainer):
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        return losses | {"generator": losses["generator"].mean(keepdims=True)}


@fails("losses")
class ProbabilitiesAreLogits(FakeTrainer):
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        return losses | {"d_real": np.log(losses["d_real"] / (1 - losses["d_real"])) - 1}


@fails(
    "losses are copies",
    *BITS - {"same seed", "unused images", "set weights keeps the rest"} - CONTINUING,
)
class LossesAreViewsOfABuffer(FakeTrainer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._buffer = np.zeros(100, np.float32)

    def train(self, batches, draws):
        losses = super().train(batches, draws)
        view = self._buffer[: len(losses["generator"])]
        view[...] = losses["generator"]
        return losses | {"generator": view}


class Freezing(FakeTrainer):
    """Forgets some tensors in its optimiser."""

    frozen = ""

    def _descend(self, gradients):
        super()._descend(
            {name: value for name, value in gradients.items() if not name.startswith(self.frozen)}
        )


@fails("everything learns")
class GeneratorIsFrozen(Freezing):
    frozen = "generator."


@fails("everything learns")
class ALayerIsFrozen(Freezing):
    frozen = "discriminator.0"


@fails("everything learns")
class AGammaIsFrozen(Freezing):
    frozen = "generator.1.gamma"


@fails("everything learns")
class TheLastBiasIsFrozen(Freezing):
    frozen = "discriminator.1.bias"


class Averaging(FakeTrainer):
    """Keeps a slow average of its generator."""

    class AveragedRecipe(FakeRecipe):
        networks: ClassVar[tuple[str, ...]] = ("generator", "discriminator", "average")
        sampler: ClassVar[str] = "average"

        def shapes(self):
            own = super().shapes()
            return own | {
                name.replace("generator.", "average."): shape
                for name, shape in own.items()
                if name.startswith("generator.")
            }

        def parameter_counts(self):
            return None

        def forward_multiply_adds(self):
            return None

    recipe_class: ClassVar[type[Recipe]] = AveragedRecipe
    left_out = "nothing"

    def _step(self, batches, latents):
        losses = super()._step(batches, latents)
        for name, value in self._tensors.items():
            _, _, tensor = name.partition(".")
            if name.startswith("average.") and not tensor.endswith(self.left_out):
                new = self._tensors[f"generator.{tensor}"]
                share = self._dtype.type(1e-6 if tensor.endswith("gamma") else 0.1)
                self._tensors[name] = value + share * (new - value)
        return losses


@fails("everything learns")
class TheAverageLeavesAGammaOut(Averaging):
    left_out = "gamma"


class Embedded(LabelledTrainer):
    """Looks its labels up in a table, which no optimiser knows."""

    TABLE = "generator.3.embeddings"

    class EmbeddedRecipe(LabelledRecipe):
        def shapes(self):
            return super().shapes() | {Embedded.TABLE: (10, self.latent_size)}

        def initial_weights(self, seed):
            table = np.random.default_rng(seed).standard_normal((10, self.latent_size))
            return super().initial_weights(seed) | {Embedded.TABLE: table.astype(np.float32)}

    recipe_class: ClassVar[type[Recipe]] = EmbeddedRecipe

    def shifted(self, latents, labels):
        return (latents + self._tensors[self.TABLE][labels]).astype(latents.dtype)


@fails("everything learns")
class AnEmbeddingIsFrozen(Embedded):
    pass


@fails("everything learns", "field batch_norm_momentum")
class StatisticsDoNotMove(FakeTrainer):
    def _pass(self, latents):
        return self._generate(latents, True)


@fails(*BITS)
class DropoutIsNotSeeded(FakeTrainer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._dropout_numbers = np.random.Generator(np.random.PCG64())


@fails("train in pieces", *BITS - {"same seed", "unused images", "save and load"})
class ScheduleCountsCalls(FakeTrainer):
    calls = 0

    def train(self, batches, draws):
        self.calls += 1
        return super().train(batches, draws)

    def _learning_rate(self):
        return self.recipe.learning_rate * (1 - self.recipe.decay * self.calls / 8)


@fails("train in pieces", *BITS - {"same seed", "unused images"})
class DropoutIsReseededEachCall(FakeTrainer):
    def train(self, batches, draws):
        self._dropout_numbers = np.random.Generator(np.random.PCG64(1))
        return super().train(batches, draws)


@fails(
    "train waits",
    "weights are copies",
    *BITS - {"same seed", "unused images", "save and load", "set weights keeps the rest"},
)
class ReturnsBeforeItIsDone(FakeTrainer):
    """Has the last update still before it when ``train`` returns; it ends during the next read."""

    late = False

    def train(self, batches, draws):
        self.finish()
        losses = super().train(batches, draws)
        self.late = True
        return losses

    def finish(self):
        if self.late:
            self._tensors["discriminator.1.bias"] = self._tensors["discriminator.1.bias"] + 1
        self.late = False

    def weights(self):
        unfinished = super().weights()
        self.finish()
        return unfinished


@fails("arguments untouched")
class NormalisesLatentsInPlace(FakeTrainer):
    def train(self, batches, draws):
        losses = super().train(batches, draws)
        latents = draws["latents"]
        latents /= np.linalg.norm(latents, axis=-1, keepdims=True)
        return losses


@fails("arguments untouched")
class WritesToTheImages(FakeTrainer):
    def __init__(self, recipe, images, labels, **kwargs):
        super().__init__(recipe, images, labels, **kwargs)
        images[:] = 0


@fails("arguments copied", *CONTINUING)
class RemembersTheLastLatents(FakeTrainer):
    """Nudges a bias by the last step's latents, of which it keeps a view (and saves none)."""

    last = np.zeros(1)

    def train(self, batches, draws):
        losses = []
        for step in range(len(batches)):
            self._tensors["generator.2.bias"] = self._tensors["generator.2.bias"] + np.mean(
                self.last, dtype=self._dtype
            )
            given = {"latents": draws["latents"][step : step + 1]}
            losses.append(super().train(batches[step : step + 1], given))
            self.last = draws["latents"][step]
        return {name: np.concatenate([part[name] for part in losses]) for name in losses[0]}
