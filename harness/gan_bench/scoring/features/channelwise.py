"""A model of grey images that sees each channel of an RGB image by itself."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_bench.data.stacked import CHANNELS
from gan_bench.errors import GanBenchError
from gan_bench.scoring.features.onnx_model import FeatureModel


class ChannelwiseModel(FeatureModel):
    """A classifier of digits for images of three digits, one in each channel.

    ``features`` are those of the three channels, one after the other. The classes are those of
    `gan_bench.data.stacked`: a class has the sum of the logits of its three digits, so that its
    probability is the product of theirs.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        """Load the model of one channel, see `FeatureModel`."""
        super().__init__(*args, **options)
        self.dimensions *= CHANNELS

    def treatment(self, channels: int) -> str:
        """See `FeatureModel.treatment`."""
        return "each one by itself, their features one after the other"

    def check(self, shape: tuple[int, int, int]) -> None:
        """See `FeatureModel.check`."""
        if shape[2] != CHANNELS:
            raise GanBenchError(
                f"The feature model {self.name} takes each of {CHANNELS} channels by itself here, "
                f"these images have {shape[2]}: choose other features."
            )
        super().check((*shape[:2], 1))

    def _run(self, batch: NDArray[np.uint8], output: str) -> NDArray[np.float32]:
        self._check_batch(batch)
        parts = [
            self._computed(np.ascontiguousarray(batch[..., [channel]]), output)
            for channel in range(CHANNELS)
        ]
        if output == "features":
            return np.concatenate(parts, axis=1)
        first, *others = parts
        for part in others:
            first = (first[:, :, np.newaxis] + part[:, np.newaxis]).reshape(len(batch), -1)
        return first
