"""Faults of what is trained on."""

import numpy as np

from broken_trainers.registry import BITS, fails
from gan_bench.testing import FakeTrainer
from labelled import LabelledTrainer


@fails("every draw", "field discriminator_steps", "field generator_steps")
class IgnoresTheLastDraw(FakeTrainer):
    def _step(self, batches, latents):
        return super()._step(batches, np.concatenate([latents[:-1], latents[:1]]))


@fails("every draw", "field discriminator_steps", "field generator_steps")
class IgnoresTheLastLatent(FakeTrainer):
    def _step(self, batches, latents):
        return super()._step(batches, latents[:, :-1])


@fails(
    "every draw",
    "field discriminator_steps",
    "field generator_steps",
    *BITS - {"same seed", "unused images"},
)
class RepeatsTheFirstStepsLatents(FakeTrainer):
    def train(self, batches, draws):
        latents = draws["latents"]
        first = np.repeat(latents[:1], len(latents), axis=0)
        return super().train(batches, {"latents": first})


@fails("every draw", "field discriminator_steps", "field generator_steps")
class ADeclaredDrawIsNeverUsed(LabelledTrainer):
    def train(self, batches, draws):
        losses = super().train(batches, draws | {"mix": np.full_like(draws["mix"], 0.5)})
        return losses | {"penalty": draws["mix"].mean(axis=(1, 2), dtype=self._dtype)}


@fails("every draw", "field discriminator_steps", "field generator_steps")
class TheLabelsOfFakesAreNeverUsed(LabelledTrainer):
    def train(self, batches, draws):
        return super().train(batches, draws | {"labels": 0 * draws["labels"]})


@fails("every real label")
class RealLabelsAreIgnored(LabelledTrainer):
    def real_labels(self, batch):
        return 0 * self._labels[batch]


@fails("every real label", "real labels in order")
class RealLabelsAreThoseOfTheFirstImages(LabelledTrainer):
    def real_labels(self, batch):
        return self._labels[: len(batch)]


@fails("every real label", "real labels in order")
class TheLastRealLabelIsIgnored(LabelledTrainer):
    def real_labels(self, batch):
        return self._labels[[*batch[:-1], batch[0]]]


@fails("every real label")
class RealLabelsAreThoseOfTheFirstBatch(LabelledTrainer):
    def _step(self, batches, latents):
        self.first = batches[0]
        return super()._step(batches, latents)

    def real_labels(self, batch):
        return super().real_labels(self.first)


@fails("real labels in order")
class RealLabelsAreThoseOfTheNextImage(LabelledTrainer):
    def real_labels(self, batch):
        return np.roll(super().real_labels(batch), 1)


@fails("real labels in order")
class RealLabelsAreReversed(LabelledTrainer):
    def real_labels(self, batch):
        return super().real_labels(batch)[::-1]


@fails("unused images")
class CentresTheLabels(LabelledTrainer):
    def real_labels(self, batch):
        return super().real_labels(batch) - np.average(self._labels, weights=range(16))


@fails("every real batch", "field discriminator_steps", "field generator_steps")
class RepeatsTheFirstBatch(FakeTrainer):
    def _step(self, batches, latents):
        return super()._step(np.repeat(batches[:1], len(batches), axis=0), latents)


@fails("every real batch", "unused images", "field discriminator_steps", "field generator_steps")
class DrawsItsOwnBatches(FakeTrainer):
    def _step(self, batches, latents):
        own = np.random.default_rng(self._steps_done).integers(len(self._reals), size=batches.shape)
        return super()._step(own, latents)


@fails("unused images")
class CentresTheData(FakeTrainer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._reals = self._reals - self._reals.mean(axis=0)
