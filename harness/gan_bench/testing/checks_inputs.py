"""Checks that training uses the batches and latents it is given, all of them and nothing else."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gan_bench.testing.check_result import CheckSkipped
from gan_bench.testing.subject import STEPS, Subject


def every_draw(subject: Subject) -> None:
    """Train on each of a step's draws of latents, to its last row."""
    for draw in range(subject.recipe.draws_per_step):
        latents = subject.latents()
        latents[-1, draw, -1] = subject.noise(4)
        _expect_effect(
            subject,
            subject.batches(),
            latents,
            f"Other latents in the last row of draw {draw} of step {STEPS - 1} change no weight.",
        )


def every_real_batch(subject: Subject) -> None:
    """Train on each of a step's real batches, to its last image."""
    for batch in range(subject.recipe.real_batches_per_step):
        batches = subject.batches()
        batches[-1, batch, -1] = _different_image(subject, int(batches[-1, batch, -1]))
        _expect_effect(
            subject,
            batches,
            subject.latents(),
            f"Another last image in real batch {batch} of step {STEPS - 1} changes no weight.",
        )


def unused_images(subject: Subject) -> None:
    """Train on the images of the batches alone."""
    unused = len(subject.images) // 2
    if unused == 0:
        raise CheckSkipped("There is no image to leave out.")
    images = subject.images.copy()
    images[unused:] = 255 - images[unused:]
    other = replace(subject, images=images)
    finding = "Other images, in no batch that was trained on, end in other bits"
    subject.expect_same(subject.reference, other.reference, finding)


def _expect_effect(
    subject: Subject, batches: NDArray[np.int64], latents: NDArray[np.float32], finding: str
) -> None:
    after = subject.weights_after(batches, latents)
    reference = {name: subject.reference[name] for name in after}
    subject.expect_other(reference, after, finding)


def _different_image(subject: Subject, index: int) -> int:
    """Return the index of the image least like the one at ``index``."""
    images = subject.images.astype(np.int16)
    distances = np.abs(images - images[index]).sum(axis=(1, 2, 3), dtype=np.int64)
    if not distances.any():
        raise CheckSkipped("All images are equal.")
    return int(distances.argmax())


CHECKS = (every_draw, every_real_batch, unused_images)
