"""Random streams as pure functions of (seed, stream, index), the same in every process.

Counter-based Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): seed and
stream are the key, and the index is in the high half of the counter. Streams therefore never
overlap, and the numbers of any step can be drawn without those before it.
"""

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """Purpose of a stream. Never change a number: it determines the results of runs."""

    BATCHES = 1
    TRAINING_LATENTS = 2
    EVALUATION_LATENTS = 3
    INITIAL_WEIGHTS = 4
    SCORING = 5
    CONFORMANCE = 6
    PARITY = 7


def generator(seed: int, stream: Stream, index: int = 0) -> np.random.Generator:
    """Return a generator whose numbers depend only on the three arguments.

    Parameters
    ----------
    seed
        0 <= seed < 2**64.
    stream
        Purpose of the numbers.
    index
        0 <= index < 2**64, such as a step, an epoch or a tensor.
    """
    key = np.array([seed, int(stream)], dtype=np.uint64)
    counter = np.array([0, 0, index, 0], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
