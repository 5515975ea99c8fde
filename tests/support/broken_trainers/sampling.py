"""Faults of what `sample` and `forward` return and leave alone."""

import numpy as np

from broken_trainers.registry import BITS, SAMPLED, fails
from gan_bench.testing import FakeTrainer


def grey_levels(images):
    """Return float images in [-1, 1] as uint8."""
    return np.rint((images + 1) * 127.5).astype(np.uint8)


@fails("first steps")
class SamplesAreFloat(FakeTrainer):
    def sample(self, latents, labels=None):
        return super().sample(latents) / np.float32(255)


@fails("first steps")
class SamplesAreWholeBatches(FakeTrainer):
    def sample(self, latents, labels=None):
        size = self.recipe.batch_size
        whole = max(size, len(latents) // size * size)
        return super().sample(np.resize(latents, (whole, latents.shape[1])))


@fails("sample shape", "sample rows")
class OneSampleIsNoBatch(FakeTrainer):
    def sample(self, latents, labels=None):
        images = super().sample(latents)
        return images if len(images) > 1 else images[0]


@fails("sample rows", "forward agrees with sample")
class SamplesWithBatchStatistics(FakeTrainer):
    def sample(self, latents, labels=None):
        return grey_levels(self._images(latents.astype(self._dtype), True))


@fails("sample repeats", "sample rows", "forward agrees with sample", *SAMPLED, *BITS)
class SamplesAreNoisy(FakeTrainer):
    def sample(self, latents, labels=None):
        images = super().sample(latents)
        return images + np.random.default_rng().integers(0, 3, images.shape, dtype=np.uint8)


@fails("samples differ", "forward agrees with sample")
class SamplesAreAllEqual(FakeTrainer):
    def sample(self, latents, labels=None):
        return np.repeat(super().sample(latents[:1] * 0 + 1), len(latents), axis=0)


@fails("sample leaves no trace")
class SamplingDrawsFromDropoutsNumbers(FakeTrainer):
    def sample(self, latents, labels=None):
        self._dropout_numbers.random(3)
        return super().sample(latents)


@fails("sample leaves no trace", "sample repeats", "sample rows", *SAMPLED)
class SamplingMovesStatistics(FakeTrainer):
    def sample(self, latents, labels=None):
        images = super().sample(latents)
        self._pass(latents.astype(self._dtype))
        return images


@fails("forward outputs", "forward agrees with sample")
class ForwardIsChannelsFirst(FakeTrainer):
    def forward(self, latents, images, training):
        made, judged = super().forward(latents, images, training)
        return np.moveaxis(made, -1, 1), judged


@fails("forward outputs")
class LogitsAreAColumn(FakeTrainer):
    def forward(self, latents, images, training):
        made, judged = super().forward(latents, images, training)
        return made, judged[:, None]


@fails("forward outputs")
class LogitsAreProbabilities(FakeTrainer):
    def forward(self, latents, images, training):
        made, judged = super().forward(latents, images, training)
        return made, 1 / (1 + np.exp(-judged))


@fails("forward outputs", "forward agrees with sample")
class ForwardGivesGreyLevels(FakeTrainer):
    def forward(self, latents, images, training):
        made, judged = super().forward(latents, images, training)
        return (made + 1) * 127.5, judged


@fails("forward modes")
class ForwardIgnoresTraining(FakeTrainer):
    def forward(self, latents, images, training):
        return super().forward(latents, images, False)


@fails("forward modes")
class ForwardKeepsDropoutOn(FakeTrainer):
    def forward(self, latents, images, training):
        made, judged = super().forward(latents, images, training)
        noise = np.random.default_rng().random(judged.shape) if training else 0
        return made, judged + noise


@fails("forward modes")
class ForwardDropsByAGlobalGenerator(FakeTrainer):
    def forward(self, latents, images, training):
        made, judged = super().forward(latents, images, training)
        noise = np.random.random_sample(judged.shape) if training else 0
        return made, judged + noise


@fails("forward leaves no trace")
class ForwardMovesStatistics(FakeTrainer):
    def forward(self, latents, images, training):
        outputs = super().forward(latents, images, training)
        if training:
            self._pass(latents.astype(self._dtype))
        return outputs


@fails("forward leaves no trace")
class ForwardDrawsDropout(FakeTrainer):
    def forward(self, latents, images, training):
        self._dropout_numbers.random(3)
        return super().forward(latents, images, training)


@fails("forward agrees with sample")
class SamplesOverflow(FakeTrainer):
    def sample(self, latents, labels=None):
        made, _ = self.forward(latents, np.zeros((1, *self._image_shape), np.float32), False)
        return (made * 128 + 128).astype(np.int64).astype(np.uint8)
