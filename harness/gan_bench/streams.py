"""Random streams as pure functions of (seed, stream, index), the same in every process.

Counter-based Philox (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): seed and
stream are the key, and the index is in the high half of the counter. Streams therefore never
overlap, and the numbers of any step can be generated without those before it.

The harness itself uses streams only. A trainer may use the global generators of its libraries: see
`gan_bench.plugins.frameworks.GlobalState`.
"""

import hashlib
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
    STACKING = 8
    SENSITIVITY = 9


def stream_of(name: str) -> int:
    """Return the stream of a step's draw by its name.

    The latents have that of `Stream`; no other draw's equals one of `Stream`.
    """
    if name == "latents":
        return Stream.TRAINING_LATENTS
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]) | 1 << 63


def generator(seed: int, stream: int, index: int = 0) -> np.random.Generator:
    """Return a generator whose numbers depend only on the three arguments.

    Parameters
    ----------
    seed
        0 <= seed < 2**64.
    stream
        Purpose of the numbers: a `Stream`, or `stream_of` a draw's name.
    index
        0 <= index < 2**64, such as a step, an epoch or a tensor.
    """
    key = np.array([seed, int(stream)], dtype=np.uint64)
    counter = np.array([0, 0, index, 0], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))
