"""Faults of what `weights` and `set_weights` exchange."""

from typing import ClassVar

import numpy as np

from broken_trainers.registry import fails
from gan_bench.testing import FakeTrainer


class Renaming(FakeTrainer):
    """Calls its tensors otherwise outside, and takes either name."""

    renamed: ClassVar[dict[str, str]] = {}

    def weights(self):
        return {self.renamed.get(name, name): value for name, value in super().weights().items()}

    def set_weights(self, weights):
        back = {other: name for name, other in self.renamed.items()}
        super().set_weights({back.get(name, name): value for name, value in weights.items()})


@fails("weight names", "weights of the recipe", "weights round trip")
class NamesAreTheFrameworks(Renaming):
    renamed: ClassVar[dict[str, str]] = {"generator.0.kernel": "generator.0.weight"}


@fails("weight names", "weights of the recipe", "weights round trip")
class LayersHaveGaps(Renaming):
    renamed: ClassVar[dict[str, str]] = {
        "generator.2.kernel": "generator.4.kernel",
        "generator.2.bias": "generator.4.bias",
    }


@fails("weights of the recipe", "weights round trip")
class KernelsAreTransposed(FakeTrainer):
    """Keeps torch's (out, in) outside, and takes either layout."""

    def weights(self):
        return {
            name: value.T if name == "discriminator.0.kernel" else value
            for name, value in super().weights().items()
        }

    def set_weights(self, weights):
        shapes = self.recipe.shapes()
        super().set_weights(
            {
                name: value if value.shape == shapes[name] else value.T
                for name, value in weights.items()
            }
        )


@fails("weights round trip")
class SetWeightsSkipsBiases(FakeTrainer):
    def set_weights(self, weights):
        super().set_weights(
            {
                name: self._tensors[name] if name.endswith("bias") else value
                for name, value in weights.items()
            }
        )


@fails("weights round trip", "field dtype")
class WeightsAreAlwaysSingle(FakeTrainer):
    """Rounds weights to float32 on their way in; in float64 that shows."""

    def __init__(self, recipe, *args, **kwargs):
        super().__init__(recipe.model_copy(update={"dtype": "float32"}), *args, **kwargs)

    def weights(self):
        return {name: value.astype(np.float64) for name, value in super().weights().items()}


@fails("weights are copies")
class WeightsAreReferences(FakeTrainer):
    def weights(self):
        return dict(self._tensors)


@fails("weights are copies")
class WeightsAreViewsThatTrain(FakeTrainer):
    def weights(self):
        views = {name: tensor.view() for name, tensor in self._tensors.items()}
        for view in views.values():
            view.flags.writeable = False
        return views

    def train(self, batches, draws):
        storage = self._tensors
        self._tensors = {name: tensor.copy() for name, tensor in storage.items()}
        losses = super().train(batches, draws)
        for name, tensor in self._tensors.items():
            storage[name][...] = tensor
        self._tensors = storage
        return losses


@fails("set weights copies")
class SetWeightsKeepsReferences(FakeTrainer):
    def set_weights(self, weights):
        super().set_weights(weights)
        self._tensors = {
            name: weights[name].astype(self._dtype, copy=False) for name in self._tensors
        }


@fails("set weights keeps the rest")
class SetWeightsResetsOptimisers(FakeTrainer):
    def set_weights(self, weights):
        super().set_weights(weights)
        self._velocities = {name: 0 * value for name, value in self._velocities.items()}


@fails("set weights keeps the rest")
class SetWeightsReseedsDropout(FakeTrainer):
    def set_weights(self, weights):
        super().set_weights(weights)
        self._dropout_numbers = np.random.Generator(np.random.PCG64(0))
