"""Which images are in which batch: a pure function of seed and step."""

import numpy as np
from numpy.typing import NDArray

from gan_bench.streams import Stream, generator


def batches(
    *,
    seed: int,
    first_step: int,
    steps: int,
    real_batches_per_step: int,
    batch_size: int,
    images: int,
) -> NDArray[np.int64]:
    """Return the batches of the steps first_step, ..., first_step + steps - 1.

    The stream is the concatenation of one permutation of the images for each epoch 0, 1, 2, ...,
    cut into consecutive batches: batches are always full, one may span two epochs, and every image
    is used once before any is used again. A step's batches do not depend on the window asked for,
    and epochs before it are not walked.

    Parameters
    ----------
    seed
        0 <= seed < 2**64.
    first_step, steps
        The window, both >= 0.
    real_batches_per_step
        Batches that a step consumes (p), >= 1.
    batch_size
        Images in a batch, >= 1; more than ``images`` is possible.
    images
        Images in the training split, >= 1.

    Returns
    -------
    int64 (steps, real_batches_per_step, batch_size), indices 0 <= i < images.
    """
    images_per_step = real_batches_per_step * batch_size
    start = first_step * images_per_step
    stop = start + steps * images_per_step
    indices = np.empty(stop - start, dtype=np.int64)
    position = start
    while position < stop:
        epoch, offset = divmod(position, images)
        taken = min(images - offset, stop - position)
        order = generator(seed, Stream.BATCHES, epoch).permutation(images)
        indices[position - start : position - start + taken] = order[offset : offset + taken]
        position += taken
    return indices.reshape(steps, real_batches_per_step, batch_size)
