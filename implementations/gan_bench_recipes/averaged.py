"""What the recipes share that sample with a moving average of the generator."""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray


class Averaged:
    """After each step the average takes in ``1 - average_decay`` of the generator's tensors.

    It starts as the generator. The moving statistics of batch normalisation are averaged, too.
    """

    networks: ClassVar[tuple[str, ...]] = ("generator", "discriminator", "average")
    sampler: ClassVar[str] = "average"

    def initial_weights(self: Any, seed: int) -> dict[str, NDArray[np.float32]]:
        """Return every tensor at the start; the average's are those of the generator."""
        weights = super().initial_weights(seed)
        prefix = "generator."
        copies = {
            f"average.{name.removeprefix(prefix)}": tensor.copy()
            for name, tensor in weights.items()
            if name.startswith(prefix)
        }
        return weights | copies
